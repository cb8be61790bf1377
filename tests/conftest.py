"""What the tests share: real photos and weights where they are at hand, and a tiny random network everywhere."""

import json
import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
import torch
from PIL import Image

PROJECT = Path(__file__).resolve().parent.parent
SHARED = PROJECT.parent / "shared"
RESNET = SHARED / "models" / "resnet-50"
PHOTOS = SHARED / "photos" / "coco"
CATS = PHOTOS / "000000039769.png"

os.environ["WORKERS"] = "1"  # the same archives on every machine

Encode = Callable[..., bytes]


def encoded(image: Image.Image, format_name: str, **options: object) -> bytes:
    """Return an image as the bytes of a file of that format."""
    buffer = BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def picture(width: int = 64, height: int = 48) -> Image.Image:
    """Return a picture whose four corners differ: red, green, blue and white, smooth between them."""
    corners = Image.new("RGB", (2, 2))
    corners.putdata([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)])
    return corners.resize((width, height), Image.Resampling.BILINEAR)


def stored_as(upright: Image.Image, orientation: int) -> Image.Image:
    """Return a photo as a camera stores it that then writes this EXIF orientation beside it."""
    turn = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    return upright if turn is None else upright.transpose(turn)


@pytest.fixture(scope="session")
def cats() -> bytes:
    """The two cats of COCO 39769."""
    if not CATS.is_file():
        pytest.skip(f"no {CATS.name} beside the project: ../shared/photos is not there")
    return CATS.read_bytes()


@pytest.fixture(scope="session")
def coco_photos() -> list[Path]:
    """The COCO photos, in name order."""
    photos = sorted(PHOTOS.glob("*.*"))
    if not photos:
        pytest.skip("no photos beside the project: ../shared/photos is not there")
    return photos


@pytest.fixture(scope="session")
def resnet_directory() -> Path:
    """Real ResNet-50 weights."""
    if not RESNET.is_dir():
        pytest.skip("no real weights beside the project: ../shared/models/resnet-50 is not there")
    return RESNET


@pytest.fixture(scope="session")
def tiny_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hugging Face directory with a random ResNet of ten classes, two of which share a label."""
    from transformers import ConvNextImageProcessor, ResNetConfig, ResNetForImageClassification

    directory = tmp_path_factory.mktemp("models") / "tiny-resnet"
    torch.manual_seed(0)
    labels = {index: f"class {index}" for index in range(9)} | {9: "class 8"}
    config = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", id2label=labels, num_labels=10
    )
    ResNetForImageClassification(config).save_pretrained(directory)
    ConvNextImageProcessor(size={"shortest_edge": 32}, crop_pct=0.875).save_pretrained(directory)
    config_file = directory / "config.json"
    assert json.loads(config_file.read_text())["architectures"] == ["ResNetForImageClassification"]
    return directory


@pytest.fixture(scope="session")
def tiny_archive(tiny_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny network, packed."""
    from scripts.build import archive

    return archive.ensure(str(tiny_directory), "", store=tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="session")
def tiny_model(tiny_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny network as TorchServe unpacks it."""
    import zipfile

    directory = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(tiny_archive) as file:
        file.extractall(directory)
    return directory
