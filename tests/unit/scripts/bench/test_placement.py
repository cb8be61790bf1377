"""Which CPUs the server of a benchmark gets, and which its load generator."""

import os
import subprocess
import sys

import pytest

from scripts.bench import placement
from scripts.bench.placement import Placement, running_on


@pytest.mark.parametrize(
    ("allowed", "limit", "server", "generator"),
    [
        ({0, 1}, 2, {0}, {1}),
        ({2, 3, 5, 7}, 4, {2, 3, 5}, {7}),
        ({0, 1, 2, 3}, 2, {0}, {1}),  # a control group's limit is of the time of both
        ({4}, 1, {4}, {4}),
    ],
)
def test_the_load_generator_has_a_cpu_of_its_own(
    monkeypatch: pytest.MonkeyPatch, allowed: set[int], limit: int, server: set[int], generator: set[int]
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: allowed)
    monkeypatch.setattr(placement, "cpus", lambda: limit)
    found = Placement.of_this_machine()
    assert (set(found.server), set(found.generator)) == (server, generator)
    assert ("shares" in str(found)) == (server == generator)


def test_a_worker_takes_no_more_threads_than_its_server_has_cpus() -> None:
    before = os.sched_getaffinity(0)
    one = frozenset(sorted(before)[:1])
    with running_on(one):
        seen = subprocess.check_output(
            [sys.executable, "-c", "from handler.cpus import cpus; print(cpus())"], text=True
        )
    assert (int(seen), os.sched_getaffinity(0)) == (1, before)
