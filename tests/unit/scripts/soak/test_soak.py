"""What a long run is judged by."""

from dataclasses import replace

import pytest

from scripts.common.errors import CommandError
from scripts.soak.soak import Sample, Soak, table

LENGTH = 100.0  # s: 20 to warm up, then quarters of 20
GOOD = Soak(
    LENGTH,
    [Sample(float(at), 300_000_000, 700_000_000, 70, (1, 2)) for at in range(100)],
    [(float(at), 0.1) for at in range(100)],
    {"photo": 100},
    {},
)


def broken(run: Soak) -> list[str]:
    return [promise.name for promise in run.promises() if not promise.kept]


def late(**changes: object) -> Soak:
    """Return the good run with other samples in its last quarter."""
    return replace(
        GOOD, samples=[replace(one, **changes) if one.seconds >= 80 else one for one in GOOD.samples]  # type: ignore[arg-type]
    )  # fmt: skip


def test_nothing_is_broken_where_nothing_changes() -> None:
    assert broken(GOOD) == []
    assert "BROKEN" not in table(GOOD.promises())


def test_memory_may_grow_by_two_percent() -> None:
    assert broken(late(workers=719_000_000)) == []
    assert broken(late(front_end=321_000_000)) == ["memory, MB"]


def test_the_warm_up_does_not_count() -> None:
    early = [replace(one, workers=1, files=1) if one.seconds < 20 else one for one in GOOD.samples]
    assert broken(replace(GOOD, samples=early)) == []


def test_what_else_is_broken() -> None:
    assert broken(late(files=75)) == ["open files"]
    assert broken(late(pids=(1, 3))) == ["workers restarted"]
    assert broken(replace(GOOD, problems={"photo: status 500": 1})) == ["requests not answered as promised"]
    slow = [(at, 0.13 if at >= 80 else took) for at, took in GOOD.latencies]
    assert broken(replace(GOOD, latencies=slow)) == ["median of a prediction, ms"]
    assert "BROKEN" in table(late(files=75).promises())


def test_too_short_a_run_is_told() -> None:
    with pytest.raises(CommandError, match="give it more minutes"):
        replace(GOOD, samples=[]).promises()


def test_a_server_that_answers_nobody_is_slow() -> None:
    early = [(at, took) for at, took in GOOD.latencies if at < 50]
    assert broken(replace(GOOD, latencies=early)) == ["median of a prediction, ms"]
