"""The folders of images that a build reads."""

from pathlib import Path

from handler.manifest import sha256_of
from scripts.common.errors import CommandError

MIN_REFERENCE = 200  # images that make a reference: twice the smallest sample


def require(folder: str, variable: str) -> None:
    """Raise a CommandError unless there is such a folder, or none is wanted ("").

    Args:
        folder: its path.
        variable: of `make` that names it.
    """
    if folder and not Path(folder).is_dir():
        raise CommandError(f"there is no folder {folder}: name a folder of images with {variable}=")


def require_reference(folder: str) -> None:
    """Raise a CommandError if a folder cannot make a reference, before anything is built; "" is none."""
    require(folder, "REFERENCE")
    if folder and (count := len(_files(folder))) < MIN_REFERENCE:
        raise too_few_for_reference(f"{count} files in {folder}")


def too_few_for_reference(found: str) -> CommandError:
    """Return the error for a folder with too few images.

    Args:
        found: how many there are, and where.
    """
    return CommandError(
        f"{found} are too few for a reference: name a folder of {MIN_REFERENCE} or more images, better a thousand, of "
        "the kind that will be served, with REFERENCE="
    )


def hashes(folder: str) -> dict[str, str]:
    """Return the SHA-256 of every file in a folder by its path there; none without a folder."""
    return {str(path.relative_to(folder)): sha256_of(path) for path in _files(folder)} if folder else {}


def _files(folder: str) -> list[Path]:
    return [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
