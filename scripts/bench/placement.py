"""Which CPUs the server gets, and which the load generator: what sending costs must not count as the server's."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from handler.cpus import cpus


@dataclass(frozen=True)
class Placement:
    """The CPUs of both.

    Args:
        server: of the server and all its processes.
        generator: of this process.
    """

    server: frozenset[int]
    generator: frozenset[int]

    @classmethod
    def of_this_machine(cls) -> Self:
        """Return one CPU for the generator and the rest for the server; both share the only one there is."""
        *others, last = sorted(os.sched_getaffinity(0))[: cpus()]
        return cls(frozenset(others or [last]), frozenset([last]))

    def __str__(self) -> str:
        if self.server & self.generator:
            return "the load generator shares the server's only CPU"
        return "the load generator has a CPU of its own"


@contextmanager
def running_on(allowed: frozenset[int]) -> Iterator[None]:
    """Run the body, and what it starts, on these CPUs."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, allowed)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
