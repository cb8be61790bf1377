"""Two data sets side by side: what differs is found, noise is not, and a report reads like its folder."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape

from eda.__main__ import main, parser
from eda.compare.differences import COLUMNS, compare
from eda.compare.side import Side, read_side
from eda.explore import Exploration, explore
from eda.export import MEASURES, write_measures
from eda.measure.splits import quantity_row
from eda.synthetic import Sample
from tests.unit.eda.folder import CocoFolder


@pytest.fixture(scope="module")
def side(sample: Exploration) -> Side:
    return Side("sample", True, sample.dataset.classes, sample.images, sample.boxes, sample.findings)


def differing(first: Side, second: Side) -> set[str]:
    table = compare(first, second)
    return set(table.loc[table["differs"], "comparison"])


def half(side: Side, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Side:
    """Return the side with the chosen images only."""
    images = side.images[chosen]
    findings = side.findings[side.findings["image_rows"].map(lambda rows: bool(rows) and rows[0] in images.index)]
    boxes = side.boxes[side.boxes["image_row"].isin(images.index)]
    return replace(side, images=images, boxes=boxes, findings=findings)


def test_a_data_set_does_not_differ_from_itself(side: Side) -> None:
    table = compare(side, side)
    assert list(table.columns) == list(COLUMNS)
    assert len(table) > 25
    assert not table["significant"].any()
    assert (table["effect"] == 0).all()


def test_random_halves_differ_by_noise(side: Side) -> None:
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(20):
        chosen = rng.permutation(len(side.images)) < len(side.images) // 2
        found += bool(differing(half(side, chosen), half(side, ~chosen)))
    # The false discovery rate is 5%: of 20 pairs without a difference, about one may show one.
    assert found <= 3


def darker(side: Side) -> Side:
    return replace(side, images=side.images.assign(brightness=side.images["brightness"] * 0.6))


def without_masks(side: Side) -> Side:
    return replace(
        side,
        images=side.images.assign(**{"shows Mask": False}),
        boxes=side.boxes[side.boxes["class_name"] != "Mask"],
    )


def wider_gloves(side: Side) -> Side:
    gloves = side.boxes["class_name"] == "Gloves"
    return replace(side, boxes=side.boxes.assign(aspect=side.boxes["aspect"].where(~gloves, side.boxes["aspect"] * 2)))


def without_findings(side: Side) -> Side:
    return replace(side, findings=side.findings[side.findings["rule"] == "none"])


def all_dark(side: Side) -> Side:
    rows = [{"rule": "photo-dark", "image_rows": (row,)} for row in side.images.index]
    return replace(side, findings=pd.DataFrame(rows))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (darker, "brightness"),
        (without_masks, "images with Mask"),
        (wider_gloves, "Gloves: width / height"),
        (all_dark, "A photo that is too dark"),
    ],
)
def test_a_planted_difference_is_found_alone(side: Side, change: Callable[[Side], Side], expected: str) -> None:
    side = without_findings(side)
    assert differing(side, change(side)) == {expected}


def test_direction_and_size_of_an_effect(side: Side) -> None:
    table = compare(side, darker(side)).set_index("comparison")
    row = table.loc["brightness"]
    assert row["effect"] < -0.5
    assert row["second"] == pytest.approx(0.6 * row["first"])
    assert row["measure"] == "Cliff's delta"


def test_a_significant_effect_may_be_negligible(side: Side) -> None:
    rng = np.random.default_rng(0)
    count = 40_000
    images = side.images.iloc[np.zeros(count, dtype=int)].reset_index(drop=True)
    first = replace(side, images=images.assign(brightness=rng.normal(0.5, 0.1, count)))
    second = replace(side, images=images.assign(brightness=rng.normal(0.508, 0.1, count)))
    row = compare(first, second).set_index("comparison").loc["brightness"]
    assert row["significant"]
    assert not row["differs"]


def test_a_report_reads_like_its_folder(
    sample: Exploration, sample_folder: tuple[Path, Sample], side: Side, tmp_path: Path
) -> None:
    write_measures(sample, [], tmp_path)
    report = read_side(tmp_path)
    assert report.classes == side.classes
    pd.testing.assert_frame_equal(compare(report, darker(side)), compare(side, darker(side)))


def run(tmp_path: Path, *folders: Path) -> int:
    return main(["compare", *map(str, folders), "--out", str(tmp_path / "compared")])


def test_page_and_json(coco: CocoFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = CocoFolder(tmp_path / "other")
    for document in other.documents.values():
        document["categories"] = [{**entry, "name": f"{entry['name']} <2>"} for entry in document["categories"]]
    other.save()
    assert run(tmp_path, coco.path, other.path) == 0
    found = json.loads((tmp_path / "compared" / "compare.json").read_text(encoding="utf-8"))
    assert (found["first"]["images"], found["second"]["boxes"]) == (4, 8)
    assert "Coverall" in found["only_in_first"]
    assert "Coverall <2>" in found["only_in_second"]
    assert {row["group"] for row in found["comparisons"]} == {"images"}
    page = (tmp_path / "compared" / "index.html").read_text(encoding="utf-8")
    assert escape(found["summary"]) in page
    assert "Coverall &lt;2&gt;" in page
    assert "http" not in page
    assert "None of 11 comparisons differs by more than noise." in capsys.readouterr().out


def compared(tmp_path: Path, first: CocoFolder, second: CocoFolder) -> str:
    first.save()
    second.save()
    assert run(tmp_path, first.path, second.path) == 0
    return str(json.loads((tmp_path / "compared" / "compare.json").read_text(encoding="utf-8"))["summary"])


def rename_classes(coco: CocoFolder, names: list[str]) -> CocoFolder:
    for document in coco.documents.values():
        document["categories"] = [{"id": n + 1, "name": name} for n, name in enumerate(names)]
    return coco


def test_classes_of_one_side_are_in_the_summary(coco: CocoFolder, tmp_path: Path) -> None:
    first = rename_classes(coco, ["cat", "Face_Shield"])
    second = rename_classes(CocoFolder(tmp_path / "other"), ["dog", "face shield"])
    assert compared(tmp_path, first, second) == (
        "None of 11 comparisons differs by more than noise. "
        "The sides have no class in common, so classes and their boxes are not compared. "
        "Only A has cat and Face_Shield. Only B has dog and face shield. "
        "A's “Face_Shield” and B's “face shield” differ only in their spelling."
    )


def test_too_few_images_are_not_said_to_be_alike(coco: CocoFolder, tmp_path: Path) -> None:
    del coco.documents["train"]["images"][1], coco.documents["test"]["images"][1]
    summary = compared(tmp_path, coco, CocoFolder(tmp_path / "other"))
    assert summary.startswith("With 2 images of A and 4 of B, no difference could be told from noise: ")


@pytest.mark.parametrize("count", [8, 20, 30])
def test_one_image_against_many_equal_ones_is_not_certain(count: int) -> None:
    # By chance, the one that differs is in the side of one image in 1 of count + 1 cases.
    row = quantity_row("brightness", pd.Series([0.9]), pd.Series([0.1] * count))
    assert row["p"] == pytest.approx(2 / (count + 1))


def newer_version(folder: Path) -> None:
    document = json.loads((folder / MEASURES).read_text(encoding="utf-8"))
    (folder / MEASURES).write_text(json.dumps({**document, "schema_version": 99}), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (newer_version, "has schema_version 99, expected 1"),
        (lambda folder: (folder / MEASURES).write_text("{"), "is damaged"),
        (lambda folder: (folder / MEASURES).write_text("[]"), "is damaged"),
        (lambda folder: (folder / "boxes.parquet").unlink(), "is no whole report"),
        (lambda folder: (folder / "images.parquet").write_bytes(b"PAR1"), "is no whole report"),
        (lambda folder: (folder / MEASURES).unlink(), "expected"),
    ],
)
def test_a_broken_report(
    coco: CocoFolder,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], object],
    words: str,
) -> None:
    report = tmp_path / "report"
    report.mkdir()
    write_measures(explore(coco.dataset()), [], report)
    damage(report)
    capsys.readouterr()
    assert run(tmp_path, coco.path, report) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("eda: ")
    assert words in error
    assert not (tmp_path / "compared").exists()


def test_a_folder_that_cannot_be_written_is_refused_at_once(
    coco: CocoFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "compared").write_text("")
    assert run(tmp_path, coco.path, tmp_path / "nowhere") == 1
    assert (
        capsys.readouterr().err
        == f"eda: {tmp_path / 'compared'} cannot be written (File exists); name another folder.\n"
    )


@pytest.mark.parametrize("arguments", [["compare"], ["compare", "only-one"]])
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_options_before_and_after_the_command() -> None:
    for arguments in (
        ["--archive", "x.mar", "--no-photos", "compare", "A", "B"],
        ["compare", "A", "B", "--archive", "x.mar", "--no-photos"],
    ):
        options = parser().parse_args(arguments)
        assert (options.archive, options.no_photos, options.no_embeddings) == (Path("x.mar"), True, False)
