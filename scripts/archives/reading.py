"""Reads archives of this project."""

import json
import zipfile
from pathlib import Path

from handler.manifest import FILE_NAME, Manifest
from scripts.common.errors import CommandError

ARCHIVER_MANIFEST = "MAR-INF/MANIFEST.json"  # torch-model-archiver's own


def identity(archive: Path) -> tuple[str, str]:
    """Return the name and the version that an archive gives itself, independent of its file name.

    Raises:
        OSError, KeyError, ValueError, zipfile.BadZipFile: it is missing or damaged.
    """
    with zipfile.ZipFile(archive) as file:
        model = json.loads(file.read(ARCHIVER_MANIFEST))["model"]
    return model["modelName"], model.get("modelVersion", "1.0")


def read_manifest(archive: Path) -> Manifest:
    """Return an archive's manifest after checking every byte of the archive against its checksums.

    Raises:
        CommandError: it is no complete archive of this project.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            if broken := file.testzip():
                raise CommandError(f"{archive} is damaged at {broken}")
            return Manifest.from_json(file.read(FILE_NAME).decode("utf-8"))
    except FileNotFoundError as error:
        raise CommandError(f"there is no {archive}: build it with make archive") from error
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise CommandError(f"{archive} is damaged or no archive of this project") from error
