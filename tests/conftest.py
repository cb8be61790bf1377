"""Shared fixtures: a tiny random network, and real images and weights if they are available."""

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
    """Return an encoded image."""
    buffer = BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def picture(width: int = 64, height: int = 48) -> Image.Image:
    """Return a gradient with a red, a green, a blue and a white corner."""
    corners = Image.new("RGB", (2, 2))
    corners.putdata([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)])
    return corners.resize((width, height), Image.Resampling.BILINEAR)


def stored_as(upright: Image.Image, orientation: int) -> Image.Image:
    """Return the pixels that a camera would store for an upright image with this EXIF orientation."""
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
    """COCO image 39769: two cats."""
    if not CATS.is_file():
        pytest.skip(f"{CATS.name} is not in ../shared/photos/coco")
    return CATS.read_bytes()


@pytest.fixture(scope="session")
def coco_photos() -> list[Path]:
    """The COCO images, in name order."""
    photos = sorted(PHOTOS.glob("*.*"))
    if not photos:
        pytest.skip("../shared/photos/coco has no images")
    return photos


@pytest.fixture(scope="session")
def resnet_directory() -> Path:
    """The directory of the real ResNet-50."""
    if not RESNET.is_dir():
        pytest.skip("../shared/models/resnet-50 does not exist")
    return RESNET


@pytest.fixture(scope="session")
def tiny_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hugging Face directory with a random ResNet of ten classes; two of them have the same label."""
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
    """The archive of the tiny network."""
    from scripts.build import archive

    return archive.ensure(str(tiny_directory), "", store=tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="session")
def tiny_model(tiny_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked archive of the tiny network."""
    import zipfile

    directory = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(tiny_archive) as file:
        file.extractall(directory)
    return directory


@pytest.fixture(scope="session")
def archive_with_reference(tiny_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of the tiny network, with a reference of 240 images."""
    from scripts.build import archive
    from tests.scenes import save_scenes

    images = save_scenes(tmp_path_factory.mktemp("images"), 240)
    return archive.ensure(str(tiny_directory), "", store=tmp_path_factory.mktemp("store"), reference=str(images))
