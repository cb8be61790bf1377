"""Remembers trials in a file, so that an archive is tried once on each machine; after a problem, for ten minutes."""

import fcntl
import hashlib
import importlib.metadata
import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from handler.engines.candidates import Candidate
from handler.engines.cpu import cpu_name, features
from handler.engines.trial import Trial
from handler.manifest import Manifest

logger = logging.getLogger(__name__)

PACKAGES = ("onnxruntime", "openvino", "torch")
LOCK = "trials.lock"
RETRY = 600.0  # s after which trials with a problem are taken again: not by each of the workers that start together


def key_of(manifest: Manifest, candidates: Sequence[Candidate], threads: int) -> str:
    """Return a file name for everything that trials depend on."""
    inputs = {
        "programs": manifest.programs,
        "candidates": [str(candidate) for candidate in candidates],
        "threads": threads,
        "rates by": "CPU time",
        "cpu": [cpu_name(), *sorted(features())],
        "versions": [_version(package) for package in PACKAGES],
    }
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    return f"trials-{digest[:16]}.json"


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def trials_of(path: Path, candidates: list[Candidate], take: Callable[[list[Candidate]], list[Trial]]) -> list[Trial]:
    """Return the trials of these candidates that a file remembers, or else take them and write it.

    One process takes trials at a time, and the others wait for it: at the same time, they would slow each other down.
    Where the folder cannot be written, each start takes them.
    """
    trials: list[Trial] = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.parent / LOCK):
            if not (trials := _read(path, candidates)):
                trials = take(candidates)
                documents = [trial.to_document() for trial in trials]
                path.write_text(json.dumps(documents, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        logger.warning("what the engines reach here cannot be remembered: %s", error)
    return trials or take(candidates)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _read(path: Path, candidates: list[Candidate]) -> list[Trial]:
    """Return the trials of a file; none where it is new, was cut off, has others, or has a problem that is old."""
    try:
        trials = [Trial.from_document(document) for document in json.loads(path.read_bytes())]
        age = time.time() - path.stat().st_mtime
    except (FileNotFoundError, AttributeError, KeyError, TypeError, ValueError):
        return []
    if [trial.candidate for trial in trials] != candidates:
        return []
    return [] if any(trial.problem for trial in trials) and age > RETRY else trials
