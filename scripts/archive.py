"""Packs the model into `model_store/<name>.mar`, later versions beside it, and prints what is in an archive."""

import argparse
import hashlib
import json
import re
import zipfile
from pathlib import Path

from handler.manifest import FILE_NAME, Manifest, sha256_of
from scripts import describing, packing, workers
from scripts import model as models
from scripts.failure import Failure, run
from scripts.paths import CONFIG, HANDLER, MODEL_STORE
from scripts.precision import Precision
from scripts.source import Origin

MODEL_CONFIG = CONFIG / "model-config.yaml"
FIRST_VERSION = "1.0"
VERSION = re.compile(r"\d+(\.\d+)*")  # what TorchServe accepts in an address
BUILDERS = tuple(
    Path(__file__).with_name(name)
    for name in ("packing.py", "huggingface.py", "stand_in.py", "program.py", "quantise.py", "equalise.py")
)


def ensure(  # noqa: PLR0913 - what a person may choose
    directory: str,
    name: str,
    version: str = FIRST_VERSION,
    *,
    store: Path = MODEL_STORE,
    config: Path = MODEL_CONFIG,
    precision: Precision | None = None,
    apart: bool = False,
) -> Path:
    """Return the archive of the chosen model, built only if there is none made from the same things.

    Args:
        directory: a local Hugging Face model directory, or "" for the Hub and then the stand-in.
        name: the served name, or "" for the source's own.
        version: the served version.
        store: the folder to put it into.
        config: the model-config.yaml to pack.
        precision: how the CPU's program is packed; None for what the environment says.
        apart: build in a process of its own, for a caller that stays: a build leaves more than a gigabyte behind.

    Raises:
        Failure: it cannot be built; the store is left as it was.
    """
    if not VERSION.fullmatch(version):
        raise Failure(f"{version!r} cannot be a version: give numbers with dots, such as 2.0, with VERSION=")
    precision = precision or Precision.of_environment()
    origin = models.choose(directory, name)
    recipe = recipe_of(origin, version, config, precision)
    archive = store / file_name(origin.name, version)
    if archive.exists():
        try:
            if read_manifest(archive).recipe == recipe:
                print(f"archive {archive.name} is up to date")
                return archive
            print(f"archive {archive.name} was made from something else: building it again")
        except Failure as failure:
            print(f"{failure}: building it again")
    order = packing.Order(origin, version, config, precision)
    if apart:
        packing.build_apart(order, recipe, archive)
    else:
        packing.build_as(order, recipe, archive)
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
        "code": _hashes([*sorted(HANDLER.glob("*.py")), *BUILDERS]),
        "config": workers.filled_in(config.read_text(encoding="utf-8")),
        "versions": packing.versions(),
        **precision.recipe(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def read_manifest(archive: Path) -> Manifest:
    """Return an archive's manifest once every byte of the archive has been read against its checksums.

    Raises:
        Failure: it is no whole archive of this project.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            if broken := file.testzip():
                raise Failure(f"{archive} is damaged at {broken}")
            return Manifest.from_json(file.read(FILE_NAME).decode("utf-8"))
    except FileNotFoundError as error:
        raise Failure(f"there is no {archive}: build it with make archive") from error
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise Failure(f"{archive} is damaged or no archive of this project") from error


def describe(archive: Path) -> str:
    """Return what is in an archive, as lines of text."""
    return describing.manifest(read_manifest(archive))


def _hashes(paths: list[Path]) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in paths}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m scripts.archive", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser(
        "build",
        help="build the archive if there is none made from the same things; PRECISION, CALIBRATION and LEAST_AGREEMENT "
        "in the environment say how",
    )
    make.add_argument("--model", default="", help="a local Hugging Face model directory")
    make.add_argument("--name", default="", help="the name to serve it under")
    make.add_argument("--version", default=FIRST_VERSION, help="the version to serve it as (default %(default)s)")
    show = commands.add_parser("show", help="print what is in an archive")
    show.add_argument("archive", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "build":
        ensure(arguments.model, arguments.name, arguments.version or FIRST_VERSION)
    else:
        print(describe(arguments.archive))


if __name__ == "__main__":
    run(main)
