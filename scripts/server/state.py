"""What a server keeps over a restart: its models with their versions, default and worker counts.

TorchServe writes a snapshot after each change and restores one only when it is started without a config file of its
own, or when the config file itself holds the key `model_snapshot`. So the start gets a config file that is
config.properties with the last snapshot added, less what can no longer be served.
"""

import json
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handler.manifest import sha256_of
from scripts.archives import allowed
from scripts.archives.reading import identity

SNAPSHOTS = "config"  # TorchServe's own name for the folder, below the one it is given
OFFERED = "offered.json"  # archive's file name -> SHA-256 of what was last registered from it by a start

# Java's properties format escapes ":" and "=" with a backslash, and writes control characters as letters.
ESCAPED = re.compile(r"\\(.)")
CONTROL = {"n": "\n", "t": "\t", "r": "\r"}

# name -> version -> TorchServe's settings of it, such as minWorkers
Models = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Restored:
    """What a start brings back.

    Args:
        models: what can be served again.
        left_out: one sentence for each version that cannot.
    """

    models: Models = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


def restore(state: Path, store: Path) -> Restored:
    """Read the last state and leave out every version whose archive is gone or has become another version.

    Args:
        state: the folder that TorchServe writes its snapshots below.
        store: the model store.
    """
    models: Models = {}
    left_out = []
    for name, versions in _newest(state / SNAPSHOTS).items():
        for version, settings in versions.items():
            problem = _problem(store / settings["marName"], version)
            if problem:
                left_out.append(f"{name} {version} is not restored: {problem}")
            else:
                models.setdefault(name, {})[version] = settings
    for versions in models.values():
        if not any(settings["defaultVersion"] for settings in versions.values()):
            versions[max(versions, key=_numbers)]["defaultVersion"] = True  # the last one is the likeliest successor
    return Restored(models, tuple(left_out))


def config_with(models: Models, config: str) -> str:
    """Return a config.properties that makes TorchServe restore these models.

    Args:
        models: what to restore; none leaves the config as it is.
        config: the text of config.properties.
    """
    if not models:
        return config
    count = sum(map(len, models.values()))
    snapshot = json.dumps({"name": "restored", "modelCount": count, "created": 0, "models": models})
    escaped = snapshot.replace("\\", "\\\\")  # a backslash is the properties format's escape too
    return f"{config.rstrip()}\nmodel_snapshot={escaped}\n"


def forget_old(state: Path) -> None:
    """Delete all snapshots but the newest; every start and every change adds one."""
    for path in _snapshots(state / SNAPSHOTS)[1:]:
        path.unlink(missing_ok=True)


def is_new(state: Path, archive: Path) -> bool:
    """Say whether an archive has not been offered to this server before.

    One that was, and is no longer registered, was unregistered by somebody: a start must not bring it back.
    """
    return _offered(state).get(archive.name) != sha256_of(archive)


def remember(state: Path, archive: Path) -> None:
    """Record that an archive has been offered."""
    state.mkdir(parents=True, exist_ok=True)
    offered = {**_offered(state), archive.name: sha256_of(archive)}
    draft = state / f".{OFFERED}"
    draft.write_text(json.dumps(offered, indent=1), encoding="utf-8")
    draft.replace(state / OFFERED)


def _offered(state: Path) -> dict[str, str]:
    path = state / OFFERED
    offered: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return offered


def _snapshots(folder: Path) -> list[Path]:
    """Return the snapshots that can be read, newest first; their names begin with the time to the millisecond."""
    return [path for path in sorted(folder.glob("*.cfg"), reverse=True) if _read(path) is not None]


def _newest(folder: Path) -> Models:
    newest = next(iter(_snapshots(folder)), None)
    return (_read(newest) if newest else None) or {}


def _read(path: Path) -> Models | None:
    """Return a snapshot's models, None for one that a kill cut short."""
    line = re.search(r"^model_snapshot=(.*)$", path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    try:
        text = ESCAPED.sub(lambda found: CONTROL.get(found[1], found[1]), line[1]) if line else ""
        models: Models = json.loads(text)["models"]
    except (ValueError, KeyError):
        return None
    return models


def _problem(archive: Path, version: str) -> str:
    """Say why an archive cannot be served as this version, "" if it can."""
    try:
        _, held = identity(archive)
    except FileNotFoundError:
        return f"its archive {archive.name} is no longer in the model store"
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return f"its archive {archive.name} is damaged"
    return allowed.refusal(archive) if held == version else f"its archive {archive.name} now holds version {held}"


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
