"""Archives that were tampered with, registered on a real server: refused, or served by the engine that is whole."""

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from scripts.common.errors import CommandError
from scripts.server.torchserve import TorchServe
from tests.integration.conftest import STORE, wait_for_log
from tests.integration.test_inference import IMAGE


def tampered(source: Path, name: str, changed: tuple[str, ...]) -> Path:
    """Copy an archive into the store under another name, with bytes added to some of its files."""
    target = STORE / f"{name}.mar"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.infolist():
            data = old.read(item)
            if item.filename == "MAR-INF/MANIFEST.json":
                data = data.replace(b'"patient"', f'"{name}"'.encode())
            new.writestr(item, data + b"\0" if item.filename in changed else data)
    return target


@pytest.fixture
def registered(server: TorchServe) -> Iterator[list[str]]:
    names: list[str] = []
    yield names
    for name in names:
        if any(model.name == name for model in server.management.models()):
            server.management.unregister(name)
        (STORE / f"{name}.mar").unlink(missing_ok=True)


def test_a_changed_onnx_program_is_refused_and_torch_takes_over(
    server: TorchServe, inference: str, patient: Path, registered: list[str]
) -> None:
    registered.append("changed-onnx")
    server.management.register(tampered(patient, "changed-onnx", ("program.onnx",)).name, workers=0)
    response = requests.post(f"{inference}/predictions/changed-onnx", data=IMAGE)
    expected = requests.post(f"{inference}/predictions/patient", data=IMAGE)
    assert [row["class_id"] for row in response.json()] == [row["class_id"] for row in expected.json()]
    for engine in ("onnx", "openvino"):
        wait_for_log(server, f"{engine} in float32 cannot be used: program.onnx is refused")


def test_an_archive_with_no_whole_program_is_not_served(
    server: TorchServe, patient: Path, registered: list[str]
) -> None:
    registered.append("changed-both")
    archive = tampered(patient, "changed-both", ("program.onnx", "program.pt2"))
    with pytest.raises(CommandError, match=r"a worker of changed-both 1.0 ended while loading"):
        server.management.register(archive.name, workers=0)
    assert "changed-both" not in [model.name for model in server.management.models()]
    wait_for_log(server, "the model cannot be loaded: no engine can serve this archive: ")
    wait_for_log(server, "program.pt2 is refused: its SHA-256 is not the manifest's")
    shutil.copy(patient, archive)
