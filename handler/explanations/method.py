"""The interface of a method: images in, how much each place of them speaks for a class out."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from torch import Tensor

from handler.protocols.timeout import Deadline

MethodName = Literal["class-activation-map", "occlusion"]

OVERRUN = 1.25  # times the limit that explanations may take if runs take longer than the first one foretold


@dataclass(frozen=True)
class Wanted:
    """What to explain.

    Args:
        image: uint8 (3, *spec.size).
        class_id: for which class; None for the top-1.
        deadline: when the client stops waiting.
    """

    image: Tensor
    class_id: int | None
    deadline: Deadline


@dataclass(frozen=True)
class Explanation:
    """Which part of an image spoke for a class.

    Args:
        class_id: the class.
        score: of the class, 0 to 1.
        method: how it was found.
        grid: (rows, columns), by equal cells of the network's input from the top left: above zero where a cell speaks
            for the class, below where it speaks against it, in the units of the logit.
    """

    class_id: int
    score: float
    method: MethodName
    grid: Tensor


class Turns:
    """The time that the explanations of a batch share, because its other requests wait for all of them.

    Args:
        seconds: for all of them.
        requests: how many have a turn, one after the other.
    """

    def __init__(self, seconds: float, requests: int) -> None:
        self.seconds, self._left = seconds, requests
        self._began = time.monotonic()

    @property
    def end(self) -> float:
        """When the last turn ends, by time.monotonic()."""
        return self._began + self.seconds

    @property
    def is_over(self) -> bool:
        """Whether what has been begun takes too long."""
        return time.monotonic() > self._began + OVERRUN * self.seconds

    def take(self) -> float:
        """Return when the next turn ends: what is left is shared equally."""
        now = time.monotonic()
        share = (self.end - now) / self._left
        self._left -= 1
        return now + share


class Method(Protocol):
    """Explains images."""

    together: bool  # whether the images of several requests are explained at once

    def explain(self, wanted: Sequence[Wanted], turns: Turns) -> Iterator[Explanation]:
        """Explain each image, of all requests if `together`, else of the one whose turn it is."""
        ...
