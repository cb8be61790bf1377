"""Measures as data: measures.json, the Parquet tables, and the health score with its parts."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from eda.check.rules import RULES
from eda.explore import Exploration, explore
from eda.export import SCHEMA_VERSION, write_measures
from eda.measure.health import PARTS, health_score, health_table
from tests.unit.eda.faults import change_box, missing_image, no_boxes
from tests.unit.eda.folder import CocoFolder

SENTENCE = {"section": "Classes", "title": "Frequency", "text": "A sentence."}


@pytest.fixture(scope="module")
def written(sample: Exploration, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("measures")
    write_measures(sample, [SENTENCE], folder)
    return folder


@pytest.fixture(scope="module")
def document(written: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((written / "measures.json").read_text(encoding="utf-8"))
    return found


def test_header(document: dict[str, Any], sample: Exploration) -> None:
    assert document["schema_version"] == SCHEMA_VERSION
    assert document["source"].startswith("SYNTHETIC")
    assert document["images"] == 60
    assert document["boxes"] == len(sample.dataset.boxes)
    assert document["classes"] == list(sample.dataset.classes)
    assert document["sentences"] == [SENTENCE]


def test_tables(document: dict[str, Any], sample: Exploration) -> None:
    classes = {row["class"]: row for row in document["tables"]["classes"]}
    assert {name: row["boxes"] for name, row in classes.items()} == dict(sample.boxes["class_name"].value_counts())
    assert {row["comparison"] for row in document["tables"]["split_differences"]} == set(
        sample.differences["comparison"]
    )
    assert set(document["tables"]) == {
        *("findings_by_rule", "hardest_images", "split_differences", "classes", "sizes"),
        *("co_occurrence", "overlap", "input_sizes", "anchors"),
    }


@pytest.mark.parametrize("name", ["images with", "boxes of", "class", "index", "image_row", "all", "row", "split", ""])
def test_classes_named_like_columns(coco: CocoFolder, tmp_path: Path, name: str) -> None:
    for document in coco.documents.values():
        document["categories"][0]["name"] = name
    write_measures(explore(coco.dataset()), [], tmp_path)
    tables = json.loads((tmp_path / "measures.json").read_text(encoding="utf-8"))["tables"]
    assert {row["class"]: row["boxes"] for row in tables["classes"]}[name] == 4
    for table in ("co_occurrence", "overlap"):
        rows = tables[table]
        assert all(name in row for row in rows)
        assert all(len(row) == len(rows) + 1 for row in rows)


def test_parquet_tables(written: Path, sample: Exploration) -> None:
    images, boxes = (pd.read_parquet(written / f"{name}.parquet") for name in ("images", "boxes"))
    assert list(images["image_id"]) == list(sample.images["image_id"])
    assert list(boxes["box_id"]) == list(sample.boxes["box_id"])
    assert set(boxes["image_row"]) <= set(images["image_row"])
    findings = pd.read_parquet(written / "findings.parquet")
    assert list(findings["rule"]) == list(sample.findings["rule"])
    assert [tuple(rows) for rows in findings["image_rows"]] == list(sample.findings["image_rows"])


def test_the_long_table_has_every_number(written: Path, document: dict[str, Any]) -> None:
    values = pd.read_parquet(written / "measures.parquet").set_index(["table", "row", "column"])
    for name, rows in {**document["tables"], "health": document["health"]["parts"]}.items():
        for row in rows:
            label, *cells = row.items()
            for column, cell in cells:
                found = values.loc[(name, str(label[1]), column)]
                if isinstance(cell, str):
                    assert found["text"] == cell
                elif cell is not None:
                    assert found["value"] == pytest.approx(float(cell))


def test_health_has_its_parts(document: dict[str, Any]) -> None:
    health = document["health"]
    assert len(health["parts"]) == len(PARTS)
    for part in health["parts"]:
        assert part["score"] == pytest.approx(1 - part["affected"] / part["total"])
    assert health["score"] == pytest.approx(sum(part["score"] for part in health["parts"]) / len(PARTS))


def test_every_error_and_warning_is_in_one_part() -> None:
    counted = [rule for part in PARTS for rule in part.rules()]
    assert len(set(counted)) == len(counted)
    without_images = ("class-", "category-", "label-without-photo")
    assert set(counted) == {
        name for name, rule in RULES.items() if rule.severity != "info" and not name.startswith(without_images)
    }


def affected(coco: CocoFolder) -> dict[str, int]:
    exploration = explore(coco.dataset())
    table = health_table(exploration.dataset, exploration.findings)
    return {str(part): int(count) for part, count in table["affected"].items() if count}


def test_a_valid_folder_is_healthy(coco: CocoFolder) -> None:
    exploration = explore(coco.dataset())
    assert health_score(health_table(exploration.dataset, exploration.findings)) == 1


def test_a_missing_photo_counts(coco: CocoFolder) -> None:
    missing_image(coco)
    assert affected(coco) == {"photos that can be used": 1}


def test_a_box_with_two_errors_counts_once(coco: CocoFolder) -> None:
    change_box(coco, [-5, 20, 40, -50])
    coco.box()["category_id"] = 6
    assert affected(coco)["boxes that are right"] == 1


def test_boxes_in_another_format_all_count(coco: CocoFolder) -> None:
    coco.add_images(2)
    for number, box in enumerate(coco.documents["train"]["annotations"]):
        box["bbox"] = [0.1, 0.2, 0.3 + number / 100, 0.4]
    assert affected(coco)["boxes that are right"] == 8


def test_notes_do_not_count(coco: CocoFolder) -> None:
    no_boxes(coco)
    assert affected(coco) == {}


def test_without_boxes(coco: CocoFolder, tmp_path: Path) -> None:
    for document in coco.documents.values():
        document["annotations"] = []
    write_measures(explore(coco.dataset()), [], tmp_path)
    written = json.loads((tmp_path / "measures.json").read_text(encoding="utf-8"))
    assert set(written["tables"]) == {"findings_by_rule", "hardest_images", "split_differences"}
    assert pd.read_parquet(tmp_path / "boxes.parquet").empty
