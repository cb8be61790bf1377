"""TorchServe's snapshots: what was registered, as it writes it after each change.

A snapshot is a copy of config.properties with the key `model_snapshot`, whose value is a JSON document.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.client.models import VersionId

FOLDER = "config"  # TorchServe's own name for the folder of its snapshots, below LOG_LOCATION

SHUTDOWN = "*-shutdown.cfg"
# Java's properties format escapes ":" and "=" with a backslash, and writes control characters as letters.
ESCAPED = re.compile(r"\\(.)")
CONTROL = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True)
class SavedVersion:
    """A version of a model in a snapshot.

    Args:
        id: its name and version.
        settings: TorchServe's settings of it, which are handed back as they are.
    """

    id: VersionId
    settings: Mapping[str, Any]

    @property
    def archive(self) -> str:
        """The file name of its archive."""
        return str(self.settings["marName"])

    @property
    def workers(self) -> int:
        """The number of its workers."""
        return int(self.settings["minWorkers"])

    @property
    def default(self) -> bool:
        """Whether it is its model's default version."""
        return bool(self.settings["defaultVersion"])

    def as_default(self) -> "SavedVersion":
        """Return it as its model's default version."""
        return SavedVersion(self.id, {**self.settings, "defaultVersion": True})


def newest(folder: Path) -> tuple[SavedVersion, ...]:
    """Return the versions in the newest snapshot, none where there is no snapshot."""
    return next((saved for path in _paths(folder) if (saved := _read(path)) is not None), ())


def forget_old(folder: Path) -> None:
    """Delete all snapshots but the newest readable one; every start and every change adds one."""
    readable = [path for path in _paths(folder) if _read(path) is not None]
    for path in [*readable[1:], *folder.glob(SHUTDOWN)]:
        path.unlink(missing_ok=True)


def as_property(saved: Iterable[SavedVersion]) -> str:
    """Return a line of config.properties that makes TorchServe restore these versions."""
    models: dict[str, dict[str, Mapping[str, Any]]] = {}
    for version in saved:
        models.setdefault(version.id.name, {})[version.id.version] = version.settings
    count = sum(map(len, models.values()))
    snapshot = json.dumps({"name": "restored", "modelCount": count, "created": 0, "models": models})
    escaped = snapshot.replace("\\", "\\\\")  # a backslash is the properties format's escape too
    return f"model_snapshot={escaped}"


def _paths(folder: Path) -> list[Path]:
    """Return the snapshots, newest first: their names begin with the time to the millisecond.

    Not those of a shutdown, which hold nothing that the last change has not written: a server that stops after another
    one has replaced it would bring its own models back.
    """
    return sorted(set(folder.glob("*.cfg")) - set(folder.glob(SHUTDOWN)), reverse=True)


def _read(path: Path) -> tuple[SavedVersion, ...] | None:
    """Return the versions in a snapshot, None if a kill cut it short."""
    line = re.search(r"^model_snapshot=(.*)$", path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    try:
        text = ESCAPED.sub(lambda found: CONTROL.get(found[1], found[1]), line[1]) if line else ""
        models = json.loads(text)["models"]
    except (ValueError, KeyError):
        return None
    return tuple(
        SavedVersion(VersionId(name, version), settings)
        for name, versions in models.items()
        for version, settings in versions.items()
    )
