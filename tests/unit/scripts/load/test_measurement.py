"""Throughput and latency, on a server whose response time is known."""

from pathlib import Path

import pytest

from scripts.common.errors import CommandError
from scripts.load.measurement import Measurement, measure_load
from tests.unit.scripts.load.conftest import RESPONSE_TIME


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("images")
    for name in ("one", "two"):
        (folder / name).write_text(name)
    return sorted(folder.iterdir())


def test_closed_loop_waits_for_its_responses(server: str, images: list[Path], bodies: list[bytes]) -> None:
    measured = measure_load(f"{server}/x", images, clients=4, seconds=1.0)
    assert measured.requests == len(measured.latencies)
    assert measured.rate <= 1 / RESPONSE_TIME
    assert measured.percentile(50) > 3 * 1000 * RESPONSE_TIME  # four clients share a server with one at a time
    assert {b"one", b"two"} == set(bodies)


def test_open_loop_shows_the_queue_that_a_closed_loop_hides(server: str, images: list[Path]) -> None:
    """Requests arrive twice as fast as the server responds: the wait grows with the length of the load."""
    closed = measure_load(f"{server}/x", images, clients=1, seconds=1.0)
    opened = measure_load(f"{server}/x", images, rate=2 / RESPONSE_TIME, seconds=3.0)
    assert opened.requests > 1.2 * 3.0 / RESPONSE_TIME  # more than it can serve while they arrive
    assert opened.percentile(95) > 2 * closed.percentile(50)


def test_failed_request_is_an_error(server: str, images: list[Path]) -> None:
    with pytest.raises(CommandError, match="/busy: status 503"):
        measure_load(f"{server}/busy", images, seconds=0.3)


def test_cut_response_is_an_error(server: str, images: list[Path]) -> None:
    with pytest.raises(CommandError, match="no response"):
        measure_load(f"{server}/cut", images, seconds=0.3)


def test_no_server_is_an_error(images: list[Path]) -> None:
    with pytest.raises(CommandError, match=r"no response: .*refused"):
        measure_load("http://127.0.0.1:9/x", images, seconds=0.3)


def test_percentiles() -> None:
    measured = Measurement(requests=101, seconds=2.0, latencies=tuple(index / 1000 for index in range(101)))
    assert (measured.rate, measured.percentile(50), measured.percentile(99)) == (50.5, 50.0, 99.0)


def test_percentile_of_one_request() -> None:
    assert Measurement(1, 1.0, (0.25,)).percentile(99) == 250.0
