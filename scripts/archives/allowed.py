"""Which archives may be served: whole ones, and as an archive is code, those that ALLOWED_SHA256 lists.

ALLOWED_SHA256   SHA-256 sums with commas or spaces between them; unset or empty: every archive of the model store
"""

import os
import re
from pathlib import Path

from handler.manifest import sha256_of
from scripts.archives.reading import damage
from scripts.common.errors import CommandError

VARIABLE = "ALLOWED_SHA256"


def sums() -> frozenset[str]:
    """Return the sums in ALLOWED_SHA256; without any, nothing is checked.

    Raises:
        CommandError: a word in it is no SHA-256 sum.
    """
    words = re.split(r"[,\s]+", os.environ.get(VARIABLE, "").lower())
    for word in filter(None, words):
        if not re.fullmatch("[0-9a-f]{64}", word):
            raise CommandError(f"{VARIABLE} holds {word[:20]!r}, which is no SHA-256 sum: give what sha256sum prints")
    return frozenset(filter(None, words))


def refusal(archive: Path) -> str | None:
    """Return why an archive in the model store must not be loaded, None if it may be."""
    if archive.is_symlink():  # TorchServe would follow it out of the store
        return f"{archive.name} is a link: copy the archive itself into the model store"
    if not archive.is_file():
        return f"there is no archive {archive.name} in the model store"
    allowed = sums()
    if allowed and (found := sha256_of(archive)) not in allowed:
        return f"{archive.name} has SHA-256 {found}, which is not in {VARIABLE}: add it there if you trust the archive"
    return damage(archive)


def require(archive: Path) -> None:
    """Make sure that an archive may be loaded.

    Raises:
        CommandError: it may not; the message says why, and what to do.
    """
    if reason := refusal(archive):
        raise CommandError(reason)
