"""Quantises `program.onnx` to 8 bits, and measures on held-out images what that changes.

Weights get a scale for each output channel, activations one for each tensor from the smallest and largest value seen
(ONNX Runtime's static quantisation, QDQ form). Three things make the predictions better than that alone, found by
measuring layer by layer what each adds to the noise in the logits (a half came from what is added to the residual
stream, a third from the first layers): channels are equalised, those that go into an addition are evened out, and the
network's first layers and its classifier stay in float32. So do a transformer's products of attention, its softmaxes
and its normalisations, which are a small part of its work: on a random ViT of 8 layers, 92 % instead of 88 % of 120
inputs kept their top-1 class.

Other tools were tried in its place, on the same images: docs/performance.md has the figures. NNCF is slower at the same
agreement, and AIMET's cross-layer equalisation in place of `equalise` keeps fewer classes.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor

from handler.cpus import cpus
from handler.engines.cpu import has_vnni
from handler.engines.engine import Engine
from handler.engines.onnx_runtime import OnnxEngine
from handler.manifest import Agreement
from scripts.build.agreement import BATCH, Compared, compare
from scripts.build.int8.equalise import equalise, even_out
from scripts.build.program import onnx_engines
from scripts.build.sample_images import SampleImages, inputs
from scripts.build.sources.source import SourceModel
from scripts.common.errors import CommandError

# Share of the network's multiplications that stay in float32, counted from its beginning: 5 dB less noise in the logits
# of the ResNet-50 test weights, equalised as well, and on a CPU where 8 bits are only twice as fast still 1.6 times.
FLOAT_SHARE = 0.2
CALIBRATION = 96  # inputs: the images, and random crops of them
HELD_OUT = 480
IN_FLOAT = ("Add", "Gemm", "Softmax", "LayerNormalization", "InstanceNormalization")


def quantise(program: Path, images: SampleImages, model: SourceModel, min_agreement: float) -> tuple[Agreement, ...]:
    """Replace a float32 program by its 8-bit form.

    Args:
        program: the ONNX file, which is replaced.
        images: see `read_images`.
        model: the source model.
        min_agreement: share of the held-out inputs that must keep their top-1 class.

    Returns:
        What was measured with each engine.

    Raises:
        CommandError: fewer keep it in ONNX Runtime; the program is left as it was.
    """
    calibration = [batch.numpy() for batch in torch.split(inputs(images.calibration, CALIBRATION, model.input), BATCH)]
    held_out = torch.split(inputs(images.held_out, HELD_OUT, model.input), BATCH)
    before = _logits(OnnxEngine(program, cpus()), held_out)
    staged = program.with_suffix(".int8.onnx")
    _write(program, staged, calibration, full_range=has_vnni())
    found = tuple(
        compare(
            before,
            _logits(engine, held_out),
            Compared("int8", engine.name, images.source, min_agreement, model.scores),
        )
        for engine in onnx_engines(staged, cpus(), "int8")
    )
    if not found[0].accepted:
        staged.unlink()
        kept = found[0].top_1_kept
        raise CommandError(
            f"in 8 bits only {kept:.1%} of {HELD_OUT} held-out inputs keep their top-1 class, fewer than "
            f"{min_agreement:.0%}: calibrate on more images of the kind that is served (CALIBRATION=), pack float32, "
            f"or take it as it is with MIN_AGREEMENT={kept:.2f} or less"
        )
    staged.replace(program)
    return found


def _logits(engine: Engine, batches: tuple[Tensor, ...]) -> Tensor:
    return torch.cat([engine.run(batch) for batch in batches])


def _write(program: Path, target: Path, calibration: list[np.ndarray], *, full_range: bool) -> None:
    from onnxruntime import quantization  # noqa: PLC0415 - nothing else of this project needs it

    model = onnx.shape_inference.infer_shapes(equalise(onnx.load(program), calibration[:4]))
    first = set(first_layers(model, FLOAT_SHARE))
    model, scaling = even_out(model, calibration[:4], first)
    name = model.graph.input[0].name
    # ONNX Runtime adds floats faster than it adds 8-bit numbers of two scales: 1.1 times the images of a ResNet-50. The
    # classifier is a two-thousandth of the work, and a seventh of what the scores move by.
    in_float = [
        node.name for node in model.graph.node if node.op_type in IN_FLOAT or _multiplies_activations(node, model)
    ]

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


def _multiplies_activations(node: onnx.NodeProto, model: onnx.ModelProto) -> bool:
    """Whether it is a product of attention: of two tensors that depend on the image, not of one and weights."""
    weights = {one.name for one in model.graph.initializer}
    return node.op_type == "MatMul" and not weights & set(node.input)


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
