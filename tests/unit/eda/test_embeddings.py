"""Features, and what is measured on them: copies, outliers, clusters and labels, with planted faults."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image, ImageFilter
from threadpoolctl import threadpool_limits

from eda.check import check
from eda.check.embedding_rules import embedding_findings
from eda.embeddings import trial
from eda.embeddings.cache import Cache, open_cache
from eda.embeddings.clusters import cluster, cluster_table
from eda.embeddings.duplicates import similar_pairs
from eda.embeddings.explore import add_features
from eda.embeddings.features import MIN_SIDE, box_input, compute_features
from eda.embeddings.labels import MIN_BOXES, doubtful_boxes
from eda.embeddings.map import MAX_MAPPED, project
from eda.embeddings.neighbours import nearest, outlier_scores, reduce
from eda.embeddings.result import Features
from eda.embeddings.trial import ALTERATIONS, find_copies, find_swaps, with_copies
from eda.explore import Exploration, explore
from eda.export import write_measures
from eda.images import image_facts
from eda.plots.embeddings import plot_doubtful_boxes, plot_map, plot_similar_pairs
from eda.sections import sections
from tests.conftest import PROJECT
from tests.unit.eda.features import HistogramEngine, histogram_network
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

COCO_PHOTOS = PROJECT.parent / "shared" / "photos" / "coco"


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with open_cache(tmp_path / "features.sqlite") as opened:
        yield opened


def drawn_photo(seed: int) -> bytes:
    """Return a photo of shapes in its own colours, with grain."""
    rng = np.random.default_rng(seed)
    blocks = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize(
        (400, 300), Image.Resampling.NEAREST
    )
    out = io.BytesIO()
    blocks.rotate(float(rng.integers(5, 40)), expand=False).crop((60, 45, 340, 255)).filter(
        ImageFilter.GaussianBlur(1)
    ).save(out, "JPEG", quality=92)
    return out.getvalue()


def embed(found: Exploration, cache: Cache, engine: HistogramEngine | None = None) -> Features:
    network = histogram_network()
    network = network if engine is None else replace(network, engine=engine)
    return compute_features(found.dataset, found.images, found.boxes, network, cache)


def test_each_image_and_box_has_features(coco: CocoFolder, cache: Cache) -> None:
    features = embed(explore(coco.dataset()), cache)
    assert features.images.shape == (4, 216)
    assert features.boxes.shape == (8, 216)
    assert list(features.image_rows) == [0, 1, 2, 3]
    assert list(features.box_rows) == list(range(8))
    assert np.allclose(np.linalg.norm(features.boxes, axis=1), 1)
    assert set(features.top1) <= {"red", "green", "blue"}


def test_a_second_run_computes_only_what_is_new(coco: CocoFolder, cache: Cache) -> None:
    first = embed(explore(coco.dataset()), cache)
    engine = HistogramEngine()
    again = embed(explore(coco.dataset()), cache, engine)
    assert engine.images == 0
    assert np.array_equal(first.boxes, again.boxes)
    assert first.top1 == again.top1
    coco.box()["bbox"] = [12, 20, 40, 50]
    embed(explore(coco.dataset()), cache, engine)
    assert engine.images == 1


def test_unreadable_images_and_small_boxes_have_no_features(coco: CocoFolder, cache: Cache) -> None:
    (coco.path / "images" / "1.jpg").write_bytes(b"no image")
    coco.box(2)["bbox"] = [10, 20, MIN_SIDE - 1, 50]
    features = embed(explore(coco.dataset()), cache)
    assert list(features.image_rows) == [1, 2, 3]
    assert list(features.box_rows) == [3, 4, 5, 6, 7]


def test_a_box_keeps_its_shape_and_the_rest_is_the_mean_colour() -> None:
    pixels = torch.zeros(3, 100, 100, dtype=torch.uint8)
    pixels[0, 20:40, 10:90] = 200
    spec = replace(histogram_network().manifest.input, mean=(0.2, 0.4, 0.6))
    found = box_input(pixels, (10.0, 20.0, 80.0, 20.0), spec)
    assert found is not None
    assert found.shape == (3, 48, 48)
    assert found[:, 0, 0].tolist() == [51, 102, 153]
    assert found[:, 24, 24].tolist() == [200, 0, 0]
    assert (found[0] == 200).sum() == 12 * 48
    swapped = box_input(pixels.flip(0), (10.0, 20.0, 80.0, 20.0), replace(spec, mean=(0.6, 0.4, 0.2), channels="BGR"))
    assert swapped is not None
    assert torch.equal(swapped[:, 24, 24], found[:, 24, 24])


def test_box_outside_the_image_has_no_input() -> None:
    pixels = torch.zeros(3, 100, 100, dtype=torch.uint8)
    assert box_input(pixels, (120.0, 20.0, 30.0, 20.0), histogram_network().manifest.input) is None


@pytest.mark.parametrize("name", ALTERATIONS)
def test_altered_copies_of_drawn_photos_are_found(name: str, cache: Cache) -> None:
    found = find_copies([drawn_photo(seed) for seed in range(8)], name, histogram_network(), cache)
    assert found["recall"] >= 0.75, found
    assert found["precision"] == 1


@pytest.mark.skipif(not COCO_PHOTOS.is_dir(), reason="needs ../shared/photos/coco")
def test_altered_copies_of_real_photos_are_found(cache: Cache) -> None:
    photos = [path.read_bytes() for path in sorted(COCO_PHOTOS.iterdir())]
    found = find_copies(photos, "cropped to 60% and mirrored", histogram_network(), cache)
    assert found["hash recall"] <= 0.2
    assert found["recall"] >= 0.85, found
    assert found["precision"] == 1


def blobs(counts: tuple[int, ...], spread: float = 0.25, size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors around one centre for each group, and the group of each."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(len(counts)), counts)
    return (np.eye(size)[groups] + rng.normal(0, spread / size**0.5, (len(groups), size))).astype(np.float32), groups


def boxes_of(groups: np.ndarray) -> pd.DataFrame:
    """Return boxes of the classes a, b, … four to an image."""
    return pd.DataFrame(
        {
            "class_name": [chr(97 + group) for group in groups],
            "image_row": np.random.default_rng(1).permutation(len(groups)) // 4,
        }
    )


def test_swapped_labels_are_found() -> None:
    vectors, groups = blobs((60, 60, 60))
    found = find_swaps(reduce(vectors), boxes_of(groups), seeds=2)
    assert found["flagged without swaps"] == 0
    assert found["precision"] >= 0.9
    assert found["recall"] >= 0.9


def test_a_doubtful_box_names_both_classes() -> None:
    vectors, groups = blobs((40, 40))
    boxes = boxes_of(groups)
    boxes.loc[3, "class_name"] = "b"
    doubtful = doubtful_boxes(reduce(vectors), boxes)
    assert list(doubtful.index) == [3]
    row = doubtful.loc[3]
    assert (row["label"], row["predicted"], row["votes"], row["voters"]) == ("b", "a", 10, 10)
    assert row["other"] - row["own"] > 0.5


def test_a_class_with_few_boxes_is_not_judged() -> None:
    vectors, groups = blobs((40, MIN_BOXES - 1))
    assert doubtful_boxes(reduce(vectors), boxes_of(groups)).empty
    vectors, groups = blobs((40, 40, MIN_BOXES - 1))
    assert doubtful_boxes(reduce(vectors), boxes_of(groups)).empty


def test_nearest_neighbours_and_outlier() -> None:
    vectors, _ = blobs((30,))
    vectors = np.vstack([vectors, -np.ones((1, 32), np.float32)])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    similarities, positions = nearest(vectors)
    assert positions.shape == (31, 5)
    assert all(position not in row for position, row in enumerate(positions))
    assert np.allclose(similarities[0, 0], vectors[0] @ vectors[positions[0, 0]], atol=1e-5)
    scores = outlier_scores(similarities)
    assert scores.argmax() == 30
    assert scores[30] > 3.5
    assert (scores[:30] < 3.5).all()


def test_clusters_are_the_groups_largest_first() -> None:
    vectors, groups = blobs((10, 40, 25))
    labels = cluster(reduce(vectors))
    assert labels.max() == 2
    for group, number in ((1, 0), (2, 1), (0, 2)):
        assert set(labels[groups == group]) == {number}


def test_a_cluster_is_named_by_its_classes() -> None:
    labels = np.array([0] * 6 + [1] * 4)
    images = pd.DataFrame(
        {"split": ["train"] * 8 + ["test"] * 2, "shows cup": [True] * 6 + [False] * 4, "shows hat": [True] * 10}
    )
    table = cluster_table(images, labels, ["mug"] * 6 + ["cap"] * 4, ("cup", "hat"))
    assert list(table["images"]) == [6, 4]
    assert list(table["shows"]) == ["cup in 100% (lift 1.7)", "as all images"]
    assert list(table["top-1"]) == ["mug (100%)", "cap (100%)"]
    assert list(table["splits"]) == ["train 6", "train 2, test 2"]


def test_the_map_is_the_same_each_time() -> None:
    vectors, groups = blobs((20, 20))
    positions, places = project(reduce(vectors))
    assert list(positions) == list(range(40))
    assert np.array_equal(project(reduce(vectors))[1], places)
    centres = [places[groups == group].mean(axis=0) for group in (0, 1)]
    spread = max(places[groups == group].std() for group in (0, 1))
    assert np.linalg.norm(centres[0] - centres[1]) > spread


def test_a_map_has_a_sample_of_many_images(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_MAPPED == 3000
    monkeypatch.setattr("eda.embeddings.map.MAX_MAPPED", 30)
    positions, places = project(reduce(blobs((50,))[0]))
    assert len(positions) == len(set(positions)) == len(places) == 30


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Exploration:
    """Twelve drawn photos; 13, in test, is a mirrored crop of 1, and 14, in train, is 2 mirrored."""
    folder = CocoFolder(tmp_path_factory.mktemp("planted") / "data")
    document, images = folder.documents["train"], folder.path / "images"
    for seed in range(1, 15):
        content = drawn_photo(seed)
        if seed in (13, 14):
            name = "cropped to 60% and mirrored" if seed == 13 else "mirrored"
            with Image.open(io.BytesIO(drawn_photo(seed - 12))) as image:
                out = io.BytesIO()
                ALTERATIONS[name](image, np.random.default_rng(0)).save(out, "JPEG", quality=90)
            content = out.getvalue()
        (images / f"{seed}.jpg").write_bytes(content)
        with Image.open(io.BytesIO(content)) as image:
            size = {"width": image.width, "height": image.height}
        document["images"] = [entry for entry in document["images"] if entry["id"] != seed]
        document["annotations"] = [entry for entry in document["annotations"] if entry["image_id"] != seed]
        target = folder.documents["test" if seed == 13 else "train"]
        target["images"].append({"id": seed, "file_name": f"{seed}.jpg", **size})
        target["annotations"] += folder.boxes(seed)
    folder.documents["test"]["images"] = folder.documents["test"]["images"][-1:]
    folder.documents["test"]["annotations"] = folder.documents["test"]["annotations"][-2:]
    found = explore(folder.dataset())
    with open_cache(tmp_path_factory.mktemp("cache") / "features.sqlite") as cache:
        return add_features(found, embed(found, cache))


def test_findings_of_planted_copies(planted: Exploration) -> None:
    findings = planted.findings[planted.findings["rule"].isin(["leak-similar", "photo-similar"])]
    assert list(zip(findings["rule"], findings["image_id"], findings["related"], strict=True)) == [
        ("leak-similar", 13, "train/1"),
        ("photo-similar", 14, "train/2"),
    ]
    assert findings["message"].str.startswith("mirrored, pixels align (correlation ").all()
    assert list(findings["severity"]) == ["error", "warning"]
    assert all(len(rows) == 2 for rows in findings["image_rows"])


def test_plots_and_tables(planted: Exploration) -> None:
    part = next(part for part in sections(planted, None, pixels=False) if part.title.startswith("Similar images"))
    assert "histogram 1.0 (a test)" in part.intro
    pairs = plot_similar_pairs(planted, pixels=False)
    assert pairs is not None
    assert "2 pairs are altered copies and 0 probably show one scene; 1 of them are across splits" in pairs.caption
    drawn_map = plot_map(planted)
    assert drawn_map is not None
    assert "14 images" in drawn_map.caption
    assert [table.title for table in part.tables] == ["Clusters of images"]


def test_tables_are_written_as_data(planted: Exploration, tmp_path: Path) -> None:
    write_measures(planted, [], tmp_path)
    tables = json.loads((tmp_path / "measures.json").read_text(encoding="utf-8"))["tables"]
    assert [pair["kind"] for pair in tables["similar_images"]] == ["similar", "similar"]
    assert [row["image_row"] for row in tables["image_features"]] == list(range(14))
    assert tables["image_clusters"][0]["cluster"] == 1
    values = pd.read_parquet(tmp_path / "measures.parquet")
    assert {"image_features", "image_clusters", "similar_images"} <= set(values["table"])


def with_table(found: Exploration, **changes: pd.DataFrame) -> Exploration:
    assert found.embeddings is not None
    return replace(found, embeddings=replace(found.embeddings, **changes))


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


def test_images_with_unusually_similar_features_show_one_scene() -> None:
    """Features alone cannot tell: the pixels of these photos do not align."""
    vectors = reduce(np.random.default_rng(0).normal(size=(12, 64)).astype(np.float32))
    dataset = with_copies([drawn_photo(number) for number in range(12)], [], "mirrored")
    vectors[7] = vectors[2] + 0.01
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    features = Features("none", vectors, np.arange(12), ["x"] * 12, vectors[:0], np.arange(0))
    found = similar_pairs(dataset, check(dataset, image_facts(dataset)), features, nearest(vectors))
    assert [(pair.row, pair.other, pair.kind) for pair in found] == [(7, 2, "same-scene")]


def test_too_few_images_are_not_compared(coco: CocoFolder, cache: Cache) -> None:
    for name in ("1", "2"):
        (coco.path / "images" / f"{name}.jpg").unlink()
    found = explore(coco.dataset())
    assert add_features(found, embed(found, cache)) is found


def test_trial_of_a_folder(coco: CocoFolder, tiny_archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert trial.main(["--data", str(coco.path), "--archive", str(tiny_archive)]) == 0
    figures = json.loads(capsys.readouterr().out)["swapped labels"]
    assert figures["boxes"] == 8
    assert figures["flagged"] == 0


def test_trial_without_an_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert trial.main(["--archive", str(tmp_path / "none.mar")]) == 1
    assert "none.mar is no whole archive" in capsys.readouterr().err
