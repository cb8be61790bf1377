"""Reads archives of this project."""

import hashlib
import json
import zipfile
import zlib
from pathlib import Path

from handler.manifest import FILE_NAME, Manifest
from scripts.common.errors import CommandError

ARCHIVER_MANIFEST = "MAR-INF/MANIFEST.json"  # torch-model-archiver's own
# What zipfile and json raise: RuntimeError for encryption, and for methods of compression that it does not know.
DAMAGED = (OSError, EOFError, KeyError, TypeError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error)


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


def damage(archive: Path) -> str | None:
    """Return what is wrong with an archive's bytes, None if they are as they were packed; the sentence holds no quotes.

    Checksums find half an archive, which a full disk leaves. The programs are compared with the manifest too, where
    the archive is one of this project.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            json.loads(file.read(ARCHIVER_MANIFEST))["model"]["modelName"]
            programs = _programs(file)
            for name in file.namelist():
                with file.open(name) as content:  # raises BadZipFile if its checksum differs; has readinto
                    found = hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]
                if programs.pop(name, found) != found:
                    return f"a program in {archive.name} is not the one of its manifest: build the archive again"
    except DAMAGED:
        return f"{archive.name} is cut off, damaged or no archive: copy it again, and see whether the disk is full"
    return f"{archive.name} lacks a program of its manifest: build the archive again" if programs else None


def _programs(file: zipfile.ZipFile) -> dict[str, str]:
    """Return the SHA-256 of each program in the manifest; none where the archive is not of this project."""
    if FILE_NAME not in file.namelist():
        return {}
    text = file.read(FILE_NAME).decode("utf-8")
    try:
        return dict(Manifest.from_json(text).programs)
    except ValueError:
        return {}
