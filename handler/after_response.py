"""What a batch leaves to do once its responses are on their way: no client waits for lines of logs and metrics."""

import logging
import select
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

PAUSE = 0.001  # s for the frontend to respond: a lone client's next request takes longer to arrive

logger = logging.getLogger(__name__)


class AfterResponse:
    """Does work between a response and the next request, in the worker's only thread.

    TorchServe's worker names no such moment: it sends the responses to a batch, and asks for the next message with
    `retrieve_msg`, a name in its module. This class puts itself before that function. In any other process, and in a
    worker that responds in threads of its own (`asyncCommunication`), work is done at once.
    """

    def __init__(self) -> None:
        self._left: list[Callable[[], None]] = []
        worker: Any = sys.modules["__main__"]
        self._waits = hasattr(worker, "retrieve_msg") and not getattr(worker, "async_comm", False)
        if self._waits:
            worker.retrieve_msg = partial(self._work_and_retrieve, worker.retrieve_msg)

    def do(self, work: Callable[[], None]) -> None:
        """Call a function once the batch that is handled now has its responses."""
        if self._waits:
            self._left.append(work)
        else:
            work()

    def _work_and_retrieve(self, retrieve: Callable[[Any], Any], connection: Any) -> Any:
        if self._left:  # each line wakes a thread of the frontend, which slows its response down
            select.select([connection], [], [], PAUSE)
            self._work()  # returns before the wait for a message, which may be long: nothing of the batch stays
        return retrieve(connection)

    def _work(self) -> None:
        left, self._left = self._left, []
        for work in left:
            try:
                work()
            except Exception:  # whatever it is, the worker goes on, as it would where a batch fails
                logger.exception("the metrics or the log of a batch are lost")
