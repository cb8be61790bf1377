"""Quantises `program.onnx` to 8 bits, and measures on held-out images what that changes.

Weights get a scale for each output channel, activations one for each tensor from the smallest and largest value seen
(ONNX Runtime's static quantisation, QDQ form). Three things make the predictions better than that alone, found by
measuring layer by layer what each adds to the noise in the logits (a half came from what is added to the residual
stream, a third from the first layers): channels are equalised, those that go into an addition are evened out, and the
network's first layers and its classifier stay in float32.

Other tools were tried in its place, on the same images: docs/performance.md has the figures. NNCF is slower at the same
agreement, and AIMET's cross-layer equalisation in place of `equalise` keeps fewer classes.
"""

import importlib.util
import logging
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor

from handler.decode.image import decode_image
from handler.decode.resize import to_input
from handler.engines.cpu import has_vnni
from handler.errors import RequestError
from handler.manifest import InputSpec, Quantisation
from handler.model import normalize
from handler.settings import Settings
from scripts.build.int8.equalise import equalise, even_out
from scripts.common.errors import CommandError

# Share of the network's multiplications that stay in float32, counted from its beginning: 5 dB less noise in the logits
# of the ResNet-50 test weights, equalised as well, and on a CPU where 8 bits are only twice as fast still 1.6 times.
FLOAT_SHARE = 0.2
CALIBRATION = 96  # inputs: the images, and random crops of them
HELD_OUT = 480
MIN_IMAGES = 4
BATCH = 8
MIN_CONFIDENCE = 0.5  # score from which float32 counts as confident of its top-1 class
EXAMPLES = (  # images that packages of this project contain
    ("skimage", ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg", "retina.jpg")),
    ("matplotlib", ("grace_hopper.jpg",)),
)


@dataclass(frozen=True)
class ImageSplit:
    """The calibration set and the held-out images, which never overlap.

    Args:
        source: what to call them.
        calibration: some of them, uint8 (3, height, width).
        held_out: the others.
    """

    source: str
    calibration: list[Tensor]
    held_out: list[Tensor]


def read_images(folder: str) -> ImageSplit:
    """Read the images of a folder, or without one those of installed packages.

    Raises:
        CommandError: there are too few.
    """
    paths = sorted(path for path in Path(folder).rglob("*") if path.is_file()) if folder else _examples()
    found = []
    for path in paths:
        try:
            found.append(decode_image(path.read_bytes(), Settings.max_pixels))
        except RequestError:
            continue  # whatever else lies in the folder
    if len(found) < MIN_IMAGES:
        raise CommandError(
            f"{len(found)} images are too few to calibrate on: name a folder of {MIN_IMAGES} or more, better "
            "hundreds, of the kind that will be served, with CALIBRATION="
        )
    source = f"{len(found)} images of {Path(folder).name}" if folder else f"{len(found)} images of installed packages"
    return ImageSplit(source, found[::2], found[1::2])


def _examples() -> list[Path]:
    paths = []
    for package, names in EXAMPLES:
        spec = importlib.util.find_spec(package)
        roots = list(spec.submodule_search_locations or []) if spec else []
        paths += [path for root in roots for name in names for path in Path(root).rglob(name)]
    return sorted(paths)


def inputs(images: list[Tensor], count: int, spec: InputSpec) -> Tensor:
    """Return so many normalised inputs: each image, then random crops of at least half of it, some mirrored."""
    chance = random.Random(0)  # noqa: S311 - the same crops every time
    found = []
    for index in range(count):
        image = images[index % len(images)]
        if index >= len(images):
            height, width = (int(side * chance.uniform(0.5**0.5, 1)) or 1 for side in image.shape[1:])
            top, left = (
                chance.randint(0, side - part) for side, part in zip(image.shape[1:], (height, width), strict=True)
            )
            image = image[:, top : top + height, left : left + width]
            image = image.flip(2) if chance.random() < 0.5 else image
        found.append(to_input(image, spec))
    return normalize(torch.stack(found), spec)


def quantise(program: Path, images: ImageSplit, spec: InputSpec, least: float) -> Quantisation:
    """Replace a float32 program by its 8-bit form.

    Args:
        program: the ONNX file, which is replaced.
        images: see `read_images`.
        spec: the model's input.
        least: share of the held-out inputs that must keep their top-1 class.

    Raises:
        CommandError: fewer keep it; the program is left as it was.
    """
    calibration = _batches(inputs(images.calibration, CALIBRATION, spec))
    held_out = _batches(inputs(images.held_out, HELD_OUT, spec))
    before = _logits(program, held_out)
    vnni = has_vnni()
    staged = program.with_suffix(".int8.onnx")
    _write(program, staged, calibration, full_range=vnni)
    found = compare(before, _logits(staged, held_out), images.source, vnni)
    if found.top_1_kept < least:
        staged.unlink()
        raise CommandError(
            f"in 8 bits only {found.top_1_kept:.1%} of {HELD_OUT} held-out inputs keep their top-1 class, fewer than "
            f"{least:.0%}: calibrate on more images of the kind that is served (CALIBRATION=), pack float32, or take "
            f"it as it is with MIN_AGREEMENT={found.top_1_kept:.2f} or less"
        )
    staged.replace(program)
    return found


def _batches(images: Tensor) -> list[np.ndarray]:
    return [batch.numpy() for batch in torch.split(images, BATCH)]


def _write(program: Path, target: Path, calibration: list[np.ndarray], *, full_range: bool) -> None:
    from onnxruntime import quantization  # noqa: PLC0415 - nothing else of this project needs it

    model = onnx.shape_inference.infer_shapes(equalise(onnx.load(program), calibration[:4]))
    first = set(first_layers(model, FLOAT_SHARE))
    model, scaling = even_out(model, calibration[:4], first)
    name = model.graph.input[0].name
    # ONNX Runtime adds floats faster than it adds 8-bit numbers of two scales: 1.1 times the images of a ResNet-50. The
    # classifier is a two-thousandth of the work, and a seventh of what the scores move by.
    in_float = [node.name for node in model.graph.node if node.op_type in ("Add", "Gemm")]

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._batches = iter(calibration)

        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(self._batches, None)
            return None if batch is None else {name: batch}

    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)  # it recommends a step that the export has done
    try:
        quantization.quantize_static(
            model,
            target,
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            reduce_range=not full_range,  # without VNNI, sums of two products of full range overflow 16 bits
            nodes_to_exclude=[*first, *scaling, *in_float],
        )
    finally:
        logger.setLevel(level)


def first_layers(model: onnx.ModelProto, share: float) -> Iterator[str]:
    """Return the names of a network's first nodes, which hold at most a share of its multiplications.

    Args:
        model: the network, with the shapes of its tensors inferred.
        share: 0 to 1.
    """
    weights = {one.name: one.dims for one in model.graph.initializer}
    values = (*model.graph.value_info, *model.graph.output)
    shapes = {one.name: [side.dim_value for side in one.type.tensor_type.shape.dim] for one in values}

    def multiplications(node: onnx.NodeProto) -> int:
        if node.op_type not in ("Conv", "Gemm") or node.input[1] not in weights:
            return 0
        places = np.prod(shapes[node.output[0]][2:], dtype=np.int64)
        return int(np.prod(weights[node.input[1]], dtype=np.int64) * places)

    costs = [multiplications(node) for node in model.graph.node]
    spent = np.cumsum(costs)
    for node, so_far in zip(model.graph.node, spent, strict=True):
        if so_far > share * spent[-1]:
            return
        yield node.name


def _logits(program: Path, batches: list[np.ndarray]) -> np.ndarray:
    session = onnxruntime.InferenceSession(program, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: batch})[0] for batch in batches])


def compare(before: np.ndarray, after: np.ndarray, source: str, requires_vnni: bool) -> Quantisation:
    """Return how far 8 bits change the predictions.

    Args:
        before: logits in float32, (inputs, classes).
        after: logits in 8 bits.
        source: what it was calibrated on.
        requires_vnni: whether the weights use their full range, which takes a CPU with VNNI.
    """
    scores, changed = (torch.softmax(torch.from_numpy(logits), dim=1) for logits in (before, after))
    same = scores.argmax(1) == changed.argmax(1)
    confident = scores.amax(1) >= MIN_CONFIDENCE
    k = min(5, scores.shape[1])
    top, top_changed = (each.topk(k, dim=1).indices.sort(dim=1).values for each in (scores, changed))
    moved = (scores - changed).abs().amax(1)
    return Quantisation(
        calibration_set=source,
        held_out=len(before),
        top_1_kept=round(float(same.float().mean()), 4),
        confident=int(confident.sum()),
        confident_top_1_kept=round(float(same[confident].float().mean()), 4) if bool(confident.any()) else 0.0,
        top_5_kept=round(float((top == top_changed).all(1).float().mean()), 4),
        score_change_mean=round(float(moved.mean()), 4),
        score_change_p95=round(float(moved.quantile(0.95)), 4),
        requires_vnni=requires_vnni,
    )
