"""Archives: contents, references, damage and failed builds."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from handler.manifest import REFERENCE, Manifest
from scripts.archives import describe
from scripts.archives.reading import damage, read_manifest
from scripts.build import archive, program
from scripts.common.errors import CommandError
from tests.conftest import PROJECT
from tests.scenes import save_scenes, scene


def test_contents(tiny_archive: Path) -> None:
    with zipfile.ZipFile(tiny_archive) as file:
        names = set(file.namelist())
    assert {"entry_point.py", "model.json", "program.onnx", "program.pt2", "model-config.yaml"} <= names
    assert {f"handler/{path.name}" for path in (PROJECT / "handler").glob("*.py")} <= names
    assert {f"handler/page/{path.name}" for path in (PROJECT / "handler" / "page").glob("*.*")} <= names
    assert not [name for name in names if "__pycache__" in name]


def test_up_to_date_archive_is_not_rebuilt(
    tiny_archive: Path, tiny_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tiny_archive.stat().st_mtime_ns
    assert archive.ensure(str(tiny_directory), "", store=tiny_archive.parent) == tiny_archive
    assert tiny_archive.stat().st_mtime_ns == before
    assert "up to date" in capsys.readouterr().out


def test_file_name() -> None:
    assert archive.file_name("resnet-50", "1.0") == "resnet-50.mar"
    assert archive.file_name("resnet-50", "2.0") == "resnet-50-2.0.mar"


@pytest.mark.parametrize("version", ["", "two", "1/2", "../1", "1 0", "-1"])
def test_invalid_version(tiny_directory: Path, tmp_path: Path, version: str) -> None:
    with pytest.raises(CommandError, match="cannot be a version"):
        archive.ensure(str(tiny_directory), "", version=version, store=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_reference_is_in_the_archive_and_its_manifest(archive_with_reference: Path) -> None:
    digest = read_manifest(archive_with_reference).programs[REFERENCE]
    with zipfile.ZipFile(archive_with_reference) as file:
        assert hashlib.sha256(file.read(REFERENCE)).hexdigest() == digest
    assert damage(archive_with_reference) is None
    assert f"reference for drift   {REFERENCE}, sha256 {digest}" in describe.manifest(
        read_manifest(archive_with_reference)
    )


def test_without_a_folder_there_is_no_reference(tiny_archive: Path) -> None:
    assert REFERENCE not in read_manifest(tiny_archive).programs


def test_the_environment_names_the_folder(
    tiny_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFERENCE", str(tmp_path / "none"))
    with pytest.raises(CommandError, match=r"there is no folder .*none: name a folder of images with REFERENCE="):
        archive.ensure(str(tiny_directory), "", store=tmp_path / "store")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("count", [0, 199])
def test_too_few_files_for_a_reference_are_refused_before_a_build(
    tiny_directory: Path, tmp_path: Path, count: int
) -> None:
    images = save_scenes(tmp_path / "images", count)
    with pytest.raises(CommandError, match=rf"^{count} files in .* are too few for a reference: name a folder of 200"):
        archive.ensure(str(tiny_directory), "", store=tmp_path / "store", reference=str(images))
    assert not (tmp_path / "store").exists()


def test_too_few_images_for_a_reference(tiny_directory: Path, tmp_path: Path) -> None:
    images = save_scenes(tmp_path / "images", 199)
    (images / "broken.png").write_bytes(scene(0)[:-40])
    (images / "notes.txt").write_text("no image")
    with pytest.raises(
        CommandError, match=r"^199 images in .* without 2 files such as broken.png \(damaged-image\) are"
    ):
        archive.ensure(str(tiny_directory), "", store=tmp_path / "store", reference=str(images))
    assert list((tmp_path / "store").iterdir()) == []


def test_build_in_subprocess(tiny_directory: Path, tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from scripts.archives.reading import read_manifest
from scripts.build import archive
if __name__ == "__main__":
    packed = archive.ensure({str(tiny_directory)!r}, "", store=Path({str(tmp_path)!r}), in_subprocess=True)
    print(read_manifest(packed).name, "torch" in sys.modules)
"""
    script = tmp_path / "script.py"
    script.write_text(code)
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    command = [sys.executable, str(script)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT, env=environment)
    assert result.stdout.splitlines()[-1] == "tiny-resnet False"
    assert [path.name for path in tmp_path.glob("*") if path.name.startswith(".building-")] == []


def test_failed_build_in_subprocess(tiny_directory: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(tiny_directory, tmp_path / "tiny-resnet"))
    (directory / "preprocessor_config.json").write_text(json.dumps({"image_processor_type": "NoSuchProcessor"}))
    command = [sys.executable, "-m", "scripts", "serve", "--model", str(directory), "--port", "21990"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert result.returncode == 1
    (sentence,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert "port" not in sentence
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("damage", ["half", "flip", "empty", "text"])
def test_damaged_archive(tiny_archive: Path, tmp_path: Path, damage: str) -> None:
    data = bytearray(tiny_archive.read_bytes())
    data[len(data) // 3] ^= 1
    broken = {"half": bytes(data[: len(data) // 2]), "flip": bytes(data), "empty": b"", "text": b"no zip"}[damage]
    packed = tmp_path / tiny_archive.name
    packed.write_bytes(broken)
    with pytest.raises(CommandError, match="damaged"):
        read_manifest(packed)


def test_damaged_archive_is_rebuilt(tiny_directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed = tmp_path / "tiny-resnet.mar"
    packed.write_bytes(b"no zip")
    assert archive.ensure(str(tiny_directory), "", store=tmp_path) == packed
    assert "building it again" in capsys.readouterr().out
    assert read_manifest(packed).name == "tiny-resnet"


def test_failed_build_leaves_the_store_unchanged(
    tiny_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "tiny-resnet.mar"
    old.write_bytes(b"an older archive")

    def full(model: object, directory: Path) -> None:
        (directory / "program.onnx").write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(program, "export", full)
    with pytest.raises(OSError, match="No space left"):
        archive.ensure(str(tiny_directory), "", store=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny-resnet.mar"]
    assert old.read_bytes() == b"an older archive"


def test_show(tiny_archive: Path) -> None:
    command = [sys.executable, "-m", "scripts", "show", str(tiny_archive)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT).stdout
    manifest = read_manifest(tiny_archive)
    for text in ("tiny-resnet 1.0", "directory tiny-resnet", "unknown", manifest.weights_sha256, "CPU program",
                 "GPU program", *manifest.programs.values(), "10: class 0", "torch 2.15.0"):  # fmt: skip
        assert text in shown


def test_show_without_an_archive(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scripts", "show", str(tmp_path / "none.mar")]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"error: there is no {tmp_path}/none.mar: build it with make archive\n"


def test_manifest_json(tiny_archive: Path) -> None:
    with zipfile.ZipFile(tiny_archive) as file:
        text = file.read("model.json").decode()
    assert json.loads(text)["fallback"] is False
    assert text == Manifest.from_json(text).to_json()
