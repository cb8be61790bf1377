"""Packs the model into `model_store/<name>.mar`, later versions beside it, and prints what is in an archive."""

import hashlib
import json
import re
from pathlib import Path

from handler.manifest import sha256_of
from scripts.archives.reading import read_manifest
from scripts.build import packing, workers
from scripts.build.int8.precision import Precision
from scripts.build.sources import choice
from scripts.build.sources.source import Origin
from scripts.common.errors import CommandError
from scripts.common.paths import CONFIG, HANDLER, MODEL_STORE

MODEL_CONFIG = CONFIG / "model-config.yaml"
FIRST_VERSION = "1.0"
VERSION = re.compile(r"\d+(\.\d+)*")  # what TorchServe accepts in an address


def ensure(  # noqa: PLR0913 - what a person may choose
    directory: str,
    name: str,
    version: str = FIRST_VERSION,
    *,
    store: Path = MODEL_STORE,
    config: Path = MODEL_CONFIG,
    precision: Precision | None = None,
    in_subprocess: bool = False,
) -> Path:
    """Return the archive of the chosen model, built only if there is none made from the same things.

    Args:
        directory: a local Hugging Face model directory, or "" for the Hub and then the stand-in.
        name: the served name, or "" for the source's own.
        version: the served version.
        store: the folder to put it into.
        config: the model-config.yaml to pack.
        precision: how the CPU's program is packed; None for what the environment says.
        in_subprocess: build in a subprocess, because a build leaves more than a gigabyte of memory behind.

    Raises:
        CommandError: it cannot be built; the store is left as it was.
    """
    if not VERSION.fullmatch(version):
        raise CommandError(f"{version!r} cannot be a version: give numbers with dots, such as 2.0, with VERSION=")
    precision = precision or Precision.of_environment()
    origin = choice.choose(directory, name)
    recipe = recipe_of(origin, version, config, precision)
    archive = store / file_name(origin.name, version)
    if archive.exists():
        try:
            if read_manifest(archive).recipe == recipe:
                print(f"archive {archive.name} is up to date")
                return archive
            print(f"archive {archive.name} was made from something else: building it again")
        except CommandError as failure:
            print(f"{failure}: building it again")
    request = packing.BuildRequest(origin, version, config, precision)
    if in_subprocess:
        packing.build_in_subprocess(request, recipe, archive)
    else:
        packing.build_at(request, recipe, archive)
    return archive


def file_name(name: str, version: str) -> str:
    """Return an archive's file name: a later version never overwrites the one that may be serving."""
    return f"{name}.mar" if version == FIRST_VERSION else f"{name}-{version}.mar"


def recipe_of(origin: Origin, version: str, config: Path, precision: Precision) -> str:
    """Return a SHA-256 over everything that an archive is made from: the same recipe needs no new build."""
    parts = {
        "name": origin.name,
        "version": version,
        "source": origin.source,
        "licence": origin.licence,
        "weights": packing.weights_sha256(origin),
        "model files": _hashes(sorted(origin.directory.glob("*.json")) if origin.directory else []),
        "code": _code(HANDLER) | _code(Path(__file__).parent),
        "config": workers.filled_in(config.read_text(encoding="utf-8")),
        "versions": packing.versions(),
        **precision.recipe(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _hashes(paths: list[Path]) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in paths}


def _code(package: Path) -> dict[str, str]:
    """Return the SHA-256 of every module of a package, by its path from the package's parent."""
    return {str(path.relative_to(package.parent)): sha256_of(path) for path in sorted(package.rglob("*.py"))}
