"""Sound boxes joined with their images, and how large they are."""

import numpy as np
import pandas as pd

from eda.cppe5 import CLASS_NAMES, UNKNOWN_CLASS
from eda.dataset import Dataset, class_name

SMALL_AREA, LARGE_AREA = 32**2, 96**2
"""Square pixels: COCO's limits (cocodataset.org, detection evaluation): small < 32², medium < 96², large
from there."""

SIZE_CLASSES = ("small", "medium", "large")


def sound_images(dataset: Dataset, facts: pd.DataFrame) -> pd.DataFrame:
    """Return images with their photo's facts, the first of each (split, image_id), and n_boxes.

    frame_width, frame_height: the photo's size in pixels, the width/height fields where there is no photo.
    """
    images = dataset.images.join(facts).drop_duplicates(["split", "image_id"])
    counts = dataset.boxes.groupby(["split", "image_id"]).size().rename("n_boxes")
    images = images.join(counts, on=["split", "image_id"])
    return images.assign(
        n_boxes=images["n_boxes"].fillna(0).astype(int),
        frame_width=images["photo_width"].fillna(images["width"]).astype("float64"),
        frame_height=images["photo_height"].fillna(images["height"]).astype("float64"),
    )


def sound_boxes(dataset: Dataset, images: pd.DataFrame) -> pd.DataFrame:
    """Return the boxes that can be measured, one row each, with the size of what they are on.

    Left out (and reported by `eda.check`): boxes without four numbers or positive sides, of an unknown
    class or of an image that is not listed. Added columns, besides those of the schema BOXES:

    image_row: row label in `images`; class_name
    relative_size: sqrt(w h / (W H)), 0-1: the side of the box if photo and box were squares
    aspect: w / h
    size_class: COCO's small, medium or large, by w h in square pixels
    cx, cy: centre as a share of the photo's width and height
    """
    keys = images.reset_index(names="image_row").set_index(["split", "image_id"])
    boxes = dataset.boxes.join(keys[["image_row", "frame_width", "frame_height"]], on=["split", "image_id"])
    sound = boxes["w"].gt(0) & boxes["h"].gt(0) & boxes["image_row"].notna() & boxes["class_id"].ne(UNKNOWN_CLASS)
    boxes = boxes[sound]
    pixels = boxes["w"] * boxes["h"]
    return boxes.assign(
        image_row=boxes["image_row"].astype(int),
        class_name=pd.Categorical(boxes["class_id"].map(class_name), categories=CLASS_NAMES),
        relative_size=np.sqrt(pixels / (boxes["frame_width"] * boxes["frame_height"])),
        aspect=boxes["w"] / boxes["h"],
        size_class=pd.Categorical(size_classes(pixels), categories=SIZE_CLASSES, ordered=True),
        cx=(boxes["x"] + boxes["w"] / 2) / boxes["frame_width"],
        cy=(boxes["y"] + boxes["h"] / 2) / boxes["frame_height"],
    )


def size_classes(pixels: pd.Series) -> np.ndarray:
    """Return COCO's size class of each area in square pixels."""
    return np.select([pixels < SMALL_AREA, pixels < LARGE_AREA], SIZE_CLASSES[:2], default=SIZE_CLASSES[2])


def size_table(boxes: pd.DataFrame) -> pd.DataFrame:
    """Return for each class and for all: boxes in each size class, and quartiles of the relative size.

    Index: the five classes and "all". Columns: small, medium, large (counts), q25, median, q75 (shares of the
    photo's side).
    """
    everything = pd.concat([boxes, boxes.assign(class_name="all")])
    order = [*CLASS_NAMES, "all"]
    counts = pd.crosstab(everything["class_name"], everything["size_class"])
    counts = counts.reindex(index=order, columns=list(SIZE_CLASSES), fill_value=0)
    quartiles = everything.groupby("class_name")["relative_size"].quantile([0.25, 0.5, 0.75]).unstack()
    quartiles = quartiles.reindex(order).set_axis(["q25", "median", "q75"], axis=1)
    return counts.join(quartiles).rename_axis("class")
