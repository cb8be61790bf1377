"""Builds an archive: the source model as programs, its manifest and the handler, packed into one file."""

import hashlib
import importlib.metadata
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from handler.cpus import cpus
from handler.engines.cpu import has_vnni
from handler.manifest import FILE_NAME, ONNX_PROGRAM, REFERENCE, TORCH_PROGRAM, Agreement, Manifest, sha256_of
from scripts.archives import describe
from scripts.build import workers
from scripts.build.precision import Precision
from scripts.build.sources import choice
from scripts.build.sources.source import Origin, SourceModel
from scripts.common.errors import CommandError, reported
from scripts.common.paths import HANDLER, remove_abandoned
from scripts.common.progress import Advance, progress
from scripts.common.signals import stopping_on_signals

BUILDING = ".building-"  # prefix of a build's temporary folder; the process id follows
ENTRY_POINT = "entry_point.py"
ENTRY_POINT_CODE = '''"""The module that TorchServe imports, at the archive's root: it must define exactly one class."""

from handler.classifier import ImageClassifier


class EntryPoint(ImageClassifier):
    """The handler of this archive."""
'''
STEPS = 5  # load, export, prove, measure other precisions, pack
BUILT_WITH = (
    "torch",
    "torchvision",
    "transformers",
    "onnx",
    "onnxscript",
    "onnxruntime",
    "openvino",
    "torch-model-archiver",
)


@dataclass(frozen=True)
class BuildRequest:
    """The inputs of a build.

    Args:
        origin: the source.
        version: the served version.
        config: the model-config.yaml to pack.
        precision: how the CPU's program is packed.
        reference: a folder of images that those served are compared with; "" for none.
        fingerprint: SHA-256 over all of these and the code.
    """

    origin: Origin
    version: str
    config: Path
    precision: Precision
    reference: str
    fingerprint: str


def build_in_subprocess(request: BuildRequest, archive: Path) -> None:
    """Build in a subprocess that reports its own errors; exit with its status if it fails."""
    child = multiprocessing.get_context("spawn").Process(target=_build_and_report, args=(request, archive))
    with stopping_on_signals():
        child.start()
        try:
            child.join()
        except BaseException:
            child.terminate()
            child.join()
            raise
    if child.exitcode:
        sys.exit(child.exitcode)


def _build_and_report(request: BuildRequest, archive: Path) -> None:
    with reported():
        build(request, archive)


def build(request: BuildRequest, archive: Path) -> None:
    """Build an archive; the path changes only once the new archive is complete."""
    store = archive.parent
    store.mkdir(parents=True, exist_ok=True)
    remove_abandoned(store, BUILDING)
    prefix = f"{BUILDING}{os.getpid()}-"
    with (
        stopping_on_signals(),
        tempfile.TemporaryDirectory(prefix=prefix, dir=store) as staging,
        progress(f"building {archive.name}", STEPS) as advance,
    ):
        built = _build_in(Path(staging), request, advance)
        built.replace(archive)  # atomic: readers see the old archive or the new one
    print(f"packed {archive.name}, {archive.stat().st_size / 1e6:.0f} MB", flush=True)


def _build_in(staging: Path, request: BuildRequest, advance: Advance) -> Path:
    """Build an archive in an empty folder and return its path."""
    import torch  # noqa: PLC0415 - takes seconds

    from scripts.build import program  # noqa: PLC0415 - imports torch

    torch.set_num_threads(cpus())  # torch itself knows no limits of control groups
    origin = request.origin
    contents = staging / "contents"
    contents.mkdir()
    advance(0, f"loading {origin.name} from {origin.source}")
    model = choice.load(origin)
    advance(1, f"exporting {TORCH_PROGRAM} and {ONNX_PROGRAM} (half a minute)")
    outputs = program.export(model, contents)
    advance(2)
    worst = program.prove(model, contents)
    advance(3, f"proved: all engines agree with the source model to {worst:.0e} of the largest logit")
    agreement = _measure_precision(request.precision, model, contents)
    advance(4)
    if request.reference:
        from scripts.build import reference  # noqa: PLC0415 - imports torch

        advance(4, f"making {REFERENCE} of the images in {request.reference}")
        reference.write(Path(request.reference), model, contents, request.precision.name, outputs)
    manifest = Manifest(
        name=origin.name,
        version=request.version,
        source=origin.source,
        licence=origin.licence,
        fallback=origin.fallback,
        weights_sha256=weights_sha256(origin),
        programs={path.name: sha256_of(path) for path in sorted(contents.iterdir())},
        labels=model.labels,
        input=model.input,
        built_with=versions(),
        fingerprint=request.fingerprint,
        precision=request.precision.name,
        requires_vnni=request.precision.name == "int8" and has_vnni(),
        agreement=agreement,
        scores=model.scores,
        outputs=outputs,
    )
    (contents / FILE_NAME).write_text(manifest.to_json(), encoding="utf-8")
    config = staging / "model-config.yaml"
    config.write_text(workers.fill_in(request.config.read_text(encoding="utf-8")), encoding="utf-8")
    shutil.copytree(HANDLER, contents / "handler", ignore=shutil.ignore_patterns("__pycache__"))
    return _pack(manifest, contents, config, staging)


def _measure_precision(precision: Precision, model: SourceModel, contents: Path) -> tuple[Agreement, ...]:
    """Measure what bfloat16 changes; for int8, convert the CPU's program and measure what that changes."""
    from scripts.build import agreement, program, sample_images  # noqa: PLC0415 - they import torch, which takes seconds

    try:
        images = sample_images.read_images(precision.calibration)
    except CommandError as error:
        if precision.name == "int8":
            raise
        print(f"what bfloat16 changes is not measured, so workers compute in float32: {error}", flush=True)
        return ()
    if precision.name == "float32":
        print(f"measuring what bfloat16 changes on {images.source}", flush=True)
        measured: tuple[Agreement, ...] = (agreement.of_bfloat16(model, images, precision.threshold),)
    else:
        from scripts.build.int8 import quantise  # noqa: PLC0415 - likewise

        print(f"quantising {ONNX_PROGRAM} on {images.source} (a minute)", flush=True)
        measured = quantise.quantise(contents / ONNX_PROGRAM, images, model, precision.threshold)
        program.prove_int8(model, contents)
    for found in measured:
        print(f"measured in {found.precision} ({found.engine}): {describe.agreement(found)}", flush=True)
    return measured


def weights_sha256(origin: Origin) -> str:
    """Return the SHA-256 of the weights file; for shards, of their SHA-256s in name order, one on each line."""
    hashes = [sha256_of(path) for path in origin.weights]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def versions() -> dict[str, str]:
    return {package: importlib.metadata.version(package) for package in BUILT_WITH}


def _pack(manifest: Manifest, contents: Path, config: Path, staging: Path) -> Path:
    """Run torch-model-archiver on the staged contents."""
    entry_point = staging / ENTRY_POINT
    entry_point.write_text(ENTRY_POINT_CODE, encoding="utf-8")
    scratch = staging / "scratch"  # the archiver deletes $TMPDIR/<name> before it starts
    scratch.mkdir()
    command: list[str | Path] = [Path(sys.executable).parent / "torch-model-archiver"]
    command += ["--model-name", manifest.name, "--version", manifest.version, "--handler", entry_point]
    command += ["--extra-files", contents, "--config-file", config, "--export-path", staging]
    command += ["--archive-format", "zip-store"]  # compression makes weights 7% smaller and takes 10 s more
    environment = {**os.environ, "TMPDIR": str(scratch)}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    packed = staging / f"{manifest.name}.mar"
    if result.returncode or not packed.is_file():
        last = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise CommandError(f"torch-model-archiver failed: {last}")
    return packed
