import io
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandera.errors
import pytest
from PIL import Image, ImageFilter
from PIL.JpegImagePlugin import JpegImageFile

from eda.explore import Exploration
from eda.images import decode_facts, facts_of_image, image_facts, open_image
from tests.unit.eda.folder import HEIGHT, WIDTH, CocoFolder


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


class SingleFile:
    """ImageFiles with the same content in every row."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self, row: int) -> bytes:
        return self.content

    def unlisted(self) -> list[str]:
        return []


@pytest.mark.parametrize(("level", "brightness"), [(0, 0.0), (255, 1.0), (128, 128 / 255)])
def test_flat_image(level: int, brightness: float) -> None:
    facts = decode_facts(encoded(Image.new("RGB", (300, 200), (level, level, level))))
    assert facts["brightness"] == pytest.approx(brightness, abs=1e-6)
    assert facts["contrast"] == pytest.approx(0, abs=1e-6)
    assert facts["sharpness"] == pytest.approx(0, abs=1e-6)


def test_blur_lowers_sharpness() -> None:
    sharp = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8))
    blurred = sharp.filter(ImageFilter.GaussianBlur(2))
    assert decode_facts(encoded(blurred))["sharpness"] < 0.1 * decode_facts(encoded(sharp))["sharpness"]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_format_and_size(kind: str) -> None:
    facts = decode_facts(encoded(CocoFolder.draw(1), kind))
    assert (facts["format"], facts["stored_width"], facts["stored_height"]) == (kind, WIDTH, HEIGHT)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "I;16", "1", "LA"])
def test_modes(mode: str) -> None:
    image = CocoFolder.draw(1).convert("L" if mode == "I;16" else mode).convert(mode)
    facts = decode_facts(encoded(image, "TIFF"))
    assert facts["mode"] == mode
    assert 0 <= facts["brightness"] <= 1


def test_truncated_image(coco: CocoFolder) -> None:
    dataset = coco.dataset()
    for kind in ("JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP"):
        whole = encoded(CocoFolder.draw(1), kind)
        for end in np.linspace(0, len(whole) - 40, 12).astype(int):
            facts = facts_of_image(replace(dataset, files=SingleFile(whole[:end])), 0)
            assert facts["state"] == "unreadable", (kind, end)
            assert facts["problem"]


def test_random_damage(coco: CocoFolder) -> None:
    dataset = coco.dataset()
    rng = np.random.default_rng(0)
    for kind in ("JPEG", "PNG", "GIF", "TIFF", "WEBP"):
        whole = np.frombuffer(encoded(CocoFolder.draw(1), kind), dtype=np.uint8)
        for _ in range(15):
            damaged = whole.copy()
            damaged[rng.integers(0, len(whole), 12)] = rng.integers(0, 256, 12)
            facts = facts_of_image(replace(dataset, files=SingleFile(damaged.tobytes())), 0)
            assert facts["state"] in ("ok", "unreadable")


def shapes(kind: str) -> Image.Image:
    """Return an image of a mode that the format is usual in."""
    return CocoFolder.draw(1).convert({"GIF": "P", "PPM": "L", "TGA": "RGBA", "PCX": "L"}.get(kind, "RGB"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP", "PPM", "TGA", "PCX", "ICO", "JPEG2000"])
def test_no_damage_gets_through(coco: CocoFolder, kind: str) -> None:
    """Bytes overwritten, cut out, repeated or inserted, as the corpora of the decoders' fuzzers have them."""
    dataset = coco.dataset()
    rng = np.random.default_rng(len(kind))
    whole = encoded(shapes(kind), kind)
    for _ in range(12):
        start, length = int(rng.integers(0, len(whole))), int(rng.integers(1, 64))
        noise = rng.choice([0, 1, 0x7F, 0x80, 0xFF, int(rng.integers(0, 256))], length).astype(np.uint8).tobytes()
        near = int(start**2 / len(whole))  # headers are at the beginning
        for damaged in (
            whole[:near] + noise + whole[near + length :],
            whole[:near] + whole[near + length :],
            whole[:start] + whole[near:],
            whole[:near] + noise + whole[near:],
        ):
            facts = facts_of_image(replace(dataset, files=SingleFile(damaged)), 0)
            assert facts["state"] in ("ok", "unreadable")
            assert facts["problem"] or facts["state"] == "ok"
            assert "\n" not in facts["problem"]


@pytest.mark.parametrize("error", [TypeError, KeyError, IndexError, RuntimeError, OverflowError, MemoryError])
def test_whatever_a_decoder_raises_is_unreadable(
    coco: CocoFolder, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(image: Image.Image) -> None:
        raise error("inside the decoder")

    monkeypatch.setattr(JpegImageFile, "load", fail)
    facts = image_facts(coco.dataset())
    assert set(facts["state"]) == {"unreadable"}
    assert facts["problem"].str.contains("inside the decoder").all()


@pytest.mark.parametrize("content", [b"", b"\xff\xd8", b"GIF89a", b"<svg/>", b"\0" * 1000, b"P6\n99999 99999\n255\n"])
def test_no_photo_at_all(coco: CocoFolder, content: bytes) -> None:
    facts = facts_of_image(replace(coco.dataset(), files=SingleFile(content)), 0)
    assert facts["state"] == "unreadable"


@pytest.mark.parametrize("level", [0, 0.25, 0.5, 1])
@pytest.mark.parametrize(("kind", "scale"), [("PNG", 65535), ("TIFF", 65535)])
def test_brightness_of_16_bits(level: float, kind: str, scale: int) -> None:
    image = Image.fromarray(np.full((60, 80), round(level * scale), dtype=np.uint16))
    assert decode_facts(encoded(image, kind))["brightness"] == pytest.approx(level, abs=0.003)


@pytest.mark.parametrize(("dtype", "scale"), [(np.int32, 255), (np.int32, 65535), (np.float32, 1), (np.float32, 255)])
def test_brightness_of_wide_levels(dtype: type, scale: int) -> None:
    levels: npt.NDArray[Any] = np.linspace(0, scale, 4800).reshape(60, 80).astype(dtype)
    facts = decode_facts(encoded(Image.fromarray(levels), "TIFF"))
    assert facts["brightness"] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG"])
def test_rotated_photos_are_measured_and_drawn_as_stored(coco: CocoFolder, kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    stored = CocoFolder.draw(1)
    stored.save(out, kind, exif=exif)
    facts = decode_facts(out.getvalue())
    assert (facts["stored_width"], facts["stored_height"], facts["orientation"]) == (WIDTH, HEIGHT, orientation)
    drawn = open_image(replace(coco.dataset(), files=SingleFile(out.getvalue())), 0, WIDTH)
    assert drawn.size == stored.size
    assert np.abs(np.asarray(drawn, dtype=int) - np.asarray(stored, dtype=int)).mean() < 20


def test_missing_file_and_directory(coco: CocoFolder) -> None:
    first, second = coco.path / "images" / "1.jpg", coco.path / "images" / "2.jpg"
    first.unlink()
    second.unlink()
    second.mkdir()
    facts = image_facts(coco.dataset())
    assert list(facts["state"]) == ["missing", "unreadable", "ok", "ok"]
    assert facts["stored_width"].isna().sum() == 2


def test_open_image_scales_down(coco: CocoFolder) -> None:
    image = open_image(coco.dataset(), 0, 100)
    assert image.size == (100, 60)
    assert image.mode == "RGB"


def test_real_images(real: Exploration) -> None:
    # ../shared/cppe5/README.md: 28 are JPEG, 1027 is an RGBA PNG; the sizes in test.json are right.
    kinds = real.images.set_index("image_id")["format"]
    assert kinds.value_counts().to_dict() == {"JPEG": 28, "PNG": 1}
    assert kinds[1027] == "PNG"
    assert (real.images["stored_width"] == real.images["width"]).all()
    assert (real.images["stored_height"] == real.images["height"]).all()


def test_dataset_validates_its_tables(coco: CocoFolder) -> None:
    dataset = coco.dataset()
    with pytest.raises(pandera.errors.SchemaError):
        replace(dataset, images=dataset.images.astype({"width": float}))
    with pytest.raises(pandera.errors.SchemaError):
        replace(dataset, boxes=dataset.boxes.assign(class_id=9))
