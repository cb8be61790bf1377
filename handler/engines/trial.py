"""What each candidate reaches on this machine.

Each is tried in a process of its own, so that one that crashes or hangs is out and the worker goes on.
"""

import ctypes
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from handler.engines.candidates import Candidate
from handler.engines.engine import Engine, EngineError
from handler.engines.proof import Proof

SECONDS = 0.2  # of CPU time of each thread for each candidate, once it is proved
MIN_RUNS = 2
SLOW = 1.0  # s of the same for the proof, after which there is no time for more
TIME_LIMIT = 20  # s for one candidate, loading included; then the kernel ends its process

Open = Callable[[Candidate], Engine]

PR_SET_PDEATHSIG = 1  # of prctl(2)


@dataclass(frozen=True)
class Trial:
    """How a candidate did.

    Args:
        candidate: the engine and its precision.
        images_per_second: of its fastest run, with all its threads on cores of their own.
        problem: why it cannot serve; then it has no rate.
    """

    candidate: Candidate
    images_per_second: float | None = None
    problem: str | None = None

    def to_document(self) -> dict[str, Any]:
        """Return it as JSON shows it."""
        result = {"images_per_second": self.images_per_second} if self.problem is None else {"problem": self.problem}
        return {"engine": self.candidate.engine, "precision": self.candidate.precision, **result}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Trial":
        """Read what `to_document` returned.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        candidate = Candidate(document["engine"], document["precision"])
        if "problem" in document:
            return cls(candidate, problem=str(document["problem"]))
        return cls(candidate, float(document["images_per_second"]))


def try_each(candidates: list[Candidate], open_candidate: Open, proof: Proof, threads: int) -> list[Trial]:
    """Try every candidate, one after the other."""
    return [try_in_process(candidate, open_candidate, proof, threads) for candidate in candidates]


def try_in_process(candidate: Candidate, open_candidate: Open, proof: Proof, threads: int) -> Trial:
    """Try a candidate, which has this many threads, in a forked process, which has torch already."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_trial, args=(sender, candidate, open_candidate, proof, threads))
    try:
        process.start()
    except OSError as error:  # no memory, or no process left
        return Trial(candidate, problem=f"its process did not start: {error}")
    sender.close()
    try:
        trial: Trial = receiver.recv()
    except EOFError:
        process.join()
        trial = Trial(candidate, problem=_end_of(process.exitcode))
    process.join()
    return trial


def _end_of(exitcode: int | None) -> str:
    if exitcode == -signal.SIGALRM:
        return f"it took more than {TIME_LIMIT} s"
    return f"its process crashed (status {exitcode})"


def _send_trial(sender: Connection, candidate: Candidate, open_candidate: Open, proof: Proof, threads: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # it must not outlive the worker, whose socket it has
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # which ends the process, in whatever loop it is
    signal.alarm(TIME_LIMIT)
    try:
        trial = Trial(candidate, round(measure(open_candidate(candidate), proof, threads), 1))
    except EngineError as error:
        trial = Trial(candidate, problem=str(error))
    except Exception as error:  # noqa: BLE001 - an engine's own errors are of any kind, and it is out
        trial = Trial(candidate, problem=repr(error))
    sender.send(trial)


def measure(engine: Engine, proof: Proof, threads: int) -> float:
    """Prove an engine, and return the images per second of its fastest run; a slow one runs for the proof alone.

    The rate comes from the CPU time that a run takes, not from the clock: other workers that start at the same time
    would slow down one candidate and not the next, and the wrong one would be remembered.

    Args:
        engine: the engine.
        proof: what it must compute.
        threads: its CPU threads, which share the CPU time.

    Raises:
        EngineError: it computes something else.
    """
    start = time.process_time()
    proof.check(engine)
    proved_in = (time.process_time() - start) / threads
    times = [proved_in] if proved_in > SLOW else list(_run_times(engine, proof, threads))
    return len(proof.batch) / min(times)


def _run_times(engine: Engine, proof: Proof, threads: int) -> Iterator[float]:
    spent, runs = 0.0, 0
    while runs < MIN_RUNS or spent < SECONDS:
        start = time.process_time()
        engine.run(proof.batch)
        yield (taken := (time.process_time() - start) / threads)
        spent, runs = spent + taken, runs + 1
