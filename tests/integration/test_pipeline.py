"""The handler's scores are those of transformers' pipeline, for every kind of score."""

import gc
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import pipeline

from scripts.archives import describe
from scripts.archives.reading import read_manifest
from scripts.build import archive
from tests.conftest import encoded, picture
from tests.tiny_models import save
from tests.unit.handler.batches import handled, loaded, new_context

KINDS: dict[str, tuple[str, dict[str, Any], torch.dtype]] = {
    "multi-label": ("ResNet", {"problem_type": "multi_label_classification"}, torch.float32),
    "one logit": ("ConvNext", {"id2label": {0: "cat"}, "num_labels": 1}, torch.float32),
    "softmax of float16": ("ViT", {}, torch.float16),
    "channels in reverse": ("MobileViT", {}, torch.float32),
}


@pytest.fixture(autouse=True)
def unfrozen() -> Iterator[None]:
    """A handler freezes what is there when it has loaded: this process goes on without it."""
    yield
    gc.unfreeze()


@pytest.mark.parametrize("kind", KINDS)
def test_scores_of_the_pipeline(kind: str, tmp_path: Path) -> None:
    name, config, dtype = KINDS[kind]
    directory = tmp_path / "tiny"
    save(f"{name}ForImageClassification", directory, dtype, **config)
    packed = archive.ensure(str(directory), "", store=tmp_path)
    with zipfile.ZipFile(packed) as file:
        file.extractall(tmp_path / "unpacked")
    image = picture(200, 130).rotate(10)
    context = new_context(tmp_path / "unpacked", {"handler": {"precision": "float32"}})
    row, headers = {"body": encoded(image, "PNG")}, {"X-Top-K": str(len(read_manifest(packed).labels))}
    ((status, _, body),) = handled(loaded(context), context, (row, headers))
    expected = pipeline("image-classification", model=str(directory), device="cpu", dtype=torch.float32)(image, top_k=9)
    assert status == 200
    served = {row["label"]: row["score"] for row in json.loads(body)}
    assert served == pytest.approx({row["label"]: row["score"] for row in expected}, abs=2e-3)
    assert "scores                " in describe.manifest(read_manifest(packed))
