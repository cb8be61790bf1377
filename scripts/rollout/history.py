"""Remembers what each rollout replaced, so that one command goes back: a server forgets what it unregisters."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from scripts.common.errors import CommandError
from scripts.common.paths import BUILD

FILE = BUILD / "rollouts.json"  # management address -> model -> what was replaced last


@dataclass(frozen=True)
class Replaced:
    """What a rollout replaced.

    Args:
        archive: the file name of the archive of the version that went.
        version: that version.
        by: the version that came.
    """

    archive: str
    version: str
    by: str


def remember(url: str, name: str, replaced: Replaced) -> None:
    """Record what was replaced.

    Args:
        url: the management address.
        name: the model.
        replaced: what.
    """
    known = _read()
    known.setdefault(url, {})[name] = asdict(replaced)
    FILE.parent.mkdir(parents=True, exist_ok=True)
    draft = FILE.with_suffix(".draft")
    draft.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    draft.replace(FILE)


def last(url: str, name: str) -> Replaced:
    """Return what the last rollout replaced.

    Raises:
        CommandError: nothing is known about it here.
    """
    found = find(url, name)
    if found is None:
        raise CommandError(
            f"no rollout of {name} at {url} was made from here: name the archive to go back to, "
            "python -m scripts rollout start ARCHIVE"
        )
    return found


def find(url: str, name: str) -> Replaced | None:
    """Return what the last rollout replaced, None where nothing is known about it here."""
    noted = _read().get(url, {}).get(name)
    return Replaced(**noted) if isinstance(noted, dict) else None  # an older release noted the file name alone


def _read() -> dict[str, dict[str, Any]]:
    known: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    return known
