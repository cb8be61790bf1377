"""The Hub's loader on generated parquet files, without network access."""

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
from eda.images import image_facts
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
"""The features that the Hub records for the pinned revision."""


def record(image_id: int) -> dict[str, Any]:
    out = io.BytesIO()
    CocoFolder.draw(image_id).save(out, "JPEG")
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
    """Point every cache at the test's folder and the Hub at a closed port."""
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


def test_read_parquet(files: dict[str, Path]) -> None:
    dataset = read_parquet(files, "parquet")
    assert dataset.splits == ["train", "test"]
    assert dataset.images["image_id"].to_list() == [15, 3, 1001]
    assert dataset.boxes["category"].to_list() == ["Mask", "Coverall"] * 3
    assert dataset.boxes["class_id"].to_list() == [4, 0] * 3
    assert dataset.boxes[["x", "y", "w", "h"]].iloc[0].to_list() == [10, 20, 40, 50]
    assert not dataset.synthetic


def test_read_image(files: dict[str, Path]) -> None:
    dataset = read_parquet(files, "parquet")
    assert dataset.files.read(2) == record(1001)["image"]["bytes"]
    assert image_facts(dataset)["format"].to_list() == ["JPEG"] * 3


def test_valid_parquet_has_no_findings(files: dict[str, Path]) -> None:
    dataset = read_parquet(files, "parquet")
    assert check(dataset, image_facts(dataset)).empty


def test_row_without_image(files: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "none.parquet"
    datasets.Dataset.from_list([{**record(15), "image": None}, record(3)], features=FEATURES).to_parquet(path)
    dataset = read_parquet({"train": path}, "parquet")
    assert check(dataset, image_facts(dataset))["rule"].to_list() == ["photo-missing"]


def test_wrong_columns(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    datasets.Dataset.from_list([{"image_id": 1, "text": "a"}]).to_parquet(path)
    with pytest.raises(DataError, match="train has no height, image, objects, width"):
        read_parquet({"train": path}, "parquet")


def test_wrong_object_fields(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    rows = [{**record(15), "image": None, "objects": {"id": [1], "bbox": [[1.0]]}}]
    datasets.Dataset.from_list(rows).to_parquet(path)
    with pytest.raises(DataError, match=r"objects\.area, objects\.category"):
        read_parquet({"train": path}, "parquet")


def test_truncated_parquet(files: dict[str, Path]) -> None:
    files["train"].write_bytes(files["train"].read_bytes()[:500])
    with pytest.raises(DataError, match="cut off or damaged"):
        read_parquet(files, "parquet")


def test_cached_revision_needs_no_network(files: dict[str, Path], tmp_path: Path) -> None:
    snapshot = tmp_path / "hub" / f"datasets--{HUB_REPO.replace('/', '--')}" / "snapshots" / HUB_REVISION
    for split, name in HUB_FILES.items():
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(files[split], snapshot / name)
    dataset = read_hub()
    assert dataset.images["image_id"].to_list() == [15, 3, 1001]
    assert HUB_REVISION[:8] in dataset.label


def test_unreachable_hub() -> None:
    with pytest.raises(HubError, match=r"did not give rishitdagli/cppe-5 \(.*\); name a folder with --data") as caught:
        read_hub()
    assert "\n" not in str(caught.value)


def test_fallback_to_a_synthetic_sample(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eda.sources.SAMPLE_SIZE", 12)
    with open_dataset() as dataset:
        assert dataset.synthetic
        assert len(dataset.images) == 12
    assert "a generated SYNTHETIC sample" in capsys.readouterr().err


def test_no_fallback_with_hub_option() -> None:
    with pytest.raises(HubError), open_dataset(hub=True):
        pytest.fail("the Hub is not reachable in this test")


def test_revision_is_a_commit() -> None:
    assert len(HUB_REVISION) == 40
    assert int(HUB_REVISION, 16)
