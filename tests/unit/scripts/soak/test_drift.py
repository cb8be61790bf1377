"""The checks of a long load."""

from dataclasses import replace

import pytest

from scripts.common.errors import CommandError
from scripts.soak.drift import Sample, Soak, table

LENGTH = 100.0  # s: 20 to warm up, then quarters of 20
GOOD = Soak(
    LENGTH,
    [Sample(float(at), 300_000_000, 700_000_000, 70, (1, 2)) for at in range(100)],
    [(float(at), 0.1) for at in range(100)],
    {"image": 100},
    {},
)


def failed(run: Soak) -> list[str]:
    return [check.name for check in run.checks() if not check.passed]


def late(**changes: object) -> Soak:
    """Return the good run with other samples in its last quarter."""
    return replace(
        GOOD, samples=[replace(one, **changes) if one.seconds >= 80 else one for one in GOOD.samples]  # type: ignore[arg-type]
    )  # fmt: skip


def test_all_checks_pass_where_nothing_changes() -> None:
    assert failed(GOOD) == []
    assert "FAILED" not in table(GOOD.checks())


def test_memory_may_grow_by_two_percent() -> None:
    assert failed(late(workers=719_000_000)) == []
    assert failed(late(frontend=321_000_000)) == ["memory, MB"]


def test_warm_up_does_not_count() -> None:
    early = [replace(one, workers=1, files=1) if one.seconds < 20 else one for one in GOOD.samples]
    assert failed(replace(GOOD, samples=early)) == []


def test_more_open_files() -> None:
    assert failed(late(files=75)) == ["open files"]
    assert "FAILED" in table(late(files=75).checks())


def test_restarted_worker() -> None:
    assert failed(late(pids=(1, 3))) == ["workers restarted"]


def test_unexpected_response() -> None:
    assert failed(replace(GOOD, problems={"image: status 500": 1})) == ["unexpected responses"]


def test_slower_predictions() -> None:
    slow = [(at, 0.13 if at >= 80 else latency) for at, latency in GOOD.latencies]
    assert failed(replace(GOOD, latencies=slow)) == ["median latency, ms"]


def test_too_short_a_run() -> None:
    with pytest.raises(CommandError, match="give it more minutes"):
        replace(GOOD, samples=[]).checks()


def test_server_that_stops_responding_is_slow() -> None:
    early = [(at, latency) for at, latency in GOOD.latencies if at < 50]
    assert failed(replace(GOOD, latencies=early)) == ["median latency, ms"]
