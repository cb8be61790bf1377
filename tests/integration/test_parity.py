"""The served scores equal those of a transformers pipeline on the same bytes."""

from pathlib import Path

import pytest
import requests
from PIL import Image

from handler.decode.image import decode_image
from handler.decode.resize import to_input
from handler.engines.choice import open_engine
from handler.manifest import Manifest
from handler.model import normalize
from handler.settings import Settings

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
    for engine in ("onnx", "torch"):
        settings = Settings(engine=engine)
        logits = open_engine(manifest, tmp_path, settings, 2).run(image)[0]
        assert logits[:3].tolist() == pytest.approx([-14.3454, -11.1594, -16.1291], abs=2e-2)
        assert manifest.labels[int(logits.argmax())] == "tabby, tabby cat"


def test_the_two_cats_over_http(resnet: Path, cats: bytes, inference: str) -> None:
    response = requests.post(f"{inference}/predictions/resnet-50", data=cats, headers={"Accept": "text/plain"})
    assert response.text.splitlines()[0] == "tabby, tabby cat"
