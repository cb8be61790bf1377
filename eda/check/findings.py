"""Run every rule and collect what they find in one table."""

import json
from pathlib import Path

import pandas as pd

from eda.check.pair_rules import box_pairs, photo_pairs
from eda.check.row_rules import BOX_RULES, IMAGE_RULES, broken
from eda.check.rules import RULES, SEVERITIES
from eda.dataset import Dataset

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
"""`related` is the other one of a pair, "split/image id" or "split/image id/box id"; empty otherwise."""


def check(dataset: Dataset, facts: pd.DataFrame) -> pd.DataFrame:
    """Return every finding as a row of COLUMNS, worst first; an empty table when all is well.

    `facts` is what `eda.photos.photo_facts` returned for this data set. Nothing in `dataset` is changed.
    """
    images = dataset.images.join(facts)
    counts = dataset.boxes.groupby(["split", "image_id"]).size().rename("n_boxes")
    images = images.join(counts, on=["split", "image_id"]).fillna({"n_boxes": 0})
    boxes = with_frames(dataset.boxes, images)
    rows = [finding(rule, images.loc[row], None, message) for rule, row, message in broken(images, IMAGE_RULES)]
    for rule, row, other, message in photo_pairs(images):
        rows.append(finding(rule, images.loc[row], None, message, images.loc[other]))
    rows += [finding(rule, boxes.loc[row], boxes.loc[row], message) for rule, row, message in broken(boxes, BOX_RULES)]
    for rule, row, other, message in box_pairs(dataset.boxes):
        rows.append(finding(rule, boxes.loc[row], boxes.loc[row], message, boxes.loc[other]))
    nowhere = {"split": "", "image_id": None, "box_id": None, "related": ""}
    rows += [
        {**nowhere, "rule": "photo-unlisted", "file_name": name, "message": "not in any annotation file"}
        for name in dataset.photos.unlisted()
    ]
    return ordered(rows)


def with_frames(boxes: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Return boxes with the name, fields and real frame of their image (photo, else fields).

    Adds listed (bool), file_name, width, height, frame_width, frame_height (pixels; null for a box without
    image).
    """
    sizes = images.drop_duplicates(["split", "image_id"]).set_index(["split", "image_id"])
    sizes = sizes.assign(
        listed=True,
        frame_width=sizes["photo_width"].fillna(sizes["width"]).astype("float64"),
        frame_height=sizes["photo_height"].fillna(sizes["height"]).astype("float64"),
    )
    wanted = ["listed", "file_name", "width", "height", "frame_width", "frame_height"]
    joined = boxes.join(sizes[wanted], on=["split", "image_id"])
    return joined.assign(listed=joined["listed"].eq(True), file_name=joined["file_name"].fillna(""))


def finding(
    rule: str, image: pd.Series, box: pd.Series | None, message: str, related: pd.Series | None = None
) -> dict[str, object]:
    """Return one finding; `image` is any row with split, image_id and file_name."""
    other = "" if related is None else f"{related.split}/{related.image_id}"
    return {
        "rule": rule,
        "split": image.split,
        "image_id": image.image_id,
        "file_name": image.file_name,
        "box_id": None if box is None else box.box_id,
        "message": message,
        "related": other if box is None or related is None else f"{other}/{related.box_id}",
    }


def ordered(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Return findings as a typed table: errors first, then by rule, split, image and box."""
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["severity"] = frame["rule"].map({name: rule.severity for name, rule in RULES.items()})
    frame = frame.astype(COLUMNS)
    rank = frame["severity"].map({severity: place for place, severity in enumerate(SEVERITIES)})
    order = frame.assign(rank=rank).sort_values(["rank", "rule", "split", "image_id", "box_id"], kind="stable").index
    return frame.loc[order].reset_index(drop=True)


def summary(findings: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each rule that found something: severity, rule, title, count, images, advice."""
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
    """Write findings as JSON: the data's name, whether it is synthetic, and one object for each finding."""
    records = json.loads(findings.to_json(orient="records"))
    document = {"source": dataset.label, "synthetic": dataset.synthetic, "findings": records}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
