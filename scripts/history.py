"""Remembers what each rollout replaced, so that one command goes back: a server forgets what it unregisters."""

import json

from scripts.failure import Failure
from scripts.paths import BUILD

FILE = BUILD / "rollouts.json"  # management address -> model -> archive of the version that was replaced last


def remember(url: str, name: str, archive: str) -> None:
    """Record what was replaced.

    Args:
        url: the management address.
        name: the model.
        archive: the file name of the archive of the version that went.
    """
    known = _read()
    known.setdefault(url, {})[name] = archive
    FILE.parent.mkdir(parents=True, exist_ok=True)
    draft = FILE.with_suffix(".draft")
    draft.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    draft.replace(FILE)


def replaced(url: str, name: str) -> str:
    """Return the archive of the version that the last rollout replaced.

    Raises:
        Failure: nothing is known about it here.
    """
    try:
        return _read()[url][name]
    except KeyError:
        raise Failure(
            f"no rollout of {name} at {url} was made from here: name the archive to go back to, "
            "python -m scripts.rollout start ARCHIVE"
        ) from None


def _read() -> dict[str, dict[str, str]]:
    known: dict[str, dict[str, str]] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    return known
