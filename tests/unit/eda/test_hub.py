"""The Hub's loader on parquet files of its schema made here; the network is never reached."""

import io
import shutil
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub.constants
import pytest

from eda.check import check
from eda.cppe5 import CLASS_NAMES, HUB_FILES, HUB_REPO, HUB_REVISION
from eda.errors import DataError, HubError
from eda.hub import read_hub, read_parquet
from eda.photos import photo_facts
from eda.sources import open_dataset
from tests.unit.eda.folder import HEIGHT, WIDTH, CocoFolder

FEATURES = datasets.Features(
    {
        "image_id": datasets.Value("int64"),
        "image": datasets.Image(),
        "width": datasets.Value("int32"),
        "height": datasets.Value("int32"),
        "objects": {
            "id": datasets.List(datasets.Value("int64")),
            "area": datasets.List(datasets.Value("int64")),
            "bbox": datasets.List(datasets.List(datasets.Value("float32"), length=4)),
            "category": datasets.List(datasets.ClassLabel(names=list(CLASS_NAMES))),
        },
    }
)
"""As the Hub's own record of the pinned revision prints it."""


def record(image_id: int) -> dict[str, Any]:
    out = io.BytesIO()
    CocoFolder.photo(image_id).save(out, "JPEG")
    return {
        "image_id": image_id,
        "image": {"bytes": out.getvalue(), "path": None},
        "width": WIDTH,
        "height": HEIGHT,
        "objects": {
            "id": [image_id * 10, image_id * 10 + 1],
            "area": [2000, 1200],
            "bbox": [[10, 20, 40, 50], [100, 20, 30, 40]],
            "category": [4, 0],
        },
    }


@pytest.fixture(autouse=True)
def _no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point every cache at the test's folder and the Hub at a port where nothing listens."""
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "arrow")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    paths = {}
    for split, ids in {"train": (15, 3), "test": (1001,)}.items():
        paths[split] = tmp_path / f"{split}.parquet"
        datasets.Dataset.from_list([record(i) for i in ids], features=FEATURES).to_parquet(paths[split])
    return paths


def test_parquet_files_become_the_same_tables(files: dict[str, Path]) -> None:
    dataset = read_parquet(files, "parquet")
    assert dataset.splits == ["train", "test"]
    assert dataset.images["image_id"].to_list() == [15, 3, 1001]
    assert dataset.boxes["category"].to_list() == ["Mask", "Coverall"] * 3
    assert dataset.boxes["class_id"].to_list() == [4, 0] * 3
    assert dataset.boxes[["x", "y", "w", "h"]].iloc[0].to_list() == [10, 20, 40, 50]
    assert not dataset.synthetic


def test_photos_come_lazily_and_sound_data_has_no_findings(files: dict[str, Path]) -> None:
    dataset = read_parquet(files, "parquet")
    assert dataset.photos.read(2) == record(1001)["image"]["bytes"]
    facts = photo_facts(dataset)
    assert facts["format"].to_list() == ["JPEG"] * 3
    assert check(dataset, facts).empty


def test_a_row_without_a_photo_is_a_finding(files: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "none.parquet"
    datasets.Dataset.from_list([{**record(15), "image": None}, record(3)], features=FEATURES).to_parquet(path)
    dataset = read_parquet({"train": path}, "parquet")
    assert check(dataset, photo_facts(dataset))["rule"].to_list() == ["photo-missing"]


def test_another_schema_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    datasets.Dataset.from_list([{"image_id": 1, "text": "a"}]).to_parquet(path)
    with pytest.raises(DataError, match="train has no height, image, objects, width"):
        read_parquet({"train": path}, "parquet")


def test_objects_of_another_schema_are_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    thin = datasets.Dataset.from_list([{**record(15), "image": None, "objects": {"id": [1], "bbox": [[1.0]]}}])
    thin.to_parquet(path)
    with pytest.raises(DataError, match=r"objects\.area, objects\.category"):
        read_parquet({"train": path}, "parquet")


def test_a_truncated_parquet_file_is_one_sentence(files: dict[str, Path]) -> None:
    files["train"].write_bytes(files["train"].read_bytes()[:500])
    with pytest.raises(DataError, match="cut off or damaged"):
        read_parquet(files, "parquet")


def test_the_pinned_revision_in_the_local_cache_needs_no_network(files: dict[str, Path], tmp_path: Path) -> None:
    snapshot = tmp_path / "hub" / f"datasets--{HUB_REPO.replace('/', '--')}" / "snapshots" / HUB_REVISION
    for split, name in HUB_FILES.items():
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(files[split], snapshot / name)
    dataset = read_hub()
    assert dataset.images["image_id"].to_list() == [15, 3, 1001]
    assert HUB_REVISION[:8] in dataset.label


def test_an_unreachable_hub_is_one_sentence() -> None:
    with pytest.raises(HubError, match=r"did not give rishitdagli/cppe-5 \(.*\); name a folder with --data") as caught:
        read_hub()
    assert "\n" not in str(caught.value)


def test_without_the_hub_a_synthetic_sample_stands_in_and_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eda.sources.SAMPLE_PHOTOS", 12)
    with open_dataset() as dataset:
        assert dataset.synthetic
        assert len(dataset.images) == 12
    assert "a generated SYNTHETIC sample" in capsys.readouterr().err


def test_with_the_hub_named_nothing_stands_in() -> None:
    with pytest.raises(HubError), open_dataset(hub=True):
        pytest.fail("there is no Hub here")


def test_the_revision_is_a_commit() -> None:
    assert len(HUB_REVISION) == 40
    assert int(HUB_REVISION, 16)
