"""Paths of the checkout."""

import os
import shutil
from collections.abc import Collection
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
BUILD = PROJECT / "build"
CONFIG = PROJECT / "config"
HANDLER = PROJECT / "handler"
MODEL_STORE = PROJECT / "model_store"


def remove_abandoned(folder: Path, prefix: str, in_use: Collection[Path] | None = None) -> None:
    """Remove leftovers of killed processes: folders `<prefix><process id>-...` whose process is gone.

    Args:
        folder: where they lie.
        prefix: what their names begin with.
        in_use: this process's own, where it knows them. A container that starts again gives its process the number of
            the one before, so all others with this number are leftovers too.
    """
    for path in folder.glob(f"{prefix}*-*"):
        owner = path.name.removeprefix(prefix).split("-")[0]
        if owner == str(os.getpid()) and in_use is not None:
            abandoned = path not in in_use
        else:
            abandoned = owner.isdigit() and not Path("/proc", owner).exists()
        if abandoned:
            shutil.rmtree(path, ignore_errors=True)
