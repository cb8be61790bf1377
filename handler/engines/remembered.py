"""Remembers trials in a file, so that an archive whose engines all work is tried once on each machine."""

import fcntl
import hashlib
import importlib.metadata
import json
import logging
from collections.abc import Callable
from pathlib import Path

from handler.engines.candidates import Candidate
from handler.engines.cpu import cpu_name, features
from handler.engines.trial import Trial
from handler.manifest import Manifest

logger = logging.getLogger(__name__)

PACKAGES = ("onnxruntime", "openvino", "torch")


def key_of(manifest: Manifest, candidates: list[Candidate], threads: int) -> str:
    """Return a file name for everything that trials depend on."""
    inputs = {
        "programs": manifest.programs,
        "candidates": [str(candidate) for candidate in candidates],
        "threads": threads,
        "cpu": [cpu_name(), *sorted(features())],
        "versions": {package: _version(package) for package in PACKAGES},
    }
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    return f"trials-{digest[:16]}.json"


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def trials_of(path: Path, take: Callable[[], list[Trial]]) -> list[Trial]:
    """Return the trials that a file remembers, or else take them and write it.

    The workers of a model start together: the first one takes the trials and the others wait for it, because trials at
    the same time would slow each other down. Where the file cannot be written, each start takes them.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        logger.warning("what the engines reach here cannot be remembered: %s", error)
        return take()
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        if trials := _read(file.read()):
            return trials
        trials = take()
        if not any(trial.problem for trial in trials):  # the next start may find it mended
            _write(path, trials)
        return trials


def _read(text: str) -> list[Trial]:
    """Return the trials of a file's text; none where it is new or was cut off."""
    try:
        return [Trial.from_document(document) for document in json.loads(text)]
    except (AttributeError, KeyError, TypeError, ValueError):
        return []


def _write(path: Path, trials: list[Trial]) -> None:
    try:
        path.write_text(json.dumps([trial.to_document() for trial in trials], indent=1) + "\n", encoding="utf-8")
    except OSError as error:  # a full disk
        logger.warning("what the engines reach here cannot be remembered: %s", error)
