"""Valid boxes joined with their images, and their sizes."""

import numpy as np
import pandas as pd

from eda.box_format import foreign_formats
from eda.dataset import UNKNOWN_CLASS, Dataset
from eda.images import is_turned

SMALL_AREA, LARGE_AREA = 32**2, 96**2
"""Square pixels, COCO's limits (cocodataset.org, detection evaluation): small < 32², medium < 96², large otherwise."""

MAX_SIDES = 4
"""A box longer than this many times its photo is a mistake that would hide the others in every statistic."""

SIZE_CLASSES = ("small", "medium", "large")


def valid_images(dataset: Dataset, facts: pd.DataFrame) -> pd.DataFrame:
    """Return images with their facts and n_boxes (without those set aside), only the first of each (split, image_id).

    frame_width, frame_height: the size in pixels of the frame of the boxes, see `frame_sizes`
    orientation: EXIF's against that frame, so 1 if the boxes are those of the turned photo
    """
    images = dataset.images.join(facts).drop_duplicates(["split", "image_id"])
    counts = dataset.boxes[~dataset.boxes["set_aside"]].groupby(["split", "image_id"]).size().rename("n_boxes")
    images = images.join(counts, on=["split", "image_id"])
    return images.assign(
        n_boxes=images["n_boxes"].fillna(0).astype(int),
        orientation=images["orientation"].mask(turned(images), 1),
        **frame_sizes(images),
    )


def frame_sizes(images: pd.DataFrame) -> dict[str, pd.Series]:
    """Return frame_width and frame_height: the photo's size, else the annotated one, null if that is not positive.

    The photo's size is the stored one, or that after the turn which EXIF asks for (`eda.images.is_turned`).
    """
    swapped, sides = turned(images), ("width", "height")
    return {
        f"frame_{side}": images[f"stored_{side}"]
        .mask(swapped, images[f"stored_{other}"])
        .astype("float64")
        .fillna(images[side].where(images[side] > 0))
        for side, other in zip(sides, reversed(sides), strict=True)
    }


def turned(images: pd.DataFrame) -> pd.Series:
    """Return `eda.images.is_turned` of each image."""
    columns = ["orientation", "stored_width", "stored_height", "width", "height"]
    known = images[columns].fillna(0).itertuples(index=False)
    return pd.Series([is_turned(row[0], row[1:3], row[3:5]) for row in known], index=images.index, dtype=bool)


def valid_boxes(dataset: Dataset, images: pd.DataFrame) -> pd.DataFrame:
    """Return the boxes that can be measured, joined with their image's size.

    Excludes boxes without four numbers or positive sides, off their photo or more than MAX_SIDES times as long, of an
    unknown class, of an unlisted image, in another format than COCO's, and boxes marked iscrowd or ignore, as COCO's
    scoring does; `eda.check` reports them all. Columns added to the schema BOXES:

    image_row: row label in `images`
    class_name: one of the data set's classes (categorical, in their order)
    relative_size: sqrt(w h / (W H)), 0-1
    aspect: w / h
    size_class: COCO's small, medium or large
    cx, cy: centre as a share of the image's width and height
    """
    keys = images.reset_index(names="image_row").set_index(["split", "image_id"])
    boxes = dataset.boxes.join(keys[["image_row", "frame_width", "frame_height"]], on=["split", "image_id"])
    on_photo = boxes["x"].lt(boxes["frame_width"]) & boxes["y"].lt(boxes["frame_height"])
    on_photo &= (boxes["x"] + boxes["w"]).gt(0) & (boxes["y"] + boxes["h"]).gt(0)
    on_photo &= boxes["w"].le(MAX_SIDES * boxes["frame_width"]) & boxes["h"].le(MAX_SIDES * boxes["frame_height"])
    valid = on_photo & boxes["w"].gt(0) & boxes["h"].gt(0) & boxes["class_id"].ne(UNKNOWN_CLASS) & ~boxes["set_aside"]
    boxes = boxes[valid & ~boxes["split"].isin(list(foreign_formats(boxes)))]
    pixels = boxes["w"] * boxes["h"]
    return boxes.assign(
        image_row=boxes["image_row"].astype(int),
        class_name=pd.Categorical.from_codes(boxes["class_id"], categories=list(dataset.classes)),
        relative_size=np.sqrt(pixels / (boxes["frame_width"] * boxes["frame_height"])),
        aspect=boxes["w"] / boxes["h"],
        size_class=pd.Categorical(size_classes(pixels), categories=SIZE_CLASSES, ordered=True),
        cx=(boxes["x"] + boxes["w"] / 2) / boxes["frame_width"],
        cy=(boxes["y"] + boxes["h"] / 2) / boxes["frame_height"],
    )


def size_classes(pixels: pd.Series) -> np.ndarray:
    """Return COCO's size class of each area in square pixels."""
    return np.select([pixels < SMALL_AREA, pixels < LARGE_AREA], SIZE_CLASSES[:2], default=SIZE_CLASSES[2])


def class_names(boxes: pd.DataFrame) -> list[str]:
    """Return the classes of a table of boxes in order, also those without a box."""
    return list(boxes["class_name"].cat.categories)


def size_table(boxes: pd.DataFrame) -> pd.DataFrame:
    """Return the number of boxes in each size class and the quartiles of the relative size.

    Index: the classes, and last "all" for all of them. Columns: small, medium, large (counts), q25, median, q75
    (relative sizes).
    """
    total = "all"
    while total in class_names(boxes):
        total = f"({total})"
    with_all = pd.concat([boxes, boxes.assign(class_name=total)])
    order = [*class_names(boxes), total]
    counts = pd.crosstab(with_all["class_name"], with_all["size_class"])
    counts = counts.reindex(index=order, columns=list(SIZE_CLASSES), fill_value=0)
    quartiles = with_all.groupby("class_name")["relative_size"].quantile([0.25, 0.5, 0.75]).unstack()
    quartiles = quartiles.reindex(order).set_axis(["q25", "median", "q75"], axis=1)
    return counts.join(quartiles).rename_axis("class")
