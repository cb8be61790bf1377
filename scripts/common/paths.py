"""Paths of the checkout."""

import shutil
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
BUILD = PROJECT / "build"
CONFIG = PROJECT / "config"
HANDLER = PROJECT / "handler"
MODEL_STORE = PROJECT / "model_store"


def remove_abandoned(folder: Path, prefix: str) -> None:
    """Remove leftovers of killed processes: folders `<prefix><process id>-...` whose process is gone."""
    for path in folder.glob(f"{prefix}*-*"):
        owner = path.name.removeprefix(prefix).split("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            shutil.rmtree(path, ignore_errors=True)
