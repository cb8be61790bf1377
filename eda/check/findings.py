"""Run every rule and collect what they find in one table."""

import json
from pathlib import Path

import pandas as pd

from eda.check.class_rules import class_findings
from eda.check.format_rules import foreign_boxes
from eda.check.outlier_rules import crowded_images, missing_labels, outlier_boxes
from eda.check.pair_rules import box_pairs, image_pairs
from eda.check.quality_rules import QUALITY_RULES
from eda.check.row_rules import BOX_RULES, IMAGE_RULES, violations
from eda.check.rules import RULES, SEVERITIES
from eda.dataset import Dataset
from eda.measure.boxes import valid_boxes, valid_images

COLUMNS = {
    "severity": "str",
    "rule": "str",
    "split": "str",
    "image_id": "Int64",
    "file_name": "str",
    "box_id": "Int64",
    "message": "str",
    "related": "str",
}
"""`related` names the other row of a pair: "split/image id" or "split/image id/box id"; empty without a pair."""

SHOWN_ROWS = ("image_rows", "box_rows")
"""Columns beside COLUMNS that name what a picture of the finding shows: tuples of row labels of the data set's images
and boxes tables, the finding's own row first. They are empty without an image, and not written to the files."""


def check(dataset: Dataset, facts: pd.DataFrame) -> pd.DataFrame:
    """Return every finding as a row of COLUMNS and SHOWN_ROWS, errors first; an empty table if there are none.

    `facts` comes from `eda.images.image_facts` for this data set. `dataset` is not changed.
    """
    images = dataset.images.join(facts)
    counts = dataset.boxes.groupby(["split", "image_id"]).size().rename("n_boxes")
    images = images.join(counts, on=["split", "image_id"]).fillna({"n_boxes": 0})
    boxes = add_frames(dataset.boxes, images)
    rows = []
    for rule, row, message in violations(images, (*IMAGE_RULES, *QUALITY_RULES)):
        rows.append(image_finding(rule, message, images.loc[row]))
    for rule, row, other, message in image_pairs(images):
        rows.append(image_finding(rule, message, images.loc[row], images.loc[other]))
    for rule, row, message in violations(boxes, BOX_RULES):
        rows.append(box_finding(rule, message, boxes.loc[row]))
    for rule, row, other, message in box_pairs(dataset.boxes):
        rows.append(box_finding(rule, message, boxes.loc[row], boxes.loc[other]))
    rows += [box_finding("box-format", message, boxes.loc[row]) for row, message in foreign_boxes(boxes)]
    rows += outlier_findings(dataset, facts, boxes)
    rows += [data_finding("photo-unlisted", "not in any annotation file", name) for name in dataset.files.unlisted()]
    return sort_findings(rows)


def outlier_findings(dataset: Dataset, facts: pd.DataFrame, framed: pd.DataFrame) -> list[dict[str, object]]:
    """Return what is unlike the rest of the data; `framed` comes from `add_frames`."""
    images = valid_images(dataset, facts)
    boxes = valid_boxes(dataset, images)
    rows = [box_finding(rule, message, framed.loc[row]) for rule, row, message in outlier_boxes(boxes)]
    unlike = (*crowded_images(images), *missing_labels(boxes))
    rows += [image_finding(rule, message, images.loc[row]) for rule, row, message in unlike]
    rows += [data_finding(rule, message, split=split) for rule, split, message in class_findings(images, boxes)]
    return rows


def add_frames(boxes: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Join each box with its image.

    Added columns: listed (bool), image_row (row label in `images`), file_name, width and height as annotated, and
    frame_width and frame_height: the decoded image's size, or the annotated size without an image file. All sizes are
    in pixels, null for a box without an image.
    """
    sizes = images.drop_duplicates(["split", "image_id"]).reset_index(names="image_row")
    sizes = sizes.set_index(["split", "image_id"])
    sizes = sizes.assign(
        listed=True,
        frame_width=sizes["stored_width"].fillna(sizes["width"]).astype("float64"),
        frame_height=sizes["stored_height"].fillna(sizes["height"]).astype("float64"),
    )
    wanted = ["listed", "image_row", "file_name", "width", "height", "frame_width", "frame_height"]
    joined = boxes.join(sizes[wanted], on=["split", "image_id"])
    return joined.assign(listed=joined["listed"].eq(True), file_name=joined["file_name"].fillna(""))


def image_finding(rule: str, message: str, image: pd.Series, related: pd.Series | None = None) -> dict[str, object]:
    """Return a finding about an image, a row of the images table, and about a second one if it is a pair."""
    shown = [image] if related is None else [image, related]
    return {
        "rule": rule,
        "split": image.split,
        "image_id": image.image_id,
        "file_name": image.file_name,
        "box_id": None,
        "message": message,
        "related": "" if related is None else f"{related.split}/{related.image_id}",
        "image_rows": tuple(int(row.name) for row in shown),
        "box_rows": (),
    }


def box_finding(rule: str, message: str, box: pd.Series, *related: pd.Series) -> dict[str, object]:
    """Return a finding about a box, a row of `add_frames`, and about further boxes of its image."""
    return {
        "rule": rule,
        "split": box.split,
        "image_id": box.image_id,
        "file_name": box.file_name,
        "box_id": box.box_id,
        "message": message,
        "related": ", ".join(f"{other.split}/{other.image_id}/{other.box_id}" for other in related),
        "image_rows": () if pd.isna(box.image_row) else (int(box.image_row),),
        "box_rows": tuple(int(row.name) for row in (box, *related)),
    }


def data_finding(rule: str, message: str, file_name: str = "", split: str = "") -> dict[str, object]:
    """Return a finding about a file, a split or the whole data set."""
    return {
        "rule": rule,
        "split": split,
        "image_id": None,
        "file_name": file_name,
        "box_id": None,
        "message": message,
        "related": "",
        "image_rows": (),
        "box_rows": (),
    }


def sort_findings(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Return findings as a typed table: errors first, then by rule, split, image and box."""
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *SHOWN_ROWS])
    frame["severity"] = frame["rule"].map({name: rule.severity for name, rule in RULES.items()})
    frame = frame.astype(COLUMNS)
    rank = frame["severity"].map({severity: rank for rank, severity in enumerate(SEVERITIES)})
    order = frame.assign(rank=rank).sort_values(["rank", "rule", "split", "image_id", "box_id"], kind="stable").index
    return frame.loc[order].reset_index(drop=True)


def summary(findings: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each rule with findings: severity, rule, title, findings, images, advice."""
    groups = findings.groupby(["rule"], sort=False)
    rows = [
        {
            "severity": RULES[str(rule)].severity,
            "rule": rule,
            "title": RULES[str(rule)].title,
            "findings": len(group),
            "images": len(group[["split", "image_id"]].drop_duplicates()),
            "advice": RULES[str(rule)].advice,
        }
        for (rule,), group in groups
    ]
    return pd.DataFrame(rows, columns=["severity", "rule", "title", "findings", "images", "advice"])


def write_findings(dataset: Dataset, findings: pd.DataFrame, path: Path) -> None:
    """Write findings as JSON: the data source, whether it is synthetic, and one object for each finding."""
    records = json.loads(findings[list(COLUMNS)].to_json(orient="records"))
    document = {"source": dataset.label, "synthetic": dataset.synthetic, "findings": records}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
