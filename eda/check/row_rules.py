"""Rules that need one row of a table, as pandera checks."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pandera.pandas as pa
from PIL import Image

from eda.check.rules import AREA_TOLERANCE, EDGE_TOLERANCE, TINY_SIDE
from eda.dataset import UNKNOWN_CLASS
from eda.images import is_turned
from eda.measure.boxes import turned

QUERY = r"^(\w+://[^?]*)\?.*$"
"""An address, up to its query."""


class RowRule(NamedTuple):
    """A rule: `holds` marks the rows that keep it, `message` describes a row that breaks it."""

    rule: str
    holds: Callable[[Any], Any]
    message: Callable[[Any], str]


def violations(frame: pd.DataFrame, rules: tuple[RowRule, ...]) -> list[tuple[str, int, str]]:
    """Return (rule, row label, message) for every row of `frame` that breaks one of `rules`.

    `frame` must have unique row labels.
    """
    schema = pa.DataFrameSchema(checks=[pa.Check(rule.holds, name=rule.rule, ignore_na=False) for rule in rules])
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases[["check", "index"]].drop_duplicates()
        messages = {rule.rule: rule.message for rule in rules}
        return [(name, int(row), messages[name](frame.loc[int(row)])) for name, row in cases.itertuples(index=False)]
    return []


def named_format(frame: pd.DataFrame) -> pd.Series:
    """Return the format that a file name says, as Pillow calls it; null where its ending is that of no format."""
    endings = frame["file_name"].str.replace(QUERY, r"\1", regex=True).str.extract(r"(\.[^.]+)$", expand=False)
    return endings.str.lower().map(Image.registered_extensions())


def same_format(named: pd.Series, found: pd.Series) -> pd.Series:
    """Return which formats agree; MPO is the JPEG of cameras that store a second picture in the file."""
    return named.eq(found) | (named.eq("JPEG") & found.eq("MPO"))


def rotation_message(row: Any) -> str:
    if is_turned(row.orientation, (row.stored_width, row.stored_height), (row.width, row.height)):
        return (
            f"EXIF orientation {row.orientation}; width and height are those after the turn, so the boxes are taken so"
        )
    return f"EXIF orientation {row.orientation}; the boxes are taken as those of the photo as it is stored"


IMAGE_RULES = (
    RowRule(
        "image-id-repeated",
        lambda f: ~f.duplicated(["split", "image_id"], keep="first"),
        lambda r: f"image id {r.image_id} was used before in {r.split}",
    ),
    RowRule(
        "image-size-differs",
        lambda f: (
            f["state"].ne("ok")
            | turned(f)
            | (f["width"].eq(f["stored_width"]) & f["height"].eq(f["stored_height"])).fillna(False).astype(bool)
        ),
        lambda r: f"fields say {r.width}x{r.height}, the photo is {r.stored_width}x{r.stored_height}",
    ),
    RowRule(
        "image-without-boxes",
        # YOLO's boxes are shares of the photo's size: without it (width 0), they are unknown.
        lambda f: f["n_boxes"].gt(0) | (f["width"].eq(0) & f["state"].ne("ok")),
        lambda _: "no box refers to it",
    ),
    RowRule("photo-missing", lambda f: f["state"].ne("missing"), lambda r: f"photo: {r.problem}"),
    RowRule("photo-unreadable", lambda f: f["state"].ne("unreadable"), lambda r: f"photo: {r.problem}"),
    RowRule(
        "photo-format-differs",
        lambda f: f["state"].ne("ok") | named_format(f).isna() | same_format(named_format(f), f["format"]),
        lambda r: f"the content is {r.format}",
    ),
    RowRule(
        "photo-not-rgb",
        lambda f: f["state"].ne("ok") | f["mode"].eq("RGB"),
        lambda r: f"its mode is {r['mode']}",
    ),
    RowRule(
        "photo-rotated",
        lambda f: ~f["orientation"].isin(range(2, 9)),
        rotation_message,
    ),
)


def area_message(row: Any) -> str:
    annotated = "no number" if np.isnan(row.area) else f"{row.area:g}"
    return f"area {annotated}, width times height {float(row.w) * float(row.h):g}"


BOX_RULES = (
    RowRule(
        "box-not-numbers",
        lambda f: f[["x", "y", "w", "h"]].notna().all(axis=1),
        lambda _: "bbox is not four finite numbers",
    ),
    RowRule(
        "box-not-positive",
        lambda f: f["w"].isna() | (f["w"].gt(0) & f["h"].gt(0)),
        lambda r: f"width {r.w:g}, height {r.h:g}",
    ),
    RowRule(
        "box-tiny",
        lambda f: f["w"].isna() | f[["w", "h"]].min(axis=1).le(0) | f[["w", "h"]].min(axis=1).ge(TINY_SIDE),
        lambda r: f"{r.w:g}x{r.h:g} pixels",
    ),
    RowRule(
        "box-past-photo",
        lambda f: (
            f["w"].isna() | f["frame_width"].isna() | overshoot(f, "frame_width", "frame_height").le(EDGE_TOLERANCE)
        ),
        lambda r: past_message(r, "", r.frame_width, r.frame_height),
    ),
    RowRule(
        "box-past-fields",
        lambda f: (
            f["w"].isna()
            | f["frame_width"].isna()
            | (f["width"].eq(f["frame_width"]) & f["height"].eq(f["frame_height"]))
            | overshoot(f, "width", "height").le(EDGE_TOLERANCE)
        ),
        lambda r: past_message(r, "the fields ", r.width, r.height),
    ),
    RowRule(
        "box-area-differs",
        lambda f: (
            f["w"].isna()
            | (f["area"] - f["w"] * f["h"]).abs().le(AREA_TOLERANCE)
            | (f["segmented"] & f["area"].between(0, f["w"] * f["h"] + AREA_TOLERANCE))
        ),
        area_message,
    ),
    RowRule(
        "box-id-repeated",
        lambda f: ~f.duplicated(["split", "box_id"], keep="first"),
        lambda r: f"box id {r.box_id} was used before in {r.split}",
    ),
    RowRule("box-without-image", lambda f: f["listed"], lambda r: f"no image {r.image_id} in {r.split}"),
    RowRule("box-class-unknown", lambda f: f["class_id"].ne(UNKNOWN_CLASS), lambda r: f"category “{r.category}”"),
    RowRule("box-set-aside", lambda f: ~f["set_aside"], lambda _: "iscrowd or ignore is set"),
)


def overshoot(frame: pd.DataFrame, width: str, height: str) -> pd.Series:
    """Return by how many pixels each box exceeds the frame in these columns; 0 or less if it lies inside."""
    sides = [
        -frame["x"],
        -frame["y"],
        frame["x"] + frame["w"] - frame[width],
        frame["y"] + frame["h"] - frame[height],
    ]
    return pd.concat(sides, axis=1).max(axis=1)


def past_message(row: Any, what: str, width: float, height: float) -> str:
    """Say by how many pixels one box exceeds a frame."""
    pixels = float(np.max([-row.x, -row.y, row.x + row.w - width, row.y + row.h - height]))
    return f"{pixels:g} pixel{'' if pixels == 1 else 's'} past {what}{width:g}x{height:g}"
