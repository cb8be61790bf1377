"""Run every rule and collect what they find in one table."""

import json
from pathlib import Path

import pandas as pd

from eda.box_format import foreign_formats
from eda.check.class_rules import class_findings
from eda.check.data_rules import GEOMETRY_RULES, missing_sentence, splits_without_photos
from eda.check.format_rules import foreign_boxes
from eda.check.outlier_rules import crowded_images, missing_labels, outlier_boxes
from eda.check.pair_rules import box_pairs, image_pairs
from eda.check.quality_rules import QUALITY_RULES
from eda.check.row_rules import BOX_RULES, IMAGE_RULES, violations
from eda.check.rules import RULES, SEVERITIES
from eda.dataset import Dataset, Note
from eda.measure.boxes import frame_sizes, valid_boxes, valid_images

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

MAX_UNLISTED = 20
"""More photos without annotations than this are one finding."""

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
    absent, foreign = splits_without_photos(images), foreign_formats(boxes)
    rows = [note_finding(note, images, boxes) for note in dataset.notes]
    for split in absent:
        rows.append(data_finding("photo-missing-all", missing_sentence(images, split, dataset), split=split))
    for split, message in foreign.items():
        rows.append(data_finding("box-format-differs", message, split=split))
    for rule, row, message in violations(images, (*IMAGE_RULES, *QUALITY_RULES)):
        if not (rule == "photo-missing" and images.loc[row, "split"] in absent):
            rows.append(image_finding(rule, message, images.loc[row]))
    for rule, row, other, message in image_pairs(images):
        rows.append(image_finding(rule, message, images.loc[row], images.loc[other]))
    for rule, row, message in violations(boxes, BOX_RULES):
        if not (rule in GEOMETRY_RULES and boxes.loc[row, "split"] in foreign):
            rows.append(box_finding(rule, message, boxes.loc[row]))
    usual = boxes[~boxes["split"].isin(list(foreign))]
    for rule, row, other, message in box_pairs(usual):
        rows.append(box_finding(rule, message, boxes.loc[row], boxes.loc[other]))
    rows += [box_finding("box-format", message, boxes.loc[row]) for row, message in foreign_boxes(usual)]
    rows += outlier_findings(dataset, facts, boxes)
    rows += unlisted_findings(dataset.files.unlisted())
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


def note_finding(note: Note, images: pd.DataFrame, boxes: pd.DataFrame) -> dict[str, object]:
    """Return what was noticed while reading as a finding; it names the image or the box if there is only one."""
    if len(note.box_rows) == 1:
        found = box_finding(note.rule, note.message, boxes.loc[note.box_rows[0]])
    elif len(note.image_rows) == 1:
        found = image_finding(note.rule, note.message, images.loc[note.image_rows[0]])
    else:
        found = data_finding(note.rule, note.message, note.file_name, note.split)
        shown = boxes.loc[list(note.box_rows), "image_row"].dropna().astype(int)
        found |= {"image_rows": note.image_rows or tuple(shown.unique()), "box_rows": note.box_rows}
    return found


def unlisted_findings(names: list[str]) -> list[dict[str, object]]:
    """Return a finding for each photo without annotations, or one for all if they are many."""
    if len(names) > MAX_UNLISTED:
        message = f"{len(names):,} photos are in no annotation file, such as “{names[0]}”"
        return [data_finding("photo-unlisted", message)]
    return [data_finding("photo-unlisted", "not in any annotation file", name) for name in names]


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
        **frame_sizes(sizes),
    )
    wanted = ["listed", "image_row", "file_name", "width", "height", "frame_width", "frame_height"]
    joined = boxes.join(sizes[wanted], on=["split", "image_id"])
    return joined.assign(
        listed=joined["listed"].eq(True),
        file_name=joined["file_name"].fillna(""),
        segmented=joined.get("segmented", default=False),
    )


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
