import io
from dataclasses import replace

import numpy as np
import pandera.errors
import pytest
from PIL import Image, ImageFilter

from eda.dataset import Dataset
from eda.explore import Exploration
from eda.photos import decoded_facts, facts_of, open_photo, photo_facts
from tests.unit.eda.folder import HEIGHT, WIDTH, CocoFolder


def encoded(picture: Image.Image, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    picture.save(out, kind)
    return out.getvalue()


class OnePhoto:
    """A photo source that holds one photo."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self, row: int) -> bytes:
        return self.content

    def unlisted(self) -> list[str]:
        return []


@pytest.mark.parametrize(("level", "brightness"), [(0, 0.0), (255, 1.0), (128, 128 / 255)])
def test_a_flat_photo_has_its_brightness_no_contrast_and_no_sharpness(level: int, brightness: float) -> None:
    facts = decoded_facts(encoded(Image.new("RGB", (300, 200), (level, level, level))))
    assert facts["brightness"] == pytest.approx(brightness, abs=1e-6)
    assert facts["contrast"] == pytest.approx(0, abs=1e-6)
    assert facts["sharpness"] == pytest.approx(0, abs=1e-6)


def test_blur_lowers_sharpness() -> None:
    sharp = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8))
    blurred = sharp.filter(ImageFilter.GaussianBlur(2))
    assert decoded_facts(encoded(blurred))["sharpness"] < 0.1 * decoded_facts(encoded(sharp))["sharpness"]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_format_and_size_are_the_files_own(kind: str) -> None:
    facts = decoded_facts(encoded(CocoFolder.photo(1), kind))
    assert (facts["format"], facts["photo_width"], facts["photo_height"]) == (kind, WIDTH, HEIGHT)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "I;16", "1", "LA"])
def test_every_mode_can_be_measured(mode: str) -> None:
    picture = CocoFolder.photo(1).convert("L" if mode == "I;16" else mode).convert(mode)
    facts = decoded_facts(encoded(picture, "TIFF"))
    assert facts["mode"] == mode
    assert 0 <= facts["brightness"] <= 1


def test_a_photo_cut_anywhere_is_unreadable_and_never_an_exception(coco: CocoFolder) -> None:
    dataset = coco.dataset()
    for kind in ("JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP"):
        whole = encoded(CocoFolder.photo(1), kind)
        for end in np.linspace(0, len(whole) - 40, 12).astype(int):
            facts = facts_of(replace(dataset, photos=OnePhoto(whole[:end])), 0)
            assert facts["state"] == "unreadable", (kind, end)
            assert facts["problem"]


def test_random_damage_is_never_an_exception(coco: CocoFolder) -> None:
    dataset = coco.dataset()
    rng = np.random.default_rng(0)
    for kind in ("JPEG", "PNG", "GIF", "TIFF", "WEBP"):
        whole = np.frombuffer(encoded(CocoFolder.photo(1), kind), dtype=np.uint8)
        for _ in range(15):
            damaged = whole.copy()
            damaged[rng.integers(0, len(whole), 12)] = rng.integers(0, 256, 12)
            assert facts_of(replace(dataset, photos=OnePhoto(damaged.tobytes())), 0)["state"] in (
                "ok",
                "unreadable",
            )


def test_a_missing_photo_and_a_folder_in_its_place_are_facts(coco: CocoFolder) -> None:
    first, second = coco.path / "images" / "1.jpg", coco.path / "images" / "2.jpg"
    first.unlink()
    second.unlink()
    second.mkdir()
    facts = photo_facts(coco.dataset())
    assert list(facts["state"]) == ["missing", "unreadable", "ok", "ok"]
    assert facts["photo_width"].isna().sum() == 2


def test_drawing_makes_a_photo_smaller_and_keeps_its_shape(coco: CocoFolder) -> None:
    picture = open_photo(coco.dataset(), 0, 100)
    assert picture.size == (100, 60)
    assert picture.mode == "RGB"


def test_the_real_photos(real: Exploration) -> None:
    # ../shared/cppe5/README.md: 28 are JPEG, 1027 is an RGBA PNG; test.json's sizes equal the photos
    kinds = real.images.set_index("image_id")["format"]
    assert kinds.value_counts().to_dict() == {"JPEG": 28, "PNG": 1}
    assert kinds[1027] == "PNG"
    assert (real.images["photo_width"] == real.images["width"]).all()
    assert (real.images["photo_height"] == real.images["height"]).all()


def test_the_tables_that_a_data_set_is_made_of_are_typed(coco: CocoFolder) -> None:
    dataset = coco.dataset()
    with pytest.raises(pandera.errors.SchemaError):
        Dataset(dataset.images.astype({"width": float}), dataset.boxes, dataset.photos, "spoilt", synthetic=False)
    with pytest.raises(pandera.errors.SchemaError):
        Dataset(dataset.images, dataset.boxes.assign(class_id=9), dataset.photos, "spoilt", synthetic=False)
