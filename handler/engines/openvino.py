"""OpenVINO on the CPU: the fastest engine where the CPU multiplies bfloat16."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from handler.engines.engine import EngineError, open_onnx_program
from handler.manifest import LOGITS, Manifest, PrecisionName

HINTS: Final = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}  # of the layers that are not in 8 bits


class OpenVinoEngine:
    """`program.onnx`; bfloat16 is computed from float32 weights.

    Args:
        program: the file.
        threads: CPU threads.
        precision: to compute in.

    Raises:
        ImportError: OpenVINO is not installed.
        EngineError: the CPU has no instructions for the precision; OpenVINO would compute in float32.
    """

    name = "openvino"
    device = torch.device("cpu")

    def __init__(self, program: Path, threads: int, precision: PrecisionName) -> None:
        import openvino  # noqa: PLC0415 - a worker serves without it

        core = openvino.Core()
        if precision == "bfloat16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise EngineError("this CPU has no instructions for bfloat16")
        self.precision = precision
        config = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            # It would pin its threads to the first CPUs, and those of other workers and containers to the same ones.
            "ENABLE_CPU_PINNING": False,
            "INFERENCE_PRECISION_HINT": HINTS[precision],
        }
        self._request = core.compile_model(program, "CPU", config).create_infer_request()
        self._tensor = openvino.Tensor

    def run(self, batch: Tensor) -> Tensor:
        """See `Engine.run`."""
        return self.run_with(batch, ())[LOGITS]

    def run_with(self, batch: Tensor, outputs: Sequence[str]) -> dict[str, Tensor]:
        """See `Engine.run_with`."""
        # For an array, OpenVINO's Python part would look up all inputs first: 0.1 ms after a network has run.
        tensor = self._tensor(batch.contiguous().numpy(), shared_memory=True)
        found = self._request.infer(tensor, share_inputs=True, share_outputs=True)
        wanted = {LOGITS: found[0]} | {name: found[name] for name in outputs}
        return {
            name: torch.from_numpy(values.copy()) for name, values in wanted.items()
        }  # the next batch overwrites it


def open_openvino(manifest: Manifest, directory: Path, threads: int, precision: PrecisionName) -> OpenVinoEngine:
    """Open the archive's program.

    Raises:
        EngineError: it cannot be used on this machine.
    """
    return open_onnx_program(
        "OpenVINO", manifest, directory, lambda program: OpenVinoEngine(program, threads, precision)
    )
