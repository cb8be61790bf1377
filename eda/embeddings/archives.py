"""Which archives compute features, and the newest of them in the model store."""

import zipfile
from pathlib import Path

from eda.errors import ArchiveError
from handler.manifest import FEATURES, FILE_NAME, Manifest

MODEL_STORE = Path("model_store")
BUILD_IT = "pack one with `make archive`"


def find_archive(store: Path = MODEL_STORE) -> Path:
    """Return the newest archive in the store that returns features.

    Raises:
        ArchiveError: there is none.
    """
    archives = sorted(store.glob("*.mar"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in archives:
        try:
            require_features(path)
        except ArchiveError:
            continue
        return path
    found = f"none of {len(archives)} archives in {store}/ returns features" if archives else f"{store}/ has no archive"
    raise ArchiveError(f"{found}; {BUILD_IT}.")


def choose_archive(named: Path | None, store: Path = MODEL_STORE) -> Path | str:
    """Return the named archive, or else the newest in the store that returns features; a sentence if there is none."""
    try:
        return named or find_archive(store)
    except ArchiveError as error:
        return f"No model: {error}"


def require_features(archive: Path) -> Manifest:
    """Return an archive's manifest; raise ArchiveError if its programs return no features."""
    manifest = read_manifest(archive)
    if FEATURES not in manifest.outputs:
        raise ArchiveError(f"{archive} returns no features, because it is older or has no linear head; {BUILD_IT}.")
    return manifest


def read_manifest(archive: Path) -> Manifest:
    try:
        with zipfile.ZipFile(archive) as file:
            return Manifest.from_json(file.read(FILE_NAME).decode("utf-8"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ArchiveError(f"{archive} is no whole archive of this project; {BUILD_IT}.") from error
