"""What a server keeps over a restart: its models with their versions, default and worker counts.

TorchServe restores a snapshot only when it is started without a config file of its own, or when the config file itself
holds the key `model_snapshot`. So each start gets a config file that is config.properties with the last snapshot added,
without the versions that cannot be served now.
"""

import json
import re
import socket
import zipfile
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from handler.manifest import sha256_of
from scripts.archives import allowed
from scripts.archives.reading import damage, identity
from scripts.client.models import VersionId
from scripts.server import snapshot
from scripts.server.snapshot import SavedVersion

BROUGHT = "brought.json"  # served name -> version and SHA-256 of the archive that the last image brought


@dataclass(frozen=True)
class Restored:
    """What a start brings back.

    Args:
        versions: what can be served again.
        left_out: a sentence for each version that cannot.
    """

    versions: tuple[SavedVersion, ...] = ()
    left_out: tuple[str, ...] = ()


def restore(state: Path, store: Path) -> Restored:
    """Read the last state, without the versions whose archive is gone or holds another version now.

    Args:
        state: the folder that TorchServe writes its snapshots below.
        store: the model store.
    """
    kept, left_out = [], []
    for saved in snapshot.newest(state / snapshot.FOLDER):
        problem = _problem(store / saved.archive, saved.id.version)
        if problem is None:
            kept.append(saved)
        else:
            left_out.append(f"{saved.id} is not restored: {problem}")
    versions: list[SavedVersion] = []
    for _, group in groupby(kept, lambda saved: saved.id.name):
        versions += _with_default(list(group))
    return Restored(tuple(versions), tuple(left_out))


def config_with(versions: tuple[SavedVersion, ...], config: str) -> str:
    """Return a config.properties that makes TorchServe restore these versions.

    Args:
        versions: what to restore; none leaves the config as it is.
        config: the text of config.properties.
    """
    return f"{config.rstrip()}\n{snapshot.as_property(versions)}\n" if versions else config


def is_new(state: Path, archive: Path) -> bool:
    """Whether an archive is not the one that the last image brought.

    The last one's, where it is not registered now, was unregistered by an operator: a start must not bring it back. An
    earlier one's is new again: an operator who goes back to its image wants it.
    """
    name, _ = identity(archive)
    return _brought(state).get(name, {}).get("sha256") != sha256_of(archive)


def is_lost(state: Path, archive: Path, store: Path) -> bool:
    """Whether an archive is registered, but gone from the store, with its volume, or damaged there, by a full disk.

    Unregistering deletes the file too, but leaves the archive in no snapshot.
    """
    registered = {saved.archive for saved in snapshot.newest(state / snapshot.FOLDER)}
    return archive.name in registered and damage(store / archive.name) is not None


def remember(state: Path, archive: Path) -> VersionId | None:
    """Record that an image has brought this archive, and return the version that it replaces, if there is one."""
    state.mkdir(parents=True, exist_ok=True)
    name, version = identity(archive)
    brought = _brought(state)
    before = brought.get(name, {}).get("version", version)
    brought[name] = {"version": version, "sha256": sha256_of(archive)}
    draft = state / f".{BROUGHT}-{socket.gethostname()}"  # another replica may be writing its own
    draft.write_text(json.dumps(brought, indent=1), encoding="utf-8")
    draft.replace(state / BROUGHT)
    return VersionId(name, before) if before != version else None


def _brought(state: Path) -> dict[str, dict[str, str]]:
    path = state / BROUGHT
    brought: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return brought


def _with_default(versions: list[SavedVersion]) -> list[SavedVersion]:
    """Return a model's versions, of which the highest becomes the default where the default one is left out."""
    if any(saved.default for saved in versions):
        return versions
    highest = max(versions, key=lambda saved: _numbers(saved.id.version))
    return [saved.as_default() if saved is highest else saved for saved in versions]


def _problem(archive: Path, version: str) -> str | None:
    """Return why an archive cannot be served as this version, None if it can."""
    try:
        _, held = identity(archive)
    except FileNotFoundError:
        return f"its archive {archive.name} is gone from the model store"
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return f"its archive {archive.name} is damaged"
    return allowed.refusal(archive) if held == version else f"its archive {archive.name} now holds version {held}"


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
