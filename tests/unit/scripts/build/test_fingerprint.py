"""What an archive's fingerprint depends on."""

import shutil
from pathlib import Path

import pytest

from scripts.build import archive
from scripts.build.precision import Precision
from scripts.build.sources import local
from tests.conftest import PROJECT
from tests.scenes import save_scenes, scene


def test_fingerprint_depends_on_every_input(tiny_directory: Path, tmp_path: Path) -> None:
    config = Path(shutil.copy(archive.MODEL_CONFIG, tmp_path / "model-config.yaml"))
    directory = Path(shutil.copytree(tiny_directory, tmp_path / "tiny-resnet"))

    images = save_scenes(tmp_path / "images", 2)

    def fingerprint(name: str = "", version: str = "1.0", reference: str = "") -> str:
        origin = local.origin_of_directory(directory, name)
        return archive.fingerprint_of(origin, version, config, Precision(), reference)

    fingerprints = [fingerprint(), fingerprint("other"), fingerprint(version="2.0")]
    fingerprints.append(fingerprint(reference=str(images)))
    (images / "0001.png").write_bytes(scene(5))
    fingerprints.append(fingerprint(reference=str(images)))
    (directory / "preprocessor_config.json").write_text("{}")
    fingerprints.append(fingerprint())
    with (directory / "model.safetensors").open("ab") as file:
        file.write(b"\0")
    fingerprints.append(fingerprint())
    config.write_text("minWorkers: 2")
    fingerprints.append(fingerprint())
    assert len(set(fingerprints)) == len(fingerprints)
    assert fingerprint() == fingerprints[-1]


@pytest.mark.parametrize("file", ["classifier.py", "page/index.html", "page/page.css", "page/main.js"])
def test_fingerprint_depends_on_every_file_of_the_handler(
    tiny_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    handler = Path(shutil.copytree(PROJECT / "handler", tmp_path / "handler"))
    monkeypatch.setattr(archive, "HANDLER", handler)
    origin = local.origin_of_directory(tiny_directory, "")
    before = archive.fingerprint_of(origin, "1.0", archive.MODEL_CONFIG, Precision())
    with (handler / file).open("a") as changed:
        changed.write(" ")
    assert archive.fingerprint_of(origin, "1.0", archive.MODEL_CONFIG, Precision()) != before
