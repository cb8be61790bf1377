"""Packs the model into `model_store/<name>.mar`, and later versions beside it."""

import hashlib
import json
import os
import re
from pathlib import Path

from handler.manifest import sha256_of
from scripts.archives.reading import read_manifest
from scripts.build import folders, packing, workers
from scripts.build.precision import Precision
from scripts.build.sources import choice
from scripts.build.sources.source import Origin
from scripts.common.errors import CommandError
from scripts.common.paths import CONFIG, HANDLER, MODEL_STORE

MODEL_CONFIG = CONFIG / "model-config.yaml"
FIRST_VERSION = "1.0"
VERSION = re.compile(r"\d+(\.\d+)*")  # the versions that TorchServe accepts in a URL


def ensure(  # noqa: PLR0913 - every choice of the command line
    directory: str,
    name: str,
    version: str = FIRST_VERSION,
    *,
    store: Path = MODEL_STORE,
    config: Path = MODEL_CONFIG,
    precision: Precision | None = None,
    reference: str | None = None,
    in_subprocess: bool = False,
) -> Path:
    """Return the archive of the chosen model; build it if the store has none with the same fingerprint.

    Args:
        directory: a local Hugging Face model directory, or "" for the Hub with the fallback model behind it.
        name: the served name, or "" for the source's own.
        version: the served version.
        store: the folder for archives.
        config: the model-config.yaml to pack.
        precision: how the CPU's program is packed; None reads the environment.
        reference: a folder of images that those served are compared with, "" for none; None reads the environment.
        in_subprocess: build in a subprocess, because a build leaves more than a gigabyte of memory behind.

    Raises:
        CommandError: it cannot be built; the store is unchanged.
    """
    if not VERSION.fullmatch(version):
        raise CommandError(f"{version!r} cannot be a version: give numbers with dots, such as 2.0, with VERSION=")
    precision = precision or Precision.of_environment()
    reference = os.environ.get("REFERENCE", "") if reference is None else reference
    folders.require_reference(reference)
    origin = choice.choose(directory, name)
    fingerprint = fingerprint_of(origin, version, config, precision, reference)
    archive = store / file_name(origin.name, version)
    if archive.exists():
        try:
            if read_manifest(archive).fingerprint == fingerprint:
                print(f"archive {archive.name} is up to date")
                return archive
            print(f"archive {archive.name} is out of date: building it again")
        except CommandError as error:
            print(f"{error}: building it again")
    request = packing.BuildRequest(origin, version, config, precision, reference, fingerprint)
    if in_subprocess:
        packing.build_in_subprocess(request, archive)
    else:
        packing.build(request, archive)
    return archive


def file_name(name: str, version: str) -> str:
    """Return an archive's file name; it includes later versions, so that a build never overwrites a served archive."""
    return f"{name}.mar" if version == FIRST_VERSION else f"{name}-{version}.mar"


def fingerprint_of(origin: Origin, version: str, config: Path, precision: Precision, reference: str = "") -> str:
    """Return a SHA-256 over every input of a build; an archive with the same fingerprint needs no new build."""
    inputs = {
        "name": origin.name,
        "version": version,
        "source": origin.source,
        "licence": origin.licence,
        "weights": packing.weights_sha256(origin),
        "model files": _hashes(sorted(origin.directory.glob("*.json")) if origin.directory else []),
        "code": _code(HANDLER) | _code(Path(__file__).parent),
        "config": workers.fill_in(config.read_text(encoding="utf-8")),
        "versions": packing.versions(),
        **precision.recipe(),
        "reference": folders.hashes(reference),
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def _hashes(paths: list[Path]) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in paths}


def _code(package: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a package by path, relative to the package's parent."""
    files = sorted(path for path in package.rglob("*") if path.is_file() and path.parent.name != "__pycache__")
    return {str(path.relative_to(package.parent)): sha256_of(path) for path in files}
