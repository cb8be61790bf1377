"""The folders of images that a build reads."""

from pathlib import Path

from handler.manifest import sha256_of
from scripts.common.errors import CommandError


def require(folder: str, variable: str) -> None:
    """Raise a CommandError unless there is such a folder, or none is wanted ("").

    Args:
        folder: its path.
        variable: of `make` that names it.
    """
    if folder and not Path(folder).is_dir():
        raise CommandError(f"there is no folder {folder}: name a folder of images with {variable}=")


def hashes(folder: str) -> dict[str, str]:
    """Return the SHA-256 of every file in a folder by its path there; none without a folder."""
    paths = sorted(Path(folder).rglob("*")) if folder else []
    return {str(path.relative_to(folder)): sha256_of(path) for path in paths if path.is_file()}
