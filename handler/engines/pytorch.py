"""torch: the engine for GPUs, and on a CPU where no other can be used."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from handler.engines.engine import MAX_BATCH
from handler.manifest import LOGITS, PrecisionName

logger = logging.getLogger(__name__)

# On a GPU a batch is filled up to one of these sizes, so that only they are compiled and recorded.
SIZES = (1, 2, 4, 8, MAX_BATCH)


class TorchEngine:
    """`program.pt2` in torch: float32 on the CPU; on a GPU bfloat16, compiled; in channels-last order on either.

    Compiling (torch.compile, which records CUDA graphs) takes its time at the start, and a C compiler; without one the
    network runs as it is.

    Args:
        program: the file.
        device: where to run it.
        dtype: of its numbers; by default what suits the device.
        compiled: whether to compile it; by default on a GPU only.
    """

    name = "torch"

    def __init__(
        self, program: Path, device: torch.device, dtype: torch.dtype | None = None, compiled: bool | None = None
    ) -> None:
        self.device = device
        self._dtype = dtype or (torch.bfloat16 if device.type == "cuda" else torch.float32)
        self.precision: PrecisionName = "bfloat16" if self._dtype == torch.bfloat16 else "float32"
        exported = torch.export.load(program)
        module = exported.module()
        self._module: Callable[[Tensor], Tensor | dict[str, Tensor]] = module.to(  # type: ignore[call-overload]
            device=device, dtype=self._dtype, memory_format=torch.channels_last
        )
        self._sizes: tuple[int, ...] = ()
        if device.type == "cuda" if compiled is None else compiled:
            (example,), _ = exported.example_inputs or ((torch.empty(0),), {})
            self._compile(example[:1])

    def _compile(self, example: Tensor) -> None:
        """Compile, and run every size of a batch, so that no client waits for that."""
        plain, sizes = self._module, self._sizes
        try:
            self._module, self._sizes = torch.compile(plain, mode="reduce-overhead", dynamic=True), SIZES
            for size in SIZES:
                for _ in range(3):  # a CUDA graph is recorded in the second run and replayed in the third
                    self.run(example.expand(size, -1, -1, -1))
        except Exception as error:  # noqa: BLE001 - a compiler has many; the network runs without it
            logger.warning("the network runs uncompiled, which is slower: %s", str(error).strip().partition("\n")[0])
            self._module, self._sizes = plain, sizes

    def run(self, batch: Tensor) -> Tensor:
        """See `Engine.run`."""
        return self.run_with(batch, ())[LOGITS]

    def run_with(self, batch: Tensor, outputs: Sequence[str]) -> dict[str, Tensor]:
        """See `Engine.run_with`."""
        images = len(batch)
        if filled := next((size for size in self._sizes if size >= images), 0):
            batch = torch.cat([batch, batch.new_zeros(filled - images, *batch.shape[1:])])
        with torch.inference_mode():
            batch = batch.to(self.device, self._dtype, memory_format=torch.channels_last)
            found = self._module(batch)
        if isinstance(found, Tensor):  # of an older archive
            found = {LOGITS: found}
        return {name: found[name][:images].to("cpu", torch.float32) for name in (LOGITS, *outputs)}
