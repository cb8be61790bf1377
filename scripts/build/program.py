"""The network as programs that need neither its source code nor transformers, each proved before it is packed."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from handler.engines import Engine, OnnxEngine, TorchEngine
from handler.manifest import ONNX_PROGRAM, TORCH_PROGRAM, InputSpec
from handler.transform import normalize, to_input
from scripts.build.sources.source import SourceModel
from scripts.common.errors import CommandError

# Logits of one network computed by two engines differ by rounding alone: 1e-4 of the largest was the most seen.
TOLERANCE = 1e-3
LARGEST_BATCH = 1024


class Logits(nn.Module):
    """A transformers classifier as a plain function: pixel values in, logits out."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Return logits (N, classes) for normalised images (N, 3, height, width)."""
        logits: Tensor = self.model(pixel_values=pixel_values).logits
        return logits


def test_photos() -> list[Tensor]:
    """Return pictures to prove a build with, always the same: uint8 (3, height, width), wide, tall, small, square.

    Some leave an odd number of pixels beside the crop, which may be cut on either side.
    """
    generator = torch.Generator().manual_seed(0)
    photos = []
    for height, width in ((480, 640), (500, 333), (97, 120), (224, 224), (423, 640), (125, 100)):
        coarse = torch.rand(1, 3, 8, 8, generator=generator) * 255
        smooth = nn.functional.interpolate(coarse, (height, width), mode="bicubic").squeeze(0)
        photos.append((smooth + 8 * torch.randn(3, height, width, generator=generator)).clamp(0, 255).to(torch.uint8))
    return photos


def export(model: SourceModel, directory: Path) -> None:
    """Write `program.pt2` and `program.onnx`, both from one exported program with a batch of any size.

    Raises:
        CommandError: the network cannot be exported.
    """
    example = torch.zeros(2, 3, *model.input.size)
    batch = torch.export.Dim("batch", min=1, max=LARGEST_BATCH)
    with _quiet():
        try:
            program = torch.export.export(model.network, (example,), dynamic_shapes=({0: batch},))
            onnx_program = torch.onnx.export(program, verbose=False)
        except (RuntimeError, ValueError, torch.onnx.errors.OnnxExporterError) as error:
            raise CommandError(
                f"the network cannot be exported: {error}. Its code must be free of branches on its data"
            ) from error
        if onnx_program is None:
            raise CommandError("the network has no ONNX form: torch.onnx.export returned nothing")
        onnx_program.optimize()
        onnx_program.save(str(directory / ONNX_PROGRAM), external_data=False)
        try:
            torch.export.save(program, directory / TORCH_PROGRAM)
        except RuntimeError as error:  # torch's own writer says nothing of the disk
            raise CommandError(f"{TORCH_PROGRAM} could not be written: free some disk space and run again") from error


def prove(model: SourceModel, directory: Path) -> float:
    """Check that both programs agree with the source model on `test_photos`, alone and in a batch.

    Returns:
        The largest difference of a logit, as a fraction of the largest logit.

    Raises:
        CommandError: they do not, and must not be packed.
    """
    batch = normalize(torch.stack([to_input(photo, model.input) for photo in test_photos()]), model.input)
    with torch.inference_mode():
        expected = model.network(batch)
    if expected.shape != (len(batch), len(model.labels)):
        raise CommandError(
            f"the network answers {tuple(expected.shape)} for {len(batch)} images and there are {len(model.labels)} "
            "labels: the label map belongs to another model"
        )
    engines: list[Engine] = [
        OnnxEngine(directory / ONNX_PROGRAM, threads=torch.get_num_threads()),
        TorchEngine(directory / TORCH_PROGRAM, torch.device("cpu")),
    ]
    worst = max(
        difference(engine.run(part), expected[: len(part)]) for engine in engines for part in (batch, batch[:1])
    )
    if not worst <= TOLERANCE:
        raise CommandError(
            f"a program differs from its source model by {worst:.1e} of the largest logit, more than {TOLERANCE}: "
            "report this with the versions that python -m scripts show prints"
        )
    return worst


def difference(actual: Tensor, expected: Tensor) -> float:
    """Return the largest absolute difference of two logits (N, classes), relative to the largest expected one."""
    return float((actual - expected).abs().max() / expected.abs().max().clamp(min=1.0))


def prove_input(spec: InputSpec, directory: Path) -> None:
    """Check that our transform gives what the source's own image processor gives.

    Raises:
        CommandError: the processor does something that the manifest cannot say.
    """
    from transformers import AutoImageProcessor  # noqa: PLC0415 - slow to import

    processor = AutoImageProcessor.from_pretrained(directory)
    level = max(spec.rescale / std for std in spec.std)  # one step of a uint8 value, in normalised units
    for photo in test_photos():
        expected = processor(photo, return_tensors="pt")["pixel_values"]
        ours = normalize(to_input(photo, spec)[None], spec)
        if ours.shape != expected.shape or not bool(((ours - expected).abs() <= 2 * level).all()):
            raise CommandError(
                f"the preprocessing of {directory} cannot be reproduced ({type(processor).__name__}): "
                "models that only resize, crop, rescale and normalise can be packed"
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' notes about themselves off a newcomer's screen; their errors are raised all the same."""
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
