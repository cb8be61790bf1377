"""Packs the model into `model_store/<name>.mar`, later versions beside it, and prints what is in an archive."""

import argparse
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from handler.manifest import FILE_NAME, ONNX_PROGRAM, TORCH_PROGRAM, InputSpec, Manifest, Quantisation, sha256_of
from scripts import describing
from scripts import model as models
from scripts.failure import Failure, run
from scripts.paths import CONFIG, HANDLER, MODEL_STORE, remove_abandoned
from scripts.precision import Precision
from scripts.source import Origin
from scripts.stopping import stopping_on_signals

MODEL_CONFIG = CONFIG / "model-config.yaml"
BUILDING = ".building-"  # the folder of a build that goes on, with the process's number behind it
FIRST_VERSION = "1.0"
VERSION = re.compile(r"\d+(\.\d+)*")  # what TorchServe accepts in an address
ENTRY_POINT = "entry_point.py"
ENTRY_POINT_CODE = '''"""What TorchServe imports: one module at the archive's root with exactly one class of its own."""

from handler.classifier import ImageClassifier


class EntryPoint(ImageClassifier):
    """The handler of this archive."""
'''
BUILDERS = tuple(
    Path(__file__).with_name(name)
    for name in ("archive.py", "huggingface.py", "stand_in.py", "program.py", "quantise.py", "equalise.py")
)
BUILT_WITH = (
    "torch",
    "torchvision",
    "transformers",
    "onnx",
    "onnxscript",
    "onnxruntime",
    "torch-model-archiver",
)


@dataclass(frozen=True)
class Order:
    """What to build.

    Args:
        origin: the source.
        version: the served version.
        config: the model-config.yaml to pack.
        precision: how the CPU's program is packed.
    """

    origin: Origin
    version: str
    config: Path
    precision: Precision


def ensure(  # noqa: PLR0913 - what a person may choose
    directory: str,
    name: str,
    version: str = FIRST_VERSION,
    *,
    store: Path = MODEL_STORE,
    config: Path = MODEL_CONFIG,
    precision: Precision | None = None,
) -> Path:
    """Return the archive of the chosen model, built only if there is none made from the same things.

    Args:
        directory: a local Hugging Face model directory, or "" for the Hub and then the stand-in.
        name: the served name, or "" for the source's own.
        version: the served version.
        store: the folder to put it into.
        config: the model-config.yaml to pack.
        precision: how the CPU's program is packed; None for what the environment says.

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
    store.mkdir(parents=True, exist_ok=True)
    remove_abandoned(store, BUILDING)
    with stopping_on_signals(), tempfile.TemporaryDirectory(prefix=f"{BUILDING}{os.getpid()}-", dir=store) as staging:
        built = build(Order(origin, version, config, precision), recipe, Path(staging))
        built.replace(archive)  # atomic: nobody ever sees half an archive
    print(f"packed {archive.name}, {archive.stat().st_size / 1e6:.0f} MB")
    return archive


def file_name(name: str, version: str) -> str:
    """Return an archive's file name: a later version never overwrites the one that may be serving."""
    return f"{name}.mar" if version == FIRST_VERSION else f"{name}-{version}.mar"


def build(order: Order, recipe: str, staging: Path) -> Path:
    """Build an archive in an empty folder and return its path."""
    from scripts import program  # noqa: PLC0415 - imports torch, which takes seconds

    origin = order.origin
    contents = staging / "contents"
    contents.mkdir()
    print(f"loading {origin.name} from {origin.source}", flush=True)
    model = models.load(origin)
    if origin.directory:
        program.prove_input(model.input, origin.directory)
    print(f"exporting {TORCH_PROGRAM} and {ONNX_PROGRAM} (half a minute)", flush=True)
    program.export(model, contents)
    worst = program.prove(model, contents)
    print(f"proved: both programs agree with the source model to {worst:.0e} of the largest logit", flush=True)
    quantisation = _quantise(order.precision, contents / ONNX_PROGRAM, model.input)
    manifest = Manifest(
        name=origin.name,
        version=order.version,
        source=origin.source,
        licence=origin.licence,
        stand_in=origin.stand_in,
        weights_sha256=weights_sha256(origin),
        programs={file: sha256_of(contents / file) for file in (ONNX_PROGRAM, TORCH_PROGRAM)},
        labels=model.labels,
        input=model.input,
        built_with=_versions(),
        recipe=recipe,
        quantisation=quantisation,
    )
    (contents / FILE_NAME).write_text(manifest.to_json(), encoding="utf-8")
    shutil.copytree(HANDLER, contents / "handler", ignore=shutil.ignore_patterns("__pycache__"))
    return _pack(manifest, contents, order.config, staging)


def _quantise(precision: Precision, program: Path, spec: InputSpec) -> Quantisation | None:
    """Bring the CPU's program to the precision that was asked for."""
    if precision.name == "float32":
        return None
    from scripts import quantise  # noqa: PLC0415 - imports torch, which takes seconds

    photos = quantise.read_photos(precision.calibration)
    print(f"quantising {program.name} on {photos.source} (a minute)", flush=True)
    found = quantise.quantise(program, photos, spec, precision.least_agreement)
    print(f"measured: {describing.quantisation(found)}", flush=True)
    return found


def recipe_of(origin: Origin, version: str, config: Path, precision: Precision) -> str:
    """Return a SHA-256 over everything that an archive is made from: the same recipe needs no new build."""
    parts = {
        "name": origin.name,
        "version": version,
        "source": origin.source,
        "licence": origin.licence,
        "weights": weights_sha256(origin),
        "model files": _hashes(sorted(origin.directory.glob("*.json")) if origin.directory else []),
        "code": _hashes([*sorted(HANDLER.glob("*.py")), *BUILDERS, config]),
        "versions": _versions(),
        **precision.recipe(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def weights_sha256(origin: Origin) -> str:
    """Return the SHA-256 of the weights file; of several shards, of their SHA-256s in name order, a line each."""
    hashes = [sha256_of(path) for path in origin.weights]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()


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


def _versions() -> dict[str, str]:
    return {package: importlib.metadata.version(package) for package in BUILT_WITH}


def _hashes(paths: list[Path]) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in paths}


def _pack(manifest: Manifest, contents: Path, config: Path, staging: Path) -> Path:
    """Run torch-model-archiver on the staged contents."""
    entry_point = staging / ENTRY_POINT
    entry_point.write_text(ENTRY_POINT_CODE, encoding="utf-8")
    scratch = staging / "scratch"  # the archiver empties $TMPDIR/<name> before it starts, whatever lies there
    scratch.mkdir()
    command: list[str | Path] = [Path(sys.executable).parent / "torch-model-archiver"]
    command += ["--model-name", manifest.name, "--version", manifest.version, "--handler", entry_point]
    command += ["--extra-files", contents, "--config-file", config, "--export-path", staging]
    command += ["--archive-format", "zip-store"]  # weights do not compress: 7 % smaller for 10 s more
    environment = {**os.environ, "TMPDIR": str(scratch)}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    packed = staging / f"{manifest.name}.mar"
    if result.returncode or not packed.is_file():
        last = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise Failure(f"torch-model-archiver failed: {last}")
    return packed


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
