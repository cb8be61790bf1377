"""The Hub: a server on this machine that speaks its API, and the network refused."""

import os
import socket
import subprocess
import sys
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


def refused() -> str:
    """Return an address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def choose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Choose:
    """Choose a source with an empty cache and the Hub at an address; what HF_* variables set is set directly."""

    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def chosen(endpoint: str, name: str = "", offline: bool = False) -> Origin:
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + template)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
        return choice.choose("", name)

    return chosen


def downloads(fake: FakeHub) -> list[str]:
    return [request for request in fake.requests if "/resolve/" in request]


def test_downloads_the_pinned_revision_once(tiny_directory: Path, choose: Choose) -> None:
    with FakeHub(tiny_directory).serving() as fake:
        first = choose(fake.url)
        asked = len(downloads(fake))
        assert choose(fake.url) == first
    assert (first.name, first.source, first.licence, first.stand_in) == ("resnet-50", SOURCE, "apache-2.0", False)
    assert {Path(path).name for path in downloads(fake)} == {
        "config.json",
        "preprocessor_config.json",
        "model.safetensors",
    }
    assert len(downloads(fake)) == asked  # a pinned revision never changes: the cache is asked alone


def test_a_served_name_can_be_given(tiny_directory: Path, choose: Choose) -> None:
    with FakeHub(tiny_directory).serving() as fake:
        assert choose(fake.url, name="mine").name == "mine"


def test_what_is_cached_needs_no_network(tiny_directory: Path, choose: Choose) -> None:
    with FakeHub(tiny_directory).serving() as fake:
        choose(fake.url)
    assert choose(refused()).source == SOURCE
    assert choose(refused(), offline=True).source == SOURCE


def test_a_refused_network_gives_the_stand_in_under_its_own_name(
    choose: Choose, capsys: pytest.CaptureFixture[str]
) -> None:
    origin = choose(refused())
    assert (origin.name, origin.stand_in) == ("efficientnet-lite0", True)
    banner = capsys.readouterr().out
    assert "STAND-IN" in banner
    assert "MODEL=<directory>" in banner


def test_offline_with_an_empty_cache_gives_the_stand_in(choose: Choose, capsys: pytest.CaptureFixture[str]) -> None:
    assert choose(refused(), offline=True).stand_in
    assert "HF_HUB_OFFLINE is set" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["resnet-50", "mine"])
def test_the_stand_in_is_never_served_under_another_name(choose: Choose, name: str) -> None:
    with pytest.raises(CommandError, match=r"cannot be reached \(no connection\) and the stand-in is never served as"):
        choose(refused(), name=name)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_hub_that_refuses_is_an_error_and_no_reason_for_the_stand_in(
    tiny_directory: Path, choose: Choose, status: int
) -> None:
    with (
        FakeHub(tiny_directory, status=status).serving() as fake,
        pytest.raises(CommandError, match=f"status {status}"),
    ):
        choose(fake.url)


def test_a_corrupted_download_is_deleted_and_the_next_run_is_clean(tiny_directory: Path, choose: Choose) -> None:
    with FakeHub(tiny_directory, corrupt=True).serving() as fake:
        with pytest.raises(CommandError, match=r"is corrupted \(SHA-256 .* run again"):
            choose(fake.url)
        fake.corrupt = False
        assert choose(fake.url).source == SOURCE


def test_the_variables_of_huggingface_hub_are_respected(tiny_directory: Path, tmp_path: Path) -> None:
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


def test_a_hub_that_is_down_gives_the_stand_in(
    tiny_directory: Path, choose: Choose, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    monkeypatch.setattr(time, "sleep", lambda _: None)  # huggingface_hub asks six times, seconds apart
    with FakeHub(tiny_directory, status=503).serving() as fake:
        assert choose(fake.url).stand_in
