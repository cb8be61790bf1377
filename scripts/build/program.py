"""Exports the network as programs that need neither its source code nor transformers, and proves them."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from handler.decode.resize import to_input
from handler.engines.engine import Engine
from handler.engines.onnx_runtime import OnnxEngine
from handler.engines.openvino import OpenVinoEngine
from handler.engines.proof import TOLERANCE, Proof, difference
from handler.engines.pytorch import TorchEngine
from handler.manifest import CLASSIFIER, ONNX_PROGRAM, PROOF, TORCH_PROGRAM, PrecisionName
from handler.model import normalize
from scripts.build.outputs import WithOutputs, disagreement, find_places, weights_of
from scripts.build.sources.files import PREPROCESSOR
from scripts.build.sources.source import SourceModel
from scripts.common.errors import CommandError, first_line

MAX_BATCH = 1024
PROOF_IMAGES = 2  # of those that prove a build, so many prove each engine on the machine that serves


class Logits(nn.Module):
    """A transformers classifier that returns plain logits."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def use_plain_attention(self) -> None:
        """Compute attention from matrix products and softmax, not in one operation; some classes choose when made."""
        from transformers import AutoModelForImageClassification  # noqa: PLC0415 - slow to import

        plain = AutoModelForImageClassification.from_config(self.model.config, attn_implementation="eager")
        plain.load_state_dict(self.model.state_dict())
        self.model = plain.eval()

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Return logits (N, classes) for normalised images (N, 3, height, width)."""
        output = self.model(pixel_values=pixel_values)
        logits: Tensor = output.logits if "logits" in output else output.last_hidden_state  # PP-LCNet calls them so
        return logits


def proof_images() -> list[Tensor]:
    """Return the images that prove a build, always the same: uint8 (3, height, width), wide, tall, small and square.

    Some leave an odd number of pixels around the centre crop, because implementations round differently there.
    """
    generator = torch.Generator().manual_seed(0)
    images = []
    for height, width in ((480, 640), (500, 333), (97, 120), (224, 224), (423, 640), (125, 100)):
        coarse = torch.rand(1, 3, 8, 8, generator=generator) * 255
        smooth = nn.functional.interpolate(coarse, (height, width), mode="bicubic").squeeze(0)
        images.append((smooth + 8 * torch.randn(3, height, width, generator=generator)).clamp(0, 255).to(torch.uint8))
    return images


def export(model: SourceModel, directory: Path) -> tuple[str, ...]:
    """Write `program.pt2` and `program.onnx`, both from one exported program with a dynamic batch size.

    Where the network has a feature map, write `classifier.npy` too.

    Returns:
        The names of what the programs return.

    Raises:
        CommandError: the network cannot be exported.
    """
    example = torch.zeros(2, 3, *model.input.size)
    with _quiet():
        try:
            with torch.inference_mode():
                model.network(example)
        except Exception as error:
            raise CommandError(
                f"the network does not take images of {model.input.size[1]} x {model.input.size[0]} pixels, "
                f"which {PREPROCESSOR} makes: {first_line(error)}"
            ) from error
        places = find_places(model.network, _proof_batch(model)[:PROOF_IMAGES])
        try:
            program, onnx_program = _programs(WithOutputs(model.network, places), example)
        except Exception as error:
            raise CommandError(
                f"the network cannot be exported, its code must be free of branches on its data: {_cause(error)}"
            ) from error
        onnx_program.optimize()
        onnx_program.save(str(directory / ONNX_PROGRAM), external_data=False)
        try:
            torch.export.save(program, directory / TORCH_PROGRAM)
        except RuntimeError as error:  # torch's message does not mention the disk
            raise CommandError(f"{TORCH_PROGRAM} could not be written: free some disk space and run again") from error
    if places.feature_map is not None:
        np.save(directory / CLASSIFIER, weights_of(model.network, places)[0].numpy())
    return places.outputs


def _programs(network: WithOutputs, example: Tensor) -> tuple[torch.export.ExportedProgram, Any]:
    """Export a network; where torch's fused attention has no ONNX form, with attention written out."""
    batch = torch.export.Dim("batch", min=1, max=MAX_BATCH)

    def export() -> tuple[torch.export.ExportedProgram, Any]:
        program = torch.export.export(network, (example,), dynamic_shapes=({0: batch},))
        return program, torch.onnx.export(program, output_names=network.places.outputs, verbose=False)

    try:
        return export()
    except Exception:
        if not isinstance(network.network, Logits):
            raise
        network.network.use_plain_attention()
        return export()


def _cause(error: BaseException) -> str:
    """Return the first line of the error below the exporters' own, which advise to report them to PyTorch."""
    while error.__cause__:
        error = error.__cause__
    return first_line(error)


def prove(model: SourceModel, directory: Path) -> float:
    """Check that every engine agrees with the source model on `proof_images`, in a batch and one image alone.

    Writes `proof.npz`, with which a worker checks it again.

    Returns:
        The largest difference of a logit, as a fraction of the largest logit.

    Raises:
        CommandError: they differ by more than TOLERANCE allows.
    """
    batch = _proof_batch(model)
    with torch.inference_mode():
        expected = model.network(batch)
    if expected.shape != (len(batch), len(model.labels)):
        raise CommandError(
            f"the network returns logits of shape {tuple(expected.shape)} for {len(batch)} images, but there are "
            f"{len(model.labels)} labels: the label map belongs to another model"
        )
    engines = onnx_engines(directory / ONNX_PROGRAM, torch.get_num_threads(), "float32")
    engines.append(TorchEngine(directory / TORCH_PROGRAM, torch.device("cpu")))
    worst = max(
        difference(engine.run(images), expected[: len(images)]) for engine in engines for images in (batch, batch[:1])
    )
    if not worst <= TOLERANCE["float32"]:
        raise CommandError(
            f"a program differs from its source model by {worst:.1e} of the largest logit, more than "
            f"{TOLERANCE['float32']}: report it with the versions that python -m scripts show prints"
        )
    _prove_outputs(model, engines, "float32")
    Proof(batch[:PROOF_IMAGES], {"float32": expected[:PROOF_IMAGES]}).save(directory / PROOF)
    return worst


def _prove_outputs(model: SourceModel, engines: Sequence[Engine], precision: PrecisionName) -> None:
    """Check that the logits of every engine are what its other outputs make.

    Raises:
        CommandError: they are not.
    """
    batch = _proof_batch(model)[:PROOF_IMAGES]
    places = find_places(model.network, batch)
    for engine in engines:
        found = disagreement(engine, batch, model.network, places)
        if not found <= TOLERANCE[precision]:
            raise CommandError(
                f"the features of {engine.name} differ by {found:.1e} from those that make the logits: "
                "report it with the versions that python -m scripts show prints"
            )


def _proof_batch(model: SourceModel) -> Tensor:
    return normalize(torch.stack([to_input(image, model.input) for image in proof_images()]), model.input)


def onnx_engines(program: Path, threads: int, precision: PrecisionName) -> list[Engine]:
    """Return the engines that run `program.onnx` here: ONNX Runtime, then OpenVINO unless it refuses this CPU."""
    engines: list[Engine] = [OnnxEngine(program, threads, precision)]
    try:
        engines.append(OpenVinoEngine(program, threads, precision))
    except (ImportError, RuntimeError) as error:  # a worker proves it where it runs
        print(f"OpenVINO cannot be used here: {str(error).strip().splitlines()[-1]}", flush=True)
    return engines


def prove_int8(model: SourceModel, directory: Path) -> None:
    """Add to the proof what the quantised `program.onnx` computes on this machine.

    Raises:
        CommandError: its outputs do not make its logits.
    """
    proof = Proof.load(directory / PROOF)
    engine = OnnxEngine(directory / ONNX_PROGRAM, torch.get_num_threads(), "int8")
    _prove_outputs(model, [engine], "int8")
    logits = engine.run(proof.batch)
    Proof(proof.batch, proof.logits | {"int8": logits}).save(directory / PROOF)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporters' logs and warnings; their errors are still raised."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
