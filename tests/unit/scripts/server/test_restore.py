"""What a restart restores from snapshots as TorchServe writes them."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from scripts.client.models import VersionId
from scripts.server import restore, snapshot
from scripts.server.snapshot import SavedVersion

# As TorchServe 0.12 writes one: Java's properties format around JSON.
SNAPSHOT = r"""#Saving snapshot
#Sun Nov 22 09:20:14 UTC 2026
default_workers_per_model=1
allowed_urls=file\:///srv/models/[A-Za-z0-9._-]+[.]mar
model_snapshot={\n  "name"\: "x.cfg",\n  "modelCount"\: 1,\n  "created"\: 1795339214267,\n  "models"\: MODELS\n}
inference_address=http\://127.0.0.1\:19080
"""


Models = dict[str, dict[str, dict[str, Any]]]  # name -> version -> TorchServe's settings


def saved(models: Models) -> tuple[SavedVersion, ...]:
    return tuple(
        SavedVersion(VersionId(name, number), settings)
        for name, versions in models.items()
        for number, settings in versions.items()
    )


def version(archive: str, workers: int = 1, default: bool = False) -> dict[str, Any]:
    return {"defaultVersion": default, "marName": archive, "minWorkers": workers, "maxWorkers": workers}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    for name, held in {"a.mar": "1.0", "a2.mar": "2.0"}.items():
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("MAR-INF/MANIFEST.json", json.dumps({"model": {"modelName": "a", "modelVersion": held}}))
    return folder


def save(folder: Path, stamp: str, models: Models, kind: str = "snapshot") -> Path:
    (folder / "config").mkdir(parents=True, exist_ok=True)
    text = json.dumps(models, indent=2).replace("\n", r"\n").replace(":", r"\:")
    path = folder / "config" / f"{stamp}-{kind}.cfg"
    path.write_text(SNAPSHOT.replace("MODELS", text))
    return path


def test_no_snapshot(tmp_path: Path, store: Path) -> None:
    assert restore.restore(tmp_path / "state", store) == restore.Restored()


def test_versions_default_and_workers_are_restored(tmp_path: Path, store: Path) -> None:
    models = {"a": {"1.0": version("a.mar", 1), "2.0": version("a2.mar", 3, default=True)}}
    save(tmp_path, "20261122092014267", models)
    assert restore.restore(tmp_path, store) == restore.Restored(saved(models))


def test_the_newest_snapshot_counts(tmp_path: Path, store: Path) -> None:
    save(tmp_path, "20261122092014267", {"a": {"1.0": version("a.mar", 1, default=True)}})
    save(tmp_path, "20261122092014268", {"a": {"1.0": version("a.mar", 2, default=True)}}, "startup")
    save(tmp_path, "20261122092014266", {"a": {"1.0": version("a.mar", 3, default=True)}})
    assert [saved_version.workers for saved_version in restore.restore(tmp_path, store).versions] == [2]


def test_a_server_that_stops_does_not_bring_its_models_back(tmp_path: Path, store: Path) -> None:
    """During an update, it stops after the server that replaces it has written what serves now."""
    save(tmp_path, "20261122092014267", {"a": {"2.0": version("a2.mar", 1, default=True)}})
    stopped = save(tmp_path, "20261122092014268", {"a": {"1.0": version("a.mar", 1, default=True)}}, "shutdown")
    assert [each.id.version for each in restore.restore(tmp_path, store).versions] == ["2.0"]
    snapshot.forget_old(tmp_path / "config")
    assert not stopped.exists()


@pytest.mark.parametrize("kept", [0, 60, 200, 330])
def test_a_truncated_snapshot_is_skipped(tmp_path: Path, store: Path, kept: int) -> None:
    whole = {"a": {"1.0": version("a.mar", 2, default=True)}}
    save(tmp_path, "20261122092014267", whole)
    cut = save(tmp_path, "20261122092014268", {"a": {"1.0": version("a.mar", 9, default=True)}})
    cut.write_text(cut.read_text()[:kept])
    assert restore.restore(tmp_path, store).versions == saved(whole)


def test_a_missing_archive_is_left_out(tmp_path: Path, store: Path) -> None:
    save(tmp_path, "1", {"a": {"1.0": version("a.mar")}, "b": {"1.0": version("b.mar", default=True)}})
    restored = restore.restore(tmp_path, store)
    assert [saved_version.id for saved_version in restored.versions] == [("a", "1.0")]
    assert restored.left_out == ("b 1.0 is not restored: its archive b.mar is gone from the model store",)


def test_an_archive_that_holds_another_version_is_left_out(tmp_path: Path, store: Path) -> None:
    save(tmp_path, "1", {"a": {"1.0": version("a2.mar", default=True)}})
    restored = restore.restore(tmp_path, store)
    assert restored.versions == ()
    assert restored.left_out == ("a 1.0 is not restored: its archive a2.mar now holds version 2.0",)


def test_a_damaged_archive_is_left_out(tmp_path: Path, store: Path) -> None:
    (store / "a.mar").write_bytes(b"PK no more")
    save(tmp_path, "1", {"a": {"1.0": version("a.mar", default=True)}})
    assert restore.restore(tmp_path, store).left_out == ("a 1.0 is not restored: its archive a.mar is damaged",)


def test_the_highest_version_replaces_a_missing_default(tmp_path: Path, store: Path) -> None:
    (store / "a10.mar").write_bytes((store / "a2.mar").read_bytes())
    versions = {"1.0": version("a.mar"), "2.0": version("a2.mar"), "3.0": version("gone.mar", default=True)}
    save(tmp_path, "1", {"a": versions})
    defaults = {
        saved_version.id.version: saved_version.default for saved_version in restore.restore(tmp_path, store).versions
    }
    assert defaults == {"1.0": False, "2.0": True}


def test_the_config_keeps_its_text_and_gains_one_line() -> None:
    models = {'odd "näme"\\': {"1.0": version("a.mar", default=True)}}
    config = restore.config_with(saved(models), "a=1\n# comment\nb=2\n")
    *before, line = config.splitlines()
    assert before == ["a=1", "# comment", "b=2"]
    key, _, value = line.partition("=")
    assert key == "model_snapshot"
    assert value.isascii()
    unescaped = value.replace("\\\\", "\\")  # what Java's Properties makes of it
    assert json.loads(unescaped)["models"] == models
    assert restore.config_with((), "a=1\n") == "a=1\n"


def test_old_snapshots_are_deleted(tmp_path: Path, store: Path) -> None:
    for stamp in ("1", "2", "3"):
        newest = save(tmp_path, stamp, {"a": {"1.0": version("a.mar", default=True)}})
    snapshot.forget_old(tmp_path / snapshot.FOLDER)
    assert list((tmp_path / "config").iterdir()) == [newest]


def test_an_archive_is_new_once(tmp_path: Path, store: Path) -> None:
    archive, kept = store / "a.mar", tmp_path / "kept"
    assert restore.is_new(kept, archive)
    restore.remember(kept, archive)
    assert not restore.is_new(kept, archive)
    assert restore.is_new(kept, store / "a2.mar")
    archive.write_bytes((store / "a2.mar").read_bytes())
    assert restore.is_new(kept, archive)
