"""Downloads from the Hub: a fake Hub on this machine, and an unreachable one."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants

from scripts.build.sources import choice
from scripts.build.sources.source import Origin
from scripts.common.errors import CommandError
from tests.conftest import PROJECT
from tests.unit.scripts.build.sources.fake_hub import FakeHub

SOURCE = "microsoft/resnet-50@34c2154c194f829b11125337b98c8f5f9965ff19"
Choose = Callable[..., Origin]


def closed_port() -> str:
    """Return a URL that refuses connections."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def choose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Choose:
    """Choose a source with an empty cache and the Hub at a given URL; sets huggingface_hub's constants directly."""
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def choose_at(endpoint: str, name: str = "", offline: bool = False) -> Origin:
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + template)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
        return choice.choose("", name)

    return choose_at


def downloads(fake: FakeHub) -> list[str]:
    return [request for request in fake.requests if "/resolve/" in request]


def test_download_of_the_pinned_revision(tiny_directory: Path, choose: Choose) -> None:
    with FakeHub(tiny_directory).serving() as fake:
        origin = choose(fake.url)
    assert (origin.name, origin.source, origin.licence, origin.fallback) == ("resnet-50", SOURCE, "apache-2.0", False)
    names = {Path(path).name for path in downloads(fake)}
    assert names == {"config.json", "preprocessor_config.json", "model.safetensors"}


def test_cached_revision_is_not_downloaded_again(tiny_directory: Path, choose: Choose) -> None:
    with FakeHub(tiny_directory).serving() as fake:
        first = choose(fake.url)
        requests = len(downloads(fake))
        assert choose(fake.url) == first
    assert len(downloads(fake)) == requests


def test_served_name(tiny_directory: Path, choose: Choose) -> None:
    with FakeHub(tiny_directory).serving() as fake:
        assert choose(fake.url, name="mine").name == "mine"


@pytest.mark.parametrize("offline", [False, True])
def test_cached_revision_needs_no_network(tiny_directory: Path, choose: Choose, offline: bool) -> None:
    with FakeHub(tiny_directory).serving() as fake:
        choose(fake.url)
    assert choose(closed_port(), offline=offline).source == SOURCE


def test_fallback_without_a_connection(choose: Choose, capsys: pytest.CaptureFixture[str]) -> None:
    origin = choose(closed_port())
    assert (origin.name, origin.fallback) == ("efficientnet-lite0", True)
    banner = capsys.readouterr().out
    assert "FALLBACK" in banner
    assert "MODEL=<directory>" in banner


def test_fallback_offline_with_an_empty_cache(choose: Choose, capsys: pytest.CaptureFixture[str]) -> None:
    assert choose(closed_port(), offline=True).fallback
    assert "HF_HUB_OFFLINE is set" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["resnet-50", "mine"])
def test_fallback_keeps_its_own_name(choose: Choose, name: str) -> None:
    sentence = r"cannot be reached \(no connection\) and the fallback model is never served as"
    with pytest.raises(CommandError, match=sentence):
        choose(closed_port(), name=name)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_no_fallback_if_the_hub_refuses(tiny_directory: Path, choose: Choose, status: int) -> None:
    with (
        FakeHub(tiny_directory, status=status).serving() as fake,
        pytest.raises(CommandError, match=f"status {status}"),
    ):
        choose(fake.url)


def test_corrupted_download_is_deleted(tiny_directory: Path, choose: Choose) -> None:
    with FakeHub(tiny_directory, corrupt=True).serving() as fake:
        with pytest.raises(CommandError, match=r"is corrupted \(SHA-256 .* run again"):
            choose(fake.url)
        fake.corrupt = False
        assert choose(fake.url).source == SOURCE


def test_environment_variables_of_huggingface_hub(tiny_directory: Path, tmp_path: Path) -> None:
    code = "from scripts.build.sources import choice; print('CHOSEN', choice.choose('', '').source)"
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    with FakeHub(tiny_directory).serving() as fake:
        variables = {
            "HF_HOME": str(tmp_path),
            "HF_ENDPOINT": fake.url,
            "HF_HUB_DISABLE_XET": "1",
            "no_proxy": "127.0.0.1",
        }
        command = [sys.executable, "-c", code]
        result = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=PROJECT, env={**inherited, **variables}
        )
    assert f"CHOSEN {SOURCE}" in result.stdout
    assert list(tmp_path.rglob("model.safetensors"))


def test_fallback_if_the_hub_is_down(tiny_directory: Path, choose: Choose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)  # huggingface_hub retries six times, seconds apart
    with FakeHub(tiny_directory, status=503).serving() as fake:
        assert choose(fake.url).fallback
