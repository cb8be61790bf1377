"""`make demo`, `make serve` and `predict` on a command line.

They use the project's own model store and the fallback model, which every machine can have.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from scripts.build.sources import fallback
from scripts.common.example import example_image
from scripts.common.waiting import wait_until
from tests.conftest import PROJECT
from tests.integration.commands import PATIENCE, failure, make
from tests.integration.conftest import free_ports

pytestmark = pytest.mark.usefixtures("fallback_archive")


def test_demo(environment: dict[str, str]) -> None:
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
def test_serve_ends_with_its_terminal(
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


def test_demo_with_a_space_in_the_file_name(environment: dict[str, str], tmp_path: Path) -> None:
    image = tmp_path / "my $HOME photo's.png"
    image.write_bytes(example_image().read_bytes())
    result = make(environment | {"PHOTO": str(image)}, "demo", f"PORT={free_ports().inference}")
    assert "\nespresso\n" in result.stdout, result.stderr


def as_in_a_terminal() -> None:
    """Restore the signals of a terminal, which a shell has its background commands ignore."""
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
    assert wait_until(lambda: text in output.read_text(), PATIENCE, poll=0.1), output.read_text()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_serve_prints_addresses_and_stops_cleanly(
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


def test_serve_when_torchserve_dies(serving: tuple[subprocess.Popen[bytes], int, Path]) -> None:
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


def test_help_lists_every_target() -> None:
    text = (PROJECT / "Makefile").read_text()
    targets = {name for line in text.splitlines() if line.startswith(".PHONY:") for name in line.split()[1:]}
    command = ["make", "--no-print-directory", "help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT).stdout
    assert {line.split()[0] for line in shown.splitlines()} == targets
    assert all(len(line.split(maxsplit=1)) == 2 for line in shown.splitlines())


def test_predict(inference: str) -> None:
    command = [sys.executable, "-m", "scripts", "predict", "--url", inference, fallback.NAME, str(example_image())]
    text = subprocess.run([*command, "--text", "--top-k", "2"], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert text.stdout == "espresso\ncup\n"
    json_text = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT).stdout
    assert json_text.startswith('[{"class_id":967,"label":"espresso"')
    rejected = subprocess.run([*command, "--top-k", "0"], capture_output=True, text=True, check=False, cwd=PROJECT)
    assert "status 400" in failure(rejected)


def test_hostname_in_name_is_ignored(environment: dict[str, str]) -> None:
    """WSL sets NAME to it."""
    named = environment | {"NAME": Path("/proc/sys/kernel/hostname").read_text().strip()}
    result = make(named, "archive")
    assert result.returncode == 0, result.stderr
    assert fallback.NAME in result.stdout
