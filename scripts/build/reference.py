"""Makes `reference.npz` from a folder of images: what the program that serves says of them, as distributions."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from handler.decode.image import decode_image
from handler.decode.resize import to_input
from handler.drift.reference import Images, Reference, Statistic
from handler.drift.statistics import Floats, Gaussian, Ints
from handler.engines.engine import MAX_BATCH, Engine
from handler.engines.onnx_runtime import OnnxEngine
from handler.errors import RequestError
from handler.manifest import FEATURES, LOGITS, ONNX_PROGRAM, REFERENCE, InputSpec, PrecisionName
from handler.model import normalize
from handler.scores import scores_of
from handler.settings import MIN_WINDOW, Settings
from scripts.build.sources.source import SourceModel
from scripts.common.errors import CommandError

MIN_IMAGES = 100
# A class is a bin of its own if at least so many images of the reference have it: with five, the index follows its
# theory (W. Cochran, The chi-squared test of goodness of fit, 1952). More bins would notice less.
MIN_IN_BIN = 5
MAX_CLASSES = 20
CONFIDENCE_BINS = 10  # with as many images of the reference in each
IMAGES_PER_DIRECTION = 10  # of the covariance's main directions
MAX_RANK = 32
SIZES = (MIN_WINDOW, 100, 200, 400, 800)  # images in samples whose distances are measured
SPLITS = 20  # of the reference into halves
SAMPLES = 10  # drawn from each half that the other is compared with
MAX_SPLIT = 1000  # images of the reference that are split
QUANTILE = 0.99


def write(folder: Path, model: SourceModel, contents: Path, precision: PrecisionName, outputs: Sequence[str]) -> None:
    """Write `reference.npz`.

    Args:
        folder: of the images.
        model: the source model, for its input and scores.
        contents: the archive's, with the program that serves on a CPU.
        precision: of that program.
        outputs: what it returns.

    Raises:
        CommandError: too few images can be read.
    """
    engine = OnnxEngine(contents / ONNX_PROGRAM, torch.get_num_threads(), precision)
    logits, features = run(engine, read_inputs(folder, model.input), model.input, outputs)
    reference_of(Images.of_scores(scores_of(logits, model.scores), features)).save(contents / REFERENCE)


def read_inputs(folder: Path, spec: InputSpec) -> Iterator[Tensor]:
    """Yield the images of a folder and its subfolders as uint8 inputs (3, *spec.size), in the order of their paths.

    Raises:
        CommandError: too few can be read.
    """
    found, left_out = 0, []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            image = decode_image(path.read_bytes(), Settings.max_pixels)
        except RequestError as error:
            left_out.append(f"{path.name} ({error.problem.slug})")
            continue
        found += 1
        yield to_input(image, spec)
    without = f" without {len(left_out)} files such as {left_out[0]}" if left_out else ""
    if found < MIN_IMAGES:
        raise CommandError(
            f"{found} images in {folder}{without} are too few for a reference: name a folder of {MIN_IMAGES} or more, "
            "better a thousand, of the kind that will be served, with REFERENCE="
        )
    print(f"the reference has {found} images of {folder}{without}", flush=True)


def run(
    engine: Engine, inputs: Iterable[Tensor], spec: InputSpec, outputs: Sequence[str]
) -> tuple[Tensor, Tensor | None]:
    """Return logits (N, classes) and, where the program has them, features (N, C) of at least one input.

    Args:
        engine: that runs the program.
        inputs: uint8 (3, *spec.size).
        spec: the model's input.
        outputs: what the program returns.
    """
    left = iter(inputs)
    wanted = [name for name in outputs if name == FEATURES]
    found = []
    while batch := list(islice(left, MAX_BATCH)):
        found.append(engine.run_with(normalize(torch.stack(batch), spec), wanted))
    logits, *features = (torch.cat([each[name] for each in found]) for name in (LOGITS, *wanted))
    return logits, features[0] if features else None


def reference_of(images: Images, groups: Ints | None = None) -> Reference:
    """Return the reference that images make.

    Its limits come from the images themselves: one random half makes a reference, and samples of the other half, drawn
    with replacement, are compared with that. They are somewhat too high, because half the images make a reference that
    is less exact, and in a sample the same image comes twice.

    Args:
        images: at least MIN_IMAGES.
        groups: for each image, what must not be in both halves, such as the photo that it is a crop of, (N,).
    """
    groups = np.arange(len(images)) if groups is None else groups
    random = np.random.default_rng(0)
    drawn: dict[Statistic, list[list[float]]] = {}
    for _ in range(SPLITS):
        order = random.permutation(np.unique(groups))[:MAX_SPLIT]
        first, second = order[: len(order) // 2], order[len(order) // 2 :]
        half = _fit(images[np.isin(groups, first)])
        others = half.project(images[np.isin(groups, second)])
        for _ in range(SAMPLES):
            rows = random.integers(len(others), size=SIZES[-1])
            distances = [half.distances(others[rows[:size]]) for size in SIZES]
            for name in distances[0]:
                drawn.setdefault(name, []).append([each[name] for each in distances])
    limits = {name: np.quantile(values, QUANTILE, axis=0) for name, values in drawn.items()}
    return _fit(images, limits)


def _fit(images: Images, limits: dict[Statistic, Floats] | None = None) -> Reference:
    classes, counts = np.unique(images.classes, return_counts=True)
    order = np.lexsort((classes, -counts))
    frequent = classes[[index for index in order[:MAX_CLASSES] if counts[index] >= MIN_IN_BIN]]
    edges = np.unique(
        np.quantile(images.confidences.astype(np.float64), np.arange(1, CONFIDENCE_BINS) / CONFIDENCE_BINS)
    )
    features = None
    if images.features is not None:
        rank = min(MAX_RANK, len(images) // IMAGES_PER_DIRECTION, images.features.shape[1] - 1)
        features = Gaussian.fit(images.features, rank)
    empty = np.zeros(0, dtype=np.int64)
    found = Reference(
        images=len(images),
        frequent=frequent,
        rare=np.setdiff1d(classes, frequent),
        classes=empty,
        edges=edges,
        confidences=empty,
        features=features,
        sizes=np.array(SIZES),
        limits=limits or {},
    )
    return replace(
        found, classes=found.class_counts(images.classes), confidences=found.confidence_counts(images.confidences)
    )
