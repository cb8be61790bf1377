"""What an exploration has with features: findings, tables and plots."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd

from eda.check.embedding_rules import embedding_findings
from eda.conclusions import conclusions
from eda.embeddings.cache import Cache
from eda.embeddings.explore import add_features
from eda.explore import Exploration, explore
from eda.export import write_measures
from eda.plots.embeddings import plot_doubtful_boxes, plot_map, plot_similar_pairs
from eda.sections import sections
from tests.unit.eda.features import embed
from tests.unit.eda.folder import CocoFolder

DOUBTFUL = ["label", "predicted", "own", "other", "votes", "voters"]
TESTED = {
    "photo-similar",
    "leak-similar",
    "photo-same-scene",
    "leak-same-scene",
    "photo-outlier",
    "box-class-doubtful",
}
"""The rules of this file, each with a test that finds it."""


def test_findings_of_planted_copies(planted: Exploration) -> None:
    findings = planted.findings[planted.findings["rule"].isin(["leak-similar", "photo-similar"])]
    assert list(zip(findings["rule"], findings["image_id"], findings["related"], strict=True)) == [
        ("leak-similar", 13, "train/1"),
        ("photo-similar", 14, "train/2"),
    ]
    assert findings["message"].str.startswith("mirrored, pixels align (correlation ").all()
    assert list(findings["severity"]) == ["error", "warning"]
    assert all(len(rows) == 2 for rows in findings["image_rows"])


def test_findings_of_each_table(planted: Exploration) -> None:
    assert planted.embeddings is not None
    rows = {"kind": "same-scene", "similarity": 0.9, "correlation": 0.3, "share": 0.5, "mirrored": False}
    test = int(planted.images.index[planted.images["split"] == "test"][0])
    pairs = pd.DataFrame([{"row": 5, "other": 4, **rows}, {"row": test, "other": 4, **rows}])
    images = planted.embeddings.images.assign(unlike=False)
    images.loc[3, ["unlike", "outlier", "similarity"]] = [True, 4.2, 0.31]
    box = planted.boxes.iloc[2]
    doubtful = pd.DataFrame([["Mask", "Gloves", 0.05, 0.85, 8, 10]], index=[box.name], columns=DOUBTFUL)
    changed = replace(planted.embeddings, pairs=pairs, images=images, doubtful=doubtful)
    found = {row["rule"]: row for row in embedding_findings(planted.images, planted.dataset.boxes, changed)}
    assert set(found) == {"photo-same-scene", "leak-same-scene", "photo-outlier", "box-class-doubtful"}
    assert str(found["photo-same-scene"]["message"]).startswith(
        "features' similarity 0.90, but the pixels do not align"
    )
    assert found["photo-outlier"]["image_rows"] == (3,)
    assert "robust z 4.2; the nearest has a similarity of 0.31" in str(found["photo-outlier"]["message"])
    doubt = found["box-class-doubtful"]
    assert doubt["box_id"] == box.box_id
    assert doubt["message"] == (
        "labelled Mask, looks like Gloves (probability 0.85 against 0.05); so do 8 of its 10 nearest boxes"
    )


def test_too_few_images_are_not_compared(coco: CocoFolder, cache: Cache) -> None:
    for name in ("1", "2"):
        (coco.path / "images" / f"{name}.jpg").unlink()
    found = explore(coco.dataset())
    assert add_features(found, embed(found, cache)) is found


def test_labels_that_cannot_be_checked_are_not_called_right(coco: CocoFolder, cache: Cache) -> None:
    found = explore(coco.dataset())
    few = add_features(found, embed(found, cache))
    assert "**Labels cannot be checked**: 10 boxes each in 5 images or more are needed of two classes." in conclusions(
        few
    )
    coco.add_images(8)
    found = explore(coco.dataset())
    enough = " ".join(conclusions(add_features(found, embed(found, cache))))
    assert "Labels cannot be checked" not in enough
    assert "doubtful" in enough


def test_a_map_without_boxes_says_nothing_of_classes(coco: CocoFolder, cache: Cache) -> None:
    coco.add_images(4)
    for document in coco.documents.values():
        document["annotations"] = []
    found = explore(coco.dataset())
    plot = plot_map(add_features(found, embed(found, cache)))
    assert plot is not None
    assert plot.caption == (
        "8 images by t-SNE of the model's features, in 1 cluster: near points are similar images, distances between "
        "groups mean nothing. 0 outliers are ringed."
    )


def test_tables_are_written_as_data(planted: Exploration, tmp_path: Path) -> None:
    write_measures(planted, [], tmp_path)
    tables = json.loads((tmp_path / "measures.json").read_text(encoding="utf-8"))["tables"]
    assert [pair["kind"] for pair in tables["similar_images"]] == ["similar", "similar"]
    assert [row["image_row"] for row in tables["image_features"]] == list(range(14))
    assert tables["image_clusters"][0]["cluster"] == 1
    values = pd.read_parquet(tmp_path / "measures.parquet")
    assert {"image_features", "image_clusters", "similar_images"} <= set(values["table"])


def test_plots_and_tables(planted: Exploration) -> None:
    part = next(part for part in sections(planted, None, pixels=False) if part.title.startswith("Similar images"))
    assert "histogram 1.0 (a test)" in part.intro
    pairs = plot_similar_pairs(planted, pixels=False)
    assert pairs is not None
    assert "2 pairs are altered copies and 0 probably show one scene; 1 of them is across splits" in pairs.caption
    drawn_map = plot_map(planted)
    assert drawn_map is not None
    assert "14 images" in drawn_map.caption
    assert [table.title for table in part.tables] == ["Clusters of images"]


def test_gallery_of_doubtful_boxes(planted: Exploration) -> None:
    assert planted.embeddings is not None
    row = planted.boxes.index[0]
    table = pd.DataFrame(
        {"label": ["Coverall"], "predicted": ["Mask"], "own": [0.1], "other": [0.8], "votes": [9], "voters": [10]},
        index=[row],
    )
    assert plot_doubtful_boxes(with_table(planted, doubtful=table.iloc[:0])) is None
    for pixels in (True, False):
        plot = plot_doubtful_boxes(with_table(planted, doubtful=table), pixels=pixels)
        assert plot is not None
        assert plot.photographic is pixels
        assert "a Coverall that looks like Mask" in plot.caption
        assert plot.figure.axes[0].get_title("left").endswith("Coverall, looks like Mask")


def with_table(found: Exploration, **changes: pd.DataFrame) -> Exploration:
    assert found.embeddings is not None
    return replace(found, embeddings=replace(found.embeddings, **changes))
