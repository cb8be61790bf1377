"""The served scores equal those of a transformers pipeline on the same bytes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from PIL import Image

from handler.decode.image import decode_image
from handler.decode.resize import to_input
from handler.engines.choice import open_engine
from handler.engines.cpu import has_bfloat16
from handler.manifest import Manifest
from handler.model import normalize
from handler.settings import Settings
from scripts.bench.variant import model_config, variant
from scripts.server.torchserve import TorchServe
from tests.integration.conftest import STORE

TIE = 0.001
LIMIT = 64_000_000


@pytest.fixture(scope="module")
def pipeline(resnet_directory: Path) -> object:
    from transformers import pipeline

    return pipeline("image-classification", model=str(resnet_directory), device="cpu")


def test_top_5_of_the_pipeline(coco_photos: list[Path], resnet: Path, inference: str, pipeline: object) -> None:
    assert len(coco_photos) == 25
    for path in coco_photos:
        served = requests.post(f"{inference}/predictions/resnet-50", data=path.read_bytes()).json()
        expected = pipeline(Image.open(path), top_k=6)  # type: ignore[operator]
        scores = {row["label"]: row["score"] for row in expected}
        for rank, row in enumerate(served):
            tied = abs(row["score"] - expected[rank]["score"]) <= TIE
            assert row["label"] == expected[rank]["label"] or tied, path.name
            assert row["score"] == pytest.approx(scores[row["label"]], abs=0.01), path.name


def test_logits_of_the_two_cats(resnet: Path, cats: bytes, tmp_path: Path) -> None:
    """The figures are those of ../shared/models/README.md."""
    import zipfile

    with zipfile.ZipFile(resnet) as file:
        file.extractall(tmp_path)
    manifest = Manifest.from_json((tmp_path / "model.json").read_text())
    image = normalize(to_input(decode_image(cats, LIMIT), manifest.input)[None], manifest.input)
    for engine in ("onnx", "openvino", "torch"):
        settings = Settings(engine=engine, precision="float32")
        logits = open_engine(manifest, tmp_path, settings, 2).engine.run(image)[0]
        assert logits[:3].tolist() == pytest.approx([-14.3454, -11.1594, -16.1291], abs=2e-2)
        assert manifest.labels[int(logits.argmax())] == "tabby, tabby cat"


def test_the_two_cats_over_http(resnet: Path, cats: bytes, inference: str) -> None:
    response = requests.post(f"{inference}/predictions/resnet-50", data=cats, headers={"Accept": "text/plain"})
    assert response.text.splitlines()[0] == "tabby, tabby cat"


@pytest.fixture(scope="module")
def bfloat16(server: TorchServe, resnet: Path) -> Iterator[str]:
    """Address of predictions by the same model in bfloat16."""
    archive = variant(resnet, "resnet-50-bfloat16", model_config({"precision": "bfloat16"}), STORE)
    server.management.register(archive.name, name=archive.stem)
    yield f"{server.ports.url(server.ports.inference)}/predictions/{archive.stem}"
    server.management.unregister(archive.stem)


@pytest.mark.skipif(not has_bfloat16(), reason="this CPU has no instructions for bfloat16")
def test_bfloat16_keeps_the_class_where_float32_is_confident(
    coco_photos: list[Path], resnet: Path, inference: str, bfloat16: str
) -> None:
    for path in coco_photos:
        exact, rounded = (
            requests.post(url, data=path.read_bytes()).json()
            for url in (f"{inference}/predictions/resnet-50", bfloat16)
        )
        if exact[0]["score"] >= 0.5:
            assert rounded[0]["label"] == exact[0]["label"], path.name
        assert rounded[0]["score"] == pytest.approx(exact[0]["score"], abs=0.1), path.name
