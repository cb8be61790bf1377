"""Which requests of a batch would be answered too late, so that they are refused instead of computed."""

from collections import deque
from collections.abc import Collection

from handler.protocols.timeout import Deadline

RECENT_BATCHES = 8  # a batch is expected to take as long as the longest of these
MARGIN = 1.3  # a response has to reach its client too, and a batch may take longer than the last ones


class LoadShedding:
    """Expects what the next batch takes by what the last ones took."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=RECENT_BATCHES)

    def add(self, seconds: float) -> None:
        """Take the time that a batch took."""
        self._recent.append(seconds)

    def allowance(self, deadlines: Collection[Deadline]) -> float:
        """Return the seconds that a request must still have.

        Where half of a batch comes too late, the other half has waited as long. To compute it would leave the batch
        half full, and keep the next one waiting until it is late too. So the allowance doubles: nearly all of them are
        refused at once, and the batches behind them are full and early.

        Args:
            deadlines: of the batch's requests.
        """
        expected = MARGIN * max(self._recent, default=0.0)
        late = sum(deadline.is_missed(expected) for deadline in deadlines)
        return 2 * expected if 2 * late >= len(deadlines) else expected
