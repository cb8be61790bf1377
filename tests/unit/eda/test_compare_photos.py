"""Photos of two data sets compared by a model's features: noise is quiet, planted differences and copies are found."""

import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from threadpoolctl import threadpool_limits
from torch import Tensor

from eda.__main__ import main
from eda.compare.differences import compare
from eda.compare.joint import join
from eda.compare.likeness import compare_features
from eda.compare.plots import plot_copies, plot_sides, plot_unlike
from eda.compare.result import COMPARISON, Likeness
from eda.compare.side import Side, read_side
from eda.compare.two_sample import MIN_VECTORS, tell_apart
from eda.embeddings.cache import open_cache
from eda.embeddings.features import compute_features
from eda.explore import explore
from eda.export import write_measures
from eda.sources import read_folder
from handler.manifest import FEATURES, LOGITS
from tests.conftest import PROJECT
from tests.unit.eda.features import HistogramEngine, histogram_network
from tests.unit.eda.folder import CocoFolder

COCO_PHOTOS = PROJECT.parent / "shared" / "photos" / "coco"

Change = Callable[[Image.Image], Image.Image]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


class EdgeEngine(HistogramEngine):
    """Its features are a histogram of the differences between neighbouring pixels, and of the brightness."""

    def run_with(self, batch: Tensor, outputs: Sequence[str]) -> dict[str, Tensor]:
        grey = batch.mean(dim=1)
        edges = (grey[:, :, 1:] - grey[:, :, :-1]).abs()
        histograms = [
            torch.stack([torch.histc(one, bins, 0, high) for one in levels])
            for levels, bins, high in ((edges, 24, 0.5), (grey, 8, 1.0))
        ]
        return {LOGITS: batch.mean(dim=(2, 3)), FEATURES: torch.cat(histograms, dim=1).sqrt()}


def folder_of(path: Path, photos: Sequence[Image.Image]) -> Path:
    """Write a data set of these photos, each with two boxes."""
    folder = CocoFolder(path)
    folder.documents = {"test": folder.documents["test"]}
    (path / "annotations" / "train.json").unlink()
    document = folder.documents["test"]
    document["images"], document["annotations"] = [], []
    for old in (path / "images").iterdir():
        old.unlink()
    for number, photo in enumerate(photos, start=1):
        photo.convert("RGB").save(path / "images" / f"{number}.jpg", quality=92)
        document["images"].append(
            {"id": number, "file_name": f"{number}.jpg", "width": photo.width, "height": photo.height}
        )
        document["annotations"] += folder.boxes(number)
    folder.save()
    return path


def side_of(path: Path, photos: Sequence[Image.Image]) -> Side:
    return read_side(folder_of(path, photos))


def likeness(first: Side, second: Side, cache: Path) -> Likeness:
    network = histogram_network(EdgeEngine())
    joint = join(first, second)
    with open_cache(cache) as stored:
        features = compute_features(joint.dataset, joint.images, joint.boxes.iloc[:0], network, stored)
    found = compare_features(joint, features)
    assert found is not None
    return found


def photo_row(first: Side, second: Side, found: Likeness) -> pd.Series:
    return compare(first, second, [found.row()]).set_index("comparison").loc[COMPARISON]


def real_photos(folder: Path) -> list[Image.Image]:
    photos = []
    for path in sorted(folder.iterdir()):
        with Image.open(path) as photo:
            photo.thumbnail((400, 400))
            photos.append(photo.convert("RGB"))
    return photos


@pytest.fixture(scope="module")
def drawn() -> list[Image.Image]:
    return [CocoFolder.draw(seed) for seed in range(60)]


@pytest.fixture(scope="module")
def cppe5(real_folder: Path) -> list[Image.Image]:
    return real_photos(real_folder / "images")


CHANGES: dict[str, Change] = {
    "dark": lambda photo: ImageEnhance.Brightness(photo).enhance(0.4),
    "blurred": lambda photo: photo.filter(ImageFilter.GaussianBlur(6)),
}


def test_two_halves_of_a_data_set_do_not_differ(drawn: list[Image.Image], tmp_path: Path) -> None:
    first, second = side_of(tmp_path / "a", drawn[::2]), side_of(tmp_path / "b", drawn[1::2])
    found = likeness(first, second, tmp_path / "cache")
    assert not photo_row(first, second, found)["differs"]
    assert found.separation.p > 0.05
    assert found.pairs.empty
    assert plot_copies(found) is None


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_half_differs(name: str, drawn: list[Image.Image], tmp_path: Path) -> None:
    first = side_of(tmp_path / "a", drawn[::2])
    second = side_of(tmp_path / "b", [CHANGES[name](photo) for photo in drawn[1::2]])
    row = photo_row(first, second, likeness(first, second, tmp_path / "cache"))
    assert row["differs"]
    assert row["effect"] > 0.5


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_copy_of_the_real_test_split_differs(name: str, cppe5: list[Image.Image], tmp_path: Path) -> None:
    first = side_of(tmp_path / "a", cppe5[::2])
    second = side_of(tmp_path / "b", [CHANGES[name](photo) for photo in cppe5[1::2]])
    assert photo_row(first, second, likeness(first, second, tmp_path / "cache"))["differs"]


def test_halves_of_the_real_test_split_do_not_differ(cppe5: list[Image.Image], tmp_path: Path) -> None:
    first, second = side_of(tmp_path / "a", cppe5[::2]), side_of(tmp_path / "b", cppe5[1::2])
    assert not photo_row(first, second, likeness(first, second, tmp_path / "cache"))["differs"]


@pytest.mark.skipif(not COCO_PHOTOS.is_dir(), reason="needs ../shared/photos/coco")
def test_other_photos_differ(cppe5: list[Image.Image], tmp_path: Path) -> None:
    first, second = side_of(tmp_path / "a", cppe5), side_of(tmp_path / "b", real_photos(COCO_PHOTOS))
    found = likeness(first, second, tmp_path / "cache")
    assert photo_row(first, second, found)["differs"]
    assert found.separation.auc > 0.7


def test_noise_is_quiet_and_a_shift_is_not() -> None:
    rng = np.random.default_rng(0)
    p = [tell_apart(rng.normal(size=(25, 40)), rng.normal(size=(30, 40))).p for _ in range(40)]
    # Under noise p is uniform: of 40, two are expected under 0.05, and six or more have a probability of 1%.
    assert sum(value < 0.05 for value in p) <= 5
    shifted = tell_apart(rng.normal(size=(25, 40)), rng.normal(0.7, 1, size=(30, 40)))
    assert shifted.auc > 0.9
    assert shifted.p == pytest.approx(1 / 2000)


def test_one_odd_photo_is_named(drawn: list[Image.Image], tmp_path: Path) -> None:
    odd = Image.effect_noise((200, 120), 90).convert("RGB")
    first, second = side_of(tmp_path / "a", drawn[:30]), side_of(tmp_path / "b", [*drawn[30:], odd])
    found = likeness(first, second, tmp_path / "cache")
    document = found.to_document()
    assert [entry["image_id"] for entry in document["unlike"]][:1] == [31]
    assert document["unlike"][0]["nearest"]["side"] == "A"
    assert document["images"] == {"A": 30, "B": 31}
    plot = plot_unlike(found, pixels=False)
    assert plot is not None
    assert "robust z" in plot.figure.axes[0].get_title("left")
    assert plot_sides(found).caption.startswith("30 photos of A and 31 of B")


def test_altered_copies_across_the_sides_are_found(drawn: list[Image.Image], tmp_path: Path) -> None:
    copies = [ImageOps.mirror(drawn[3]), drawn[5].crop((20, 10, 190, 115))]
    first, second = side_of(tmp_path / "a", drawn[:30]), side_of(tmp_path / "b", [*drawn[30:50], *copies])
    document = likeness(first, second, tmp_path / "cache").to_document()
    found = {(copy["first"]["image_id"], copy["second"]["image_id"]) for copy in document["copies"]}
    assert found == {(4, 21), (6, 22)}
    assert {copy["second"]["side"] for copy in document["copies"]} == {"B"}


def test_page_and_json(drawn: list[Image.Image], tiny_archive: Path, tmp_path: Path) -> None:
    first, second = folder_of(tmp_path / "a", drawn[:12]), folder_of(tmp_path / "b", drawn[11:24])
    arguments = ["compare", str(first), str(second), "--archive", str(tiny_archive), "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    document = json.loads((tmp_path / "out" / "compare.json").read_text(encoding="utf-8"))
    assert document["embeddings"]["images"] == {"A": 12, "B": 13}
    assert document["no_embeddings"] == ""
    (row,) = [row for row in document["comparisons"] if row["group"] == "embeddings"]
    assert row["first"] is None
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    for words in ("Both sides on one map", "Photos that are in both", "a classifier tells", COMPARISON.split("'")[0]):
        assert words in page


def missing_sentence(tmp_path: Path, *arguments: str) -> str:
    assert main(["compare", *arguments, "--out", str(tmp_path / "out")]) == 0
    document = json.loads((tmp_path / "out" / "compare.json").read_text(encoding="utf-8"))
    assert document["embeddings"] is None
    sentence = str(document["no_embeddings"])
    assert sentence in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    return sentence


def test_why_photos_are_not_compared(
    drawn: list[Image.Image], tiny_archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    few = str(folder_of(tmp_path / "few", drawn[: MIN_VECTORS - 1]))
    report = tmp_path / "report"
    report.mkdir()
    write_measures(explore(read_folder(Path(few))), [], report)
    assert missing_sentence(tmp_path, few, few).startswith("No model: model_store/ has no archive")
    assert missing_sentence(tmp_path, few, str(report)).startswith("B: a report without its photos")
    assert missing_sentence(tmp_path, few, few, "--no-embeddings") == "Left out by --no-embeddings."
    archive = ("--archive", str(tiny_archive))
    assert missing_sentence(tmp_path, few, few, *archive) == "A side has fewer than 10 photos that can be read."


def test_an_unreadable_photo_is_left_out(drawn: list[Image.Image], tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a", drawn[:12])
    (path / "images" / "1.jpg").write_bytes(io.BytesIO(b"no image").getvalue())
    found = likeness(read_side(path), side_of(tmp_path / "b", drawn[12:24]), tmp_path / "cache")
    assert found.to_document()["images"] == {"A": 11, "B": 12}
