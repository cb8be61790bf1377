"""Classes as programs name them: each row of ../shared/cases/eda.md about them."""

import pytest

from eda.explore import explore
from eda.sections import sections
from tests.unit.eda.folder import CocoFolder


def test_odd_characters_in_a_class_name(coco: CocoFolder) -> None:
    for document in coco.documents.values():
        document["categories"][0]["name"] = "ma\ud800sk\n$x^{$ _"
    exploration = explore(coco.dataset())
    assert exploration.boxes["class_name"].iloc[0] == r"ma\ud800sk\n$x^{$ _"
    for part in sections(exploration, None, pixels=False):
        for draw in part.plots:
            plot = draw(exploration)
            assert plot is None or plot.encoded()


def rename(coco: CocoFolder, names: list[str]) -> None:
    for document in coco.documents.values():
        document["categories"] = [{"id": n + 1, "name": name} for n, name in enumerate(names)]


@pytest.mark.parametrize(
    "names",
    [
        ["coverall", "face_shield", "gloves", "goggles", "mask"],
        ["Coverall", "Face Shield", "Gloves", "Goggles", "Mask"],
        ["Coverall", "Face_Shield", "Gloves", "Goggles", "Mask", "Boot"],
        [" Coverall", "Face_Shield "],
        ["安全帽", "人"],
    ],
)
def test_classes_keep_their_names(coco: CocoFolder, names: list[str]) -> None:
    rename(coco, names)
    dataset = coco.dataset()
    assert dataset.classes == tuple(names)
    assert not dataset.is_cppe5
    assert coco.rule_names() == []
    assert len(explore(dataset).boxes) == 8


@pytest.mark.parametrize(
    "pair", [("Mask", "mask"), ("Face Shield", "Face_Shield"), ("face-shield", "Face  Shield"), ("Mask", "Mask ")]
)
def test_names_that_differ_only_in_spelling(coco: CocoFolder, pair: tuple[str, str]) -> None:
    coco.documents["train"]["categories"] = [{"id": 1, "name": pair[0]}, {"id": 2, "name": "Hat"}]
    coco.documents["test"]["categories"] = [{"id": 1, "name": pair[1]}, {"id": 2, "name": "Hat"}]
    assert set(coco.dataset().classes) == {*pair, "Hat"}
    assert coco.rule_names() == ["category-name-similar"]


def test_one_id_with_two_names_counts_for_neither(coco: CocoFolder) -> None:
    coco.documents["train"]["categories"][4]["id"] = 1  # Mask and Coverall
    exploration = explore(coco.dataset())
    found = exploration.findings.groupby("rule")["message"].agg(list)
    assert found["category-id-repeated"] == ["category 1 is “Coverall” and “Mask”"]
    assert found["box-class-unknown"] == ["category “Coverall or Mask”"] * 2
    in_train = exploration.boxes[exploration.boxes["split"] == "train"]
    assert set(in_train["class_name"]) == {"Face_Shield"}


def test_one_name_with_two_ids_is_one_class(coco: CocoFolder) -> None:
    coco.documents["train"]["categories"].append({"id": 9, "name": "Coverall"})
    coco.box()["category_id"] = 9
    assert coco.rule_names() == ["category-name-repeated"]
    assert coco.dataset().boxes["class_id"].iloc[0] == 0


def test_roboflow_project_is_no_class(coco: CocoFolder) -> None:
    for document in coco.documents.values():
        for category in document["categories"]:
            category["supercategory"] = "ppe"
        document["categories"].insert(0, {"id": 0, "name": "ppe", "supercategory": "none"})
    assert coco.dataset().is_cppe5
    coco.box()["category_id"] = 0
    assert "ppe" in coco.dataset().classes


def test_class_named_all(coco: CocoFolder) -> None:
    rename(coco, ["all", "none"])
    exploration = explore(coco.dataset())
    plots = [draw(exploration) for part in sections(exploration, None, pixels=False) for draw in part.plots]
    assert all(plot is None or "nan" not in plot.caption for plot in plots)
