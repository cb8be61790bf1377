"""A phone's photo of 12 megapixels: exact by default, and how far it moves when it is decoded smaller."""

import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import Tensor

from handler.decode.image import decode_image
from handler.decode.resize import to_input
from handler.engines.choice import open_engine
from handler.engines.engine import Engine
from handler.manifest import InputSpec, Manifest
from handler.model import normalize
from handler.scores import scores_of
from handler.settings import Settings
from scripts.bench.jpegs import enlarged

LIMIT = 64_000_000
PHOTOS = 4


@pytest.fixture(scope="module")
def phone_photos(coco_photos: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Some of the photos, enlarged to 13 megapixels with a sensor's noise."""
    folder = tmp_path_factory.mktemp("large")
    jpegs = [path for path in coco_photos if path.suffix == ".jpg"][:PHOTOS]
    return [enlarged(path, 13, folder).read_bytes() for path in jpegs]


@pytest.fixture(scope="module")
def model(resnet: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Engine, InputSpec]:
    directory = tmp_path_factory.mktemp("resnet")
    with zipfile.ZipFile(resnet) as file:
        file.extractall(directory)
    manifest = Manifest.from_json((directory / "model.json").read_text())
    return open_engine(manifest, directory, Settings(engine="onnx"), 2).engine, manifest.input


def scores(model: tuple[Engine, InputSpec], photo: Tensor) -> Tensor:
    engine, spec = model
    return scores_of(engine.run(normalize(to_input(photo, spec)[None], spec)), "softmax")[0]


def test_a_phones_photo_is_what_pillow_decodes(phone_photos: list[bytes]) -> None:
    """The rest of the way from pixels to scores is that of every photo, and proved in test_parity."""
    for data in phone_photos:
        expected = np.asarray(Image.open(BytesIO(data)).convert("RGB"))
        assert np.array_equal(decode_image(data, LIMIT).permute(1, 2, 0).numpy(), expected)


def test_how_far_scores_move_when_it_is_decoded_smaller(
    phone_photos: list[bytes], model: tuple[Engine, InputSpec]
) -> None:
    for data in phone_photos:
        small, exact = decode_image(data, LIMIT, model[1].short_side), decode_image(data, LIMIT)
        assert [2 * side for side in small.shape[1:]] == list(exact.shape[1:])
        assert float((scores(model, small) - scores(model, exact)).abs().max()) < 0.05
