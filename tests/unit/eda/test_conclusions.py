"""The notebook's conclusions follow from the numbers."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from eda.conclusions import conclusions
from eda.explore import Exploration, explore
from tests.unit.eda.folder import CocoFolder


def test_of_the_real_test_split(real: Exploration) -> None:
    assert [sentence.split("**")[1] for sentence in conclusions(real)] == [
        "The data can be used as it is",
        "1 photo there twice, or nearly so",
        "The classes are uneven",
        "Small differences between detectors cannot be seen",
        "AP on small boxes is coarse",
        "Scale the longer side to 512 pixels or more",
        "Suppress overlapping boxes class by class",
        "One split alone says nothing about the others",
    ]


def test_numbers_of_the_real_test_split(real: Exploration) -> None:
    text = " ".join(conclusions(real))
    assert "Gloves has 3.6 times the boxes of Face_Shield" in text
    assert "20 of 207 boxes (10%) are small, so one detection more or less is 5 points" in text
    assert "with 17 boxes of Face_Shield, its recall is known to ± 24 points" in text
    assert "94% of Goggles boxes lie half or more on a Coverall" in text


def with_findings(found: Exploration, *rules: tuple[str, str]) -> Exploration:
    rows = [
        {"rule": rule, "severity": severity, "split": "test", "image_id": 1, "image_rows": ()}
        for rule, severity in rules
    ]
    return replace(found, findings=pd.DataFrame(rows, columns=["rule", "severity", "split", "image_id", "image_rows"]))


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([], "no errors and no warnings"),
        ([("photo-dark", "warning")] * 2, "no errors, 2 warnings, 2 of one kind"),
        ([("box-not-positive", "error"), ("photo-dark", "warning")], "Mend 1 error before you train"),
        ([("leak-duplicate", "error")], "1 photo of one split in another"),
        ([("photo-similar", "warning")] * 3, "3 photos there twice"),
    ],
)
def test_of_findings(real: Exploration, rules: list[tuple[str, str]], words: str) -> None:
    assert words in " ".join(conclusions(with_findings(real, *rules)))


def even(folder: CocoFolder) -> Exploration:
    folder.add_images(96)
    return explore(folder.dataset())


def significant(names: list[str]) -> Callable[[Exploration], Exploration]:
    def change(found: Exploration) -> Exploration:
        table = found.differences
        return replace(found, differences=table.assign(significant=table["comparison"].isin(names)))

    return change


@pytest.mark.parametrize(
    ("names", "words"),
    [([], "test is like train** in all 13 comparisons"), (["brightness"], "test is not like train** in brightness")],
)
def test_of_splits(coco: CocoFolder, names: list[str], words: str) -> None:
    coco.add_images(6)
    assert words in " ".join(conclusions(significant(names)(explore(coco.dataset()))))


def test_even_classes_of_large_boxes_need_no_warning(coco: CocoFolder) -> None:
    text = " ".join(conclusions(even(coco)))
    for absent in ("uneven", "cannot be seen", "Suppress"):
        assert absent not in text
