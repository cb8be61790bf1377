"""Generate a sample in CPPE-5's schema: drawn figures in protective equipment, with known faults planted.

It lets the package run without the data, and at CPPE-5's full size it measures time and memory:
`python -m eda --synthetic 1029`. Every result from it is labelled SYNTHETIC.
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
MIN_SAMPLE_SIZE = 10
TEST_SHARE = 29 / 1029
"""CPPE-5 has 1,000 training images and 29 test images."""

IMAGE_SIZES = (
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
"""0.93 megapixels on average; the images of the real test split have 1.0."""

JPEG_QUALITY = 92
"""Together with the grain below, this gives about 240 kB an image, like the Hub's 241 MB for 1,029 images."""
GRAIN = 5.5
GRAIN_SIDE = 2200
MAX_SIDE = 2000
"""Pixels: the side of the noise image, and the longest side of an image."""

WRONG_SIZE_SHARE = 49 / 1000
PAST_EDGE_SHARE = 7 / 1000
"""The shares known of the real train split (see docs/eda.md)."""


class SampleKind(NamedTuple):
    """How large images are and how full.

    scale: of the sides in IMAGE_SIZES
    figures: the probabilities of one, two, three and four figures in an image
    min_box_side: pixels; smaller boxes are not drawn, so that the planted faults are the only ones
    """

    scale: float
    figures: tuple[float, float, float, float]
    min_box_side: int


USUAL = SampleKind(1, (0.6, 0.25, 0.1, 0.05), 12)
SMALL = SampleKind(0.25, (0.25, 0.35, 0.25, 0.15), 8)
"""For a sample that is about the number of images and boxes, not about pixels: also about 5 boxes an image."""

EQUIPMENT = {
    # class: (probability that a figure wears it, centre x, y, width, height), in units of the figure's height
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


class PlantedFault(NamedTuple):
    """A fault planted on purpose, and the rule that must find it."""

    rule: str
    split: str
    image_id: int


@dataclass
class Sample:
    """The COCO documents by split, and the faults planted in them."""

    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    planted: list[PlantedFault] = field(default_factory=list)


def write_sample(folder: Path, size: int, seed: int = 0, kind: SampleKind = USUAL) -> Sample:
    """Write a COCO folder of `size` drawn images, at least MIN_SAMPLE_SIZE, and return its contents.

    The same seed gives the same annotations. The split is CPPE-5's, with at least 4 test images.
    """
    rng = np.random.default_rng(seed)
    n_test = max(4, round(size * TEST_SHARE))
    sample = Sample({split: empty_document() for split in ("train", "test")})
    for position in range(size):
        add_image(sample.documents["train" if position < size - n_test else "test"], position + 1, rng, kind)
    (folder / "images").mkdir(parents=True)
    (folder / "annotations").mkdir()
    draw_images(folder / "images", sample, seed)
    plant_faults(folder / "images", sample, rng)
    for split, document in sample.documents.items():
        (folder / "annotations" / f"{split}.json").write_text(json.dumps(document), encoding="utf-8")
    return sample


def empty_document() -> dict[str, Any]:
    """Return a COCO document with CPPE-5's categories, counted from 1."""
    return {
        "info": {"description": f"{SYNTHETIC_MARK}: drawn by eda.synthetic, not photographed"},
        "images": [],
        "annotations": [],
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(CLASS_NAMES)],
    }


def add_image(document: dict[str, Any], image_id: int, rng: np.random.Generator, kind: SampleKind) -> None:
    """Add an image with one to four figures, and the boxes of their equipment, to a document."""
    width, height = (round(side * kind.scale) for side in IMAGE_SIZES[rng.choice(len(IMAGE_SIZES), p=SIZE_WEIGHTS)])
    document["images"].append({"id": image_id, "file_name": f"{image_id}.jpg", "width": width, "height": height})
    figures = int(rng.choice([1, 2, 3, 4], p=kind.figures))
    boxes: list[tuple[str, list[int]]] = []
    while not boxes:
        for figure in range(figures):
            boxes += figure_boxes((figure + 0.5) / figures, (width, height), figures, rng, kind.min_box_side)
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
    centre: float, size: tuple[int, int], figures: int, rng: np.random.Generator, min_side: int
) -> list[tuple[str, list[int]]]:
    """Return the boxes (COCO xywh, whole pixels, inside the image) of the figure at `centre` (share of the width)."""
    width, height = size
    tall = height * rng.uniform(0.7, 1.6) / figures**0.4
    axis, top = centre * width, height * rng.uniform(0.02, 0.25)
    boxes = []
    for name, (probability, dx, dy, w, h) in EQUIPMENT.items():
        for side in (1, -1) if name == "Gloves" else (1,):
            if rng.random() > probability:
                continue
            extent = tall * rng.uniform(0.85, 1.15, 2) * (w, h)
            corner = np.array([axis + side * dx * tall, top + dy * tall]) - extent / 2
            low = np.clip(corner, 0, size).round()
            high = np.clip(corner + extent, 0, size).round()
            if (high - low).min() >= min_side:
                boxes.append((name, [int(value) for value in (*low, *(high - low))]))
    return boxes


def draw_images(folder: Path, sample: Sample, seed: int) -> None:
    """Draw every image of the sample into `folder` as JPEG, in two threads."""
    grain = camera_grain(seed)
    drawings = []
    for document in sample.documents.values():
        boxes: dict[int, list[tuple[str, list[int]]]] = {image["id"]: [] for image in document["images"]}
        for entry in document["annotations"]:
            boxes[entry["image_id"]].append((CLASS_NAMES[entry["category_id"] - 1], entry["bbox"]))
        drawings += [(image, boxes[image["id"]]) for image in document["images"]]

    def draw(drawing: tuple[dict[str, Any], list[tuple[str, list[int]]]]) -> None:
        image, worn = drawing
        content = draw_image((image["width"], image["height"]), worn, grain, seed + image["id"])
        (folder / image["file_name"]).write_bytes(content)

    with ThreadPoolExecutor(2) as pool:
        drawn = pool.map(draw, drawings)
        list(tqdm(drawn, total=len(drawings), desc="drawing the synthetic sample", unit="image"))


def draw_image(size: tuple[int, int], worn: list[tuple[str, list[int]]], grain: Image.Image, seed: int) -> bytes:
    """Return a JPEG of `size` pixels: a blurred random room, the equipment as ellipses, camera grain."""
    rng = np.random.default_rng(seed)
    light, sharpness = rng.uniform(0.6, 1.1), rng.uniform(0.35, 1.0)
    room = (rng.integers(40, 215, (6, 8, 3)) * light).astype(np.uint8)
    # Drawing small and enlarging varies the sharpness cheaply.
    small = (round(size[0] * sharpness), round(size[1] * sharpness))
    image = Image.fromarray(room).resize(small, Image.Resampling.BILINEAR)
    pen = ImageDraw.Draw(image)
    for name, (x, y, w, h) in sorted(worn, key=lambda item: -item[1][2] * item[1][3]):
        corners = [edge * sharpness for edge in (x, y, x + w - 1, y + h - 1)]
        pen.ellipse(corners, fill=tuple(round(level * light) for level in COLOURS[name]), outline=(30, 30, 30))
    image = image.resize(size, Image.Resampling.BILINEAR)
    left, top = (int(edge) for edge in rng.integers(0, GRAIN_SIDE - MAX_SIDE, 2))
    patch = grain.crop((left, top, left + size[0], top + size[1]))
    out = io.BytesIO()
    ImageChops.add(image, patch, offset=-128).save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def camera_grain(seed: int) -> Image.Image:
    """Return a square of grey noise around 128, to crop patches from."""
    noise = np.random.default_rng(seed).normal(128, GRAIN, (GRAIN_SIDE, GRAIN_SIDE))
    return Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8)).convert("RGB")


def plant_faults(folder: Path, sample: Sample, rng: np.random.Generator) -> None:
    """Plant the known faults of the real train split, one leaked image and one wrong file name."""
    train, test = sample.documents["train"], sample.documents["test"]
    n_wrong, n_past = (max(1, round(len(train["images"]) * share)) for share in (WRONG_SIZE_SHARE, PAST_EDGE_SHARE))
    chosen = rng.permutation(len(train["images"]))[: n_wrong + n_past + 2]
    images = [train["images"][int(position)] for position in chosen]
    for image in images[:n_wrong]:
        image["width"], image["height"] = image["width"] + 240, image["height"] + 135
        sample.planted.append(PlantedFault("image-size-differs", "train", image["id"]))
    first_boxes = {entry["image_id"]: entry for entry in reversed(train["annotations"])}
    for image in images[n_wrong : n_wrong + n_past]:
        push_past_edge(image, first_boxes[image["id"]])
        sample.planted.append(PlantedFault("box-past-photo", "train", image["id"]))
    leaked, renamed = images[-2:]
    copy_smaller(folder / leaked["file_name"], folder / test["images"][0]["file_name"], test["images"][0])
    sample.planted.append(PlantedFault("leak-near-duplicate", "test", test["images"][0]["id"]))
    name = f"{renamed['id']}.png"
    (folder / renamed["file_name"]).rename(folder / name)
    renamed["file_name"] = name
    sample.planted.append(PlantedFault("photo-format-differs", "train", renamed["id"]))


def push_past_edge(image: dict[str, Any], box: dict[str, Any]) -> None:
    """Widen a box of an image until it reaches 9 pixels past the right edge."""
    box["bbox"][2] = image["width"] + 9 - box["bbox"][0]
    box["area"] = box["bbox"][2] * box["bbox"][3]


def copy_smaller(source: Path, target: Path, image: dict[str, Any]) -> None:
    """Overwrite `target` with `source`, resized to the size in `image`: a near duplicate."""
    with Image.open(source) as original:
        original.resize((image["width"], image["height"])).save(target, "JPEG", quality=85)
