"""Generate a sample of CPPE-5's schema: drawn figures in protective dress, with known faults planted.

For trying the package without the data, and for measuring its time and memory on data of the full size:
`python -m eda --synthetic 1029`. Everything made from it is labelled SYNTHETIC.
"""

import io
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageChops, ImageDraw
from tqdm import tqdm

from eda.coco import SYNTHETIC_MARK
from eda.cppe5 import CLASS_NAMES

FULL_SIZE = 1029
SMALLEST_SAMPLE = 10
TEST_SHARE = 29 / 1029
"""CPPE-5 has 1,000 photos to train on and 29 to test on."""

PHOTO_SIZES = (
    (600, 400),
    (640, 427),
    (800, 533),
    (943, 663),
    (1200, 800),
    (1280, 720),
    (736, 981),
    (1920, 1088),
)
SIZE_WEIGHTS = (0.10, 0.03, 0.11, 0.16, 0.20, 0.14, 0.08, 0.18)
"""0.93 megapixels on average; the photos of the real test split have 1.0."""

JPEG_QUALITY = 92
"""With the grain below it gives some 240 kB a photo, as the Hub's 241 MB for 1,029 photos do."""
GRAIN = 5.5
GRAIN_SIDE = 2200
MOST_PIXELS = 2000
"""Pixels: the side of the noise, and a side that no photo exceeds."""

WRONG_SIZE_SHARE = 49 / 1000
PAST_EDGE_SHARE = 7 / 1000
"""As many as are known of the real train split (see eda/README.md)."""

SMALLEST_SIDE = 12
"""Pixels; no smaller box is drawn, so that no fault is in the sample but those planted."""

PARTS = {
    # class: (chance that a figure wears it, centre x, y, width, height), in units of its height
    "Coverall": (0.55, 0.0, 0.58, 0.40, 0.80),
    "Mask": (0.75, 0.0, 0.125, 0.085, 0.07),
    "Goggles": (0.40, 0.0, 0.075, 0.10, 0.045),
    "Face_Shield": (0.25, 0.0, 0.10, 0.13, 0.15),
    "Gloves": (0.55, -0.20, 0.52, 0.07, 0.09),
}
COLOURS = {
    "Coverall": (226, 230, 235),
    "Mask": (120, 170, 215),
    "Goggles": (70, 80, 95),
    "Face_Shield": (190, 210, 220),
    "Gloves": (60, 90, 190),
}


class Planted(NamedTuple):
    """A fault put in on purpose: the rule that must find it, and where."""

    rule: str
    split: str
    image_id: int


@dataclass
class Sample:
    """What was written: COCO documents by split, and the faults planted in them."""

    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    planted: list[Planted] = field(default_factory=list)


def write_sample(folder: Path, photos: int, seed: int = 0) -> Sample:
    """Write a COCO folder of `photos` drawn photos (at least 10) and return what is in it.

    The same seed gives the same annotations. The split is CPPE-5's, with at least 4 photos to test on.
    """
    rng = np.random.default_rng(seed)
    n_test = max(4, round(photos * TEST_SHARE))
    sample = Sample({split: empty_document() for split in ("train", "test")})
    for position in range(photos):
        add_image(sample.documents["train" if position < photos - n_test else "test"], position + 1, rng)
    (folder / "images").mkdir(parents=True)
    (folder / "annotations").mkdir()
    draw_photos(folder / "images", sample, seed)
    plant_faults(folder / "images", sample, rng)
    for split, document in sample.documents.items():
        (folder / "annotations" / f"{split}.json").write_text(json.dumps(document), encoding="utf-8")
    return sample


def empty_document() -> dict[str, Any]:
    """Return a COCO document with CPPE-5's categories, which count from 1."""
    return {
        "info": {"description": f"{SYNTHETIC_MARK}: drawn by eda.synthetic, no photo of anything"},
        "images": [],
        "annotations": [],
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(CLASS_NAMES)],
    }


def add_image(document: dict[str, Any], image_id: int, rng: np.random.Generator) -> None:
    """Add one image with one to four figures, and the boxes of what they wear, to a document."""
    width, height = PHOTO_SIZES[rng.choice(len(PHOTO_SIZES), p=SIZE_WEIGHTS)]
    document["images"].append(
        {"id": image_id, "file_name": f"{image_id}.jpg", "width": int(width), "height": int(height)}
    )
    figures = int(rng.choice([1, 2, 3, 4], p=[0.6, 0.25, 0.1, 0.05]))
    boxes: list[tuple[str, list[int]]] = []
    while not boxes:
        for place in range(figures):
            boxes += figure_boxes((place + 0.5) / figures, int(width), int(height), figures, rng)
    for name, bbox in boxes:
        document["annotations"].append(
            {
                "id": image_id * 100 + len(document["annotations"]) % 100,
                "image_id": image_id,
                "category_id": CLASS_NAMES.index(name) + 1,
                "bbox": bbox,
                "area": bbox[2] * bbox[3],
                "iscrowd": 0,
            }
        )


def figure_boxes(
    place: float, width: int, height: int, figures: int, rng: np.random.Generator
) -> list[tuple[str, list[int]]]:
    """Return the boxes (COCO xywh, whole pixels, inside the photo) of one figure at `place` (0-1)."""
    tall = height * rng.uniform(0.7, 1.6) / figures**0.4
    centre, top = place * width, height * rng.uniform(0.02, 0.25)
    boxes = []
    for name, (chance, dx, dy, w, h) in PARTS.items():
        for side in (1, -1) if name == "Gloves" else (1,):
            if rng.random() > chance:
                continue
            size = tall * rng.uniform(0.85, 1.15, 2) * (w, h)
            left = np.array([centre + side * dx * tall, top + dy * tall]) - size / 2
            low = np.clip(left, 0, (width, height)).round()
            high = np.clip(left + size, 0, (width, height)).round()
            if (high - low).min() >= SMALLEST_SIDE:
                boxes.append((name, [int(value) for value in (*low, *(high - low))]))
    return boxes


def draw_photos(folder: Path, sample: Sample, seed: int) -> None:
    """Draw every image of the sample into `folder` as JPEG, two at a time."""
    grain = camera_grain(seed)
    jobs = []
    for document in sample.documents.values():
        boxes: dict[int, list[tuple[str, list[int]]]] = {image["id"]: [] for image in document["images"]}
        for entry in document["annotations"]:
            boxes[entry["image_id"]].append((CLASS_NAMES[entry["category_id"] - 1], entry["bbox"]))
        jobs += [(image, boxes[image["id"]]) for image in document["images"]]

    def draw(job: tuple[dict[str, Any], list[tuple[str, list[int]]]]) -> None:
        image, worn = job
        content = drawn_photo((image["width"], image["height"]), worn, grain, seed + image["id"])
        (folder / image["file_name"]).write_bytes(content)

    with ThreadPoolExecutor(2) as pool:
        for _ in tqdm(pool.map(draw, jobs), total=len(jobs), desc="drawing the synthetic sample", unit="photo"):
            pass


def drawn_photo(size: tuple[int, int], worn: list[tuple[str, list[int]]], grain: Image.Image, seed: int) -> bytes:
    """Return a JPEG of `size` pixels: a blurred random room, the things worn as ellipses, camera grain."""
    rng = np.random.default_rng(seed)
    light, sharpness = rng.uniform(0.6, 1.1), rng.uniform(0.35, 1.0)
    room = (rng.integers(40, 215, (6, 8, 3)) * light).astype(np.uint8)
    # Drawn smaller and enlarged: a cheap way to photos that are not all equally sharp.
    small = (round(size[0] * sharpness), round(size[1] * sharpness))
    picture = Image.fromarray(room).resize(small, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    for name, (x, y, w, h) in sorted(worn, key=lambda item: -item[1][2] * item[1][3]):
        corners = [edge * sharpness for edge in (x, y, x + w - 1, y + h - 1)]
        pen.ellipse(corners, fill=tuple(round(level * light) for level in COLOURS[name]), outline=(30, 30, 30))
    picture = picture.resize(size, Image.Resampling.BICUBIC)
    left, top = (int(edge) for edge in rng.integers(0, GRAIN_SIDE - MOST_PIXELS, 2))
    patch = grain.crop((left, top, left + size[0], top + size[1]))
    out = io.BytesIO()
    ImageChops.add(picture, patch, offset=-128).save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def camera_grain(seed: int) -> Image.Image:
    """Return a square of grey noise about the middle grey 128, to cut patches from."""
    noise = np.random.default_rng(seed).normal(128, GRAIN, (GRAIN_SIDE, GRAIN_SIDE))
    return Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8)).convert("RGB")


def plant_faults(folder: Path, sample: Sample, rng: np.random.Generator) -> None:
    """Put in the faults that the real train split is known for, one leaked photo, and one wrong file name."""
    train, test = sample.documents["train"], sample.documents["test"]
    n_wrong, n_past = (max(1, round(len(train["images"]) * share)) for share in (WRONG_SIZE_SHARE, PAST_EDGE_SHARE))
    chosen = rng.permutation(len(train["images"]))[: n_wrong + n_past + 2]
    images = [train["images"][int(place)] for place in chosen]
    for image in images[:n_wrong]:
        image["width"], image["height"] = image["width"] + 240, image["height"] + 135
        sample.planted.append(Planted("image-size-differs", "train", image["id"]))
    for image in images[n_wrong : n_wrong + n_past]:
        push_past_edge(image, train["annotations"])
        sample.planted.append(Planted("box-past-photo", "train", image["id"]))
    leaked, renamed = images[-2:]
    copy_smaller(folder / leaked["file_name"], folder / test["images"][0]["file_name"], test["images"][0])
    sample.planted.append(Planted("leak-near-duplicate", "test", test["images"][0]["id"]))
    name = f"{renamed['id']}.png"
    (folder / renamed["file_name"]).rename(folder / name)
    renamed["file_name"] = name
    sample.planted.append(Planted("photo-format-differs", "train", renamed["id"]))


def push_past_edge(image: dict[str, Any], annotations: list[dict[str, Any]]) -> None:
    """Widen the first box of an image until it reaches 9 pixels past the right edge."""
    box = next(entry for entry in annotations if entry["image_id"] == image["id"])
    box["bbox"][2] = image["width"] + 9 - box["bbox"][0]
    box["area"] = box["bbox"][2] * box["bbox"][3]


def copy_smaller(source: Path, target: Path, image: dict[str, Any]) -> None:
    """Overwrite `target` with `source` at the size that `image` lists: alike, not the same bytes."""
    with Image.open(source) as photo:
        photo.resize((image["width"], image["height"])).save(target, "JPEG", quality=85)
