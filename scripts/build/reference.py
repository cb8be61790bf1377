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
from handler.drift.statistics import Gaussian
from handler.engines.engine import MAX_BATCH, Engine
from handler.engines.onnx_runtime import OnnxEngine
from handler.errors import RequestError
from handler.manifest import FEATURES, LOGITS, ONNX_PROGRAM, REFERENCE, InputSpec, PrecisionName
from handler.model import to_batch
from handler.scores import scores_of
from handler.settings import MIN_WINDOW, Settings
from scripts.build.folders import MIN_REFERENCE, too_few_for_reference
from scripts.build.sources.source import SourceModel

# A class is a bin of its own if at least so many images of half the reference have it: with five, the index follows its
# theory (W. Cochran, The chi-squared test of goodness of fit, 1952). More bins would notice less.
MIN_IN_BIN = 5
MAX_CLASSES = 20
CONFIDENCE_BINS = 10  # with as many images of the reference in each
IMAGES_PER_DIRECTION = 10  # of half the reference, for each of the covariance's main directions
MAX_RANK = 32
SIZES = (MIN_WINDOW, 200, 400, 800)  # images in samples whose distances are measured
SPLITS = 25  # of the reference into halves
SAMPLES = 4  # of each size from each half, for the other
MAX_SPLIT = 1000  # images of the reference that are split
QUANTILE = 0.99
# Least scale of a population stability index (see `Reference.scales`): the quantile of chi-squared with one degree of
# freedom. Images of a single class, or confidence, would show no chance, and the next other image would be a drift.
MIN_SCALE = 6.635
INDICES: tuple[Statistic, ...] = ("classes", "confidence")  # whose distance is a population stability index
NONE = np.zeros(0, dtype=np.int64)


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
    if found < MIN_REFERENCE:
        raise too_few_for_reference(f"{found} images in {folder}{without}")
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
        found.append(engine.run_with(to_batch(batch, spec), wanted))
    logits, *features = (torch.cat([each[name] for each in found]) for name in (LOGITS, *wanted))
    return logits, features[0] if features else None


def reference_of(images: Images) -> Reference:
    """Return the reference that at least MIN_REFERENCE images make.

    Its limits come from the images themselves: each random half makes a reference, and samples of the other half are
    compared with that. Features that are the same for all images say nothing, and are left out.
    """
    if images.features is not None and not np.ptp(images.features, axis=0).any():
        images = replace(images, features=None)
    random = np.random.default_rng(0)
    count = min(len(images), MAX_SPLIT) // 2
    sizes = np.array([size for size in SIZES if size <= count])
    drawn: dict[Statistic, list[list[float]]] = {}
    for _ in range(SPLITS):
        order = random.permutation(len(images))
        first, second = images[order[:count]], images[order[count : 2 * count]]
        for one, other in ((first, second), (second, first)):
            half = _fit(one, 1)
            others = half.project(other)
            for start in range(min(SAMPLES, count // int(sizes[0]))):
                rows = np.roll(np.arange(count), -start * int(sizes[0]))
                distances = [half.distances(others[rows[:size]]) for size in sizes]
                for name in distances[0]:
                    drawn.setdefault(name, []).append([each[name] for each in distances])
    by_chance = 1 / count + 1 / sizes  # see `Reference.limit`
    scales = {name: np.quantile(values, QUANTILE, axis=0) / by_chance for name, values in drawn.items()}
    scales |= {name: np.maximum(scales[name], MIN_SCALE) for name in INDICES}
    return replace(_fit(images, 2), half=count, sizes=sizes, scales=scales)


def _fit(images: Images, halves: int) -> Reference:
    """Return the distributions of a whole reference (2 halves), or of one half in as many bins and directions."""
    classes, counts = np.unique(images.classes, return_counts=True)
    order = np.lexsort((classes, -counts))
    frequent = classes[[index for index in order[:MAX_CLASSES] if counts[index] >= halves * MIN_IN_BIN]]
    edges = np.unique(
        np.quantile(images.confidences.astype(np.float64), np.arange(1, CONFIDENCE_BINS) / CONFIDENCE_BINS)
    )
    features = None
    if images.features is not None:
        rank = min(MAX_RANK, len(images) // halves // IMAGES_PER_DIRECTION, images.features.shape[1] - 1)
        features = Gaussian.fit(images.features, rank)
    found = Reference(
        images=len(images),
        frequent=frequent,
        rare=np.setdiff1d(classes, frequent),
        classes=NONE,
        edges=edges,
        confidences=NONE,
        features=features,
        half=0,
        sizes=NONE,
        scales={},
    )
    in_bins = found.class_counts(images.classes)
    alone = int((counts == 1).sum())
    in_bins[-2:] += np.array([-alone, alone])
    return replace(found, classes=in_bins, confidences=found.confidence_counts(images.confidences))
