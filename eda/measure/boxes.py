"""Valid boxes joined with their images, and their sizes."""

import numpy as np
import pandas as pd

from eda.dataset import UNKNOWN_CLASS, Dataset

SMALL_AREA, LARGE_AREA = 32**2, 96**2
"""Square pixels, COCO's limits (cocodataset.org, detection evaluation): small < 32², medium < 96², large otherwise."""

SIZE_CLASSES = ("small", "medium", "large")


def valid_images(dataset: Dataset, facts: pd.DataFrame) -> pd.DataFrame:
    """Return images with their facts and n_boxes, only the first of each (split, image_id).

    frame_width, frame_height: the image's size in pixels, or the annotated size without an image file.
    """
    images = dataset.images.join(facts).drop_duplicates(["split", "image_id"])
    counts = dataset.boxes.groupby(["split", "image_id"]).size().rename("n_boxes")
    images = images.join(counts, on=["split", "image_id"])
    return images.assign(
        n_boxes=images["n_boxes"].fillna(0).astype(int),
        frame_width=images["stored_width"].fillna(images["width"]).astype("float64"),
        frame_height=images["stored_height"].fillna(images["height"]).astype("float64"),
    )


def valid_boxes(dataset: Dataset, images: pd.DataFrame) -> pd.DataFrame:
    """Return the boxes that can be measured, joined with their image's size.

    Excludes boxes without four numbers or positive sides, of an unknown class or of an unlisted image; `eda.check`
    reports them. Columns added to the schema BOXES:

    image_row: row label in `images`
    class_name: one of the data set's classes (categorical, in their order)
    relative_size: sqrt(w h / (W H)), 0-1
    aspect: w / h
    size_class: COCO's small, medium or large
    cx, cy: centre as a share of the image's width and height
    """
    keys = images.reset_index(names="image_row").set_index(["split", "image_id"])
    boxes = dataset.boxes.join(keys[["image_row", "frame_width", "frame_height"]], on=["split", "image_id"])
    valid = boxes["w"].gt(0) & boxes["h"].gt(0) & boxes["image_row"].notna() & boxes["class_id"].ne(UNKNOWN_CLASS)
    boxes = boxes[valid]
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

    Index: the classes and "all". Columns: small, medium, large (counts), q25, median, q75 (relative sizes).
    """
    with_all = pd.concat([boxes, boxes.assign(class_name="all")])
    order = [*class_names(boxes), "all"]
    counts = pd.crosstab(with_all["class_name"], with_all["size_class"])
    counts = counts.reindex(index=order, columns=list(SIZE_CLASSES), fill_value=0)
    quartiles = with_all.groupby("class_name")["relative_size"].quantile([0.25, 0.5, 0.75]).unstack()
    quartiles = quartiles.reindex(order).set_axis(["q25", "median", "q75"], axis=1)
    return counts.join(quartiles).rename_axis("class")
