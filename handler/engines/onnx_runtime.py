"""ONNX Runtime on the CPU."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from handler.engines.cpu import affinities
from handler.engines.engine import open_onnx_program
from handler.manifest import LOGITS, Manifest, PrecisionName


class OnnxEngine:
    """`program.onnx` in float32 or, where it was packed so, in 8 bits.

    Args:
        program: the file.
        threads: CPU threads.
        precision: of the file.

    Raises:
        ImportError: ONNX Runtime is not installed.
    """

    name = "onnx"
    device = torch.device("cpu")

    def __init__(self, program: Path, threads: int, precision: PrecisionName = "float32") -> None:
        import onnxruntime  # noqa: PLC0415 - a worker serves without it

        self.precision = precision
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.enable_mem_pattern = False  # a plan for each size of batch: no faster, and 50 MB more
        # A thread spins 50 us between two layers, which saves a lone image 2 % of its time. By default it would spin
        # for milliseconds, and the frontend and the decoder need the CPU.
        options.add_session_config_entry("session.intra_op.spin_duration_us", "50")
        if cpus := affinities(threads):
            options.add_session_config_entry("session.intra_op_thread_affinities", cpus)
        # Pad_Fusion lets MaxPool do the work of a Pad with zeros, but MaxPool pads with the smallest number: the logits
        # of a BiT would be off by 5e-3 of the largest.
        self._session = onnxruntime.InferenceSession(
            program, options, providers=["CPUExecutionProvider"], disabled_optimizers=["Pad_Fusion"]
        )
        self._input = self._session.get_inputs()[0].name
        self._logits = self._session.get_outputs()[0].name  # older archives call them otherwise

    def run(self, batch: Tensor) -> Tensor:
        """See `Engine.run`."""
        (logits,) = self._session.run([self._logits], {self._input: batch.contiguous().numpy()})
        return torch.from_numpy(logits)

    def run_with(self, batch: Tensor, outputs: Sequence[str]) -> dict[str, Tensor]:
        """See `Engine.run_with`."""
        found = self._session.run([self._logits, *outputs], {self._input: batch.contiguous().numpy()})
        return dict(zip((LOGITS, *outputs), map(torch.from_numpy, found), strict=True))


def open_onnx(manifest: Manifest, directory: Path, threads: int) -> OnnxEngine:
    """Open the archive's program.

    Raises:
        EngineError: it cannot be used on this machine.
    """
    return open_onnx_program(
        "ONNX Runtime", manifest, directory, lambda program: OnnxEngine(program, threads, manifest.precision)
    )
