"""Which engine serves: on a GPU torch, on a CPU the fastest of those that keep the manifest's promises."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from handler.engines.candidates import Candidate, candidates
from handler.engines.cpu import instruction_set
from handler.engines.engine import Engine, EngineError, program_path
from handler.engines.proof import Proof
from handler.engines.pytorch import TorchEngine
from handler.engines.remembered import key_of, trials_of
from handler.engines.trial import Trial, try_each
from handler.lifecycle import TRIALS_DIRECTORY
from handler.manifest import ONNX_PROGRAM, PROOF, TORCH_PROGRAM, Manifest
from handler.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """The engine that serves.

    Args:
        engine: it.
        threads: its CPU threads.
        trials: what the engines of the CPU reached; empty on a GPU, and with torch forced.
    """

    engine: Engine
    threads: int
    trials: tuple[Trial, ...] = ()

    def __str__(self) -> str:
        engine = self.engine
        return (
            f"{engine.name} in {engine.precision} ({self.instruction_set}), {engine.device} with {self.threads} threads"
        )

    @property
    def instruction_set(self) -> str:
        """The best instructions that this CPU has for the precision, or `cuda`."""
        device = self.engine.device.type
        return instruction_set(self.engine.precision) if device == "cpu" else device

    def to_document(self) -> dict[str, Any]:
        """Return it as the model's description shows it."""
        return {
            "engine": self.engine.name,
            "precision": self.engine.precision,
            "instruction_set": self.instruction_set,
            "device": str(self.engine.device),
            "threads": self.threads,
            "trials": [trial.to_document() for trial in self.trials],
        }


def open_engine(
    manifest: Manifest, directory: Path, settings: Settings, threads: int, gpu_id: int | None = None
) -> Choice:
    """Open the engine for this model on this machine.

    Args:
        manifest: the model.
        directory: the unpacked archive.
        settings: the handler's; they may force an engine or a precision.
        threads: CPU threads of this worker.
        gpu_id: the GPU that TorchServe gave this worker, if any.

    Raises:
        EngineError: no engine can be used: every program's file is missing or is not the one the manifest names, or
            what a setting forces cannot be used.
    """
    device = device_of(gpu_id)
    if device.type == "cuda" and settings.engine in ("auto", "torch"):
        dtype = torch.float32 if settings.precision == "float32" else torch.bfloat16
        choice = Choice(TorchEngine(program_path(manifest, directory, TORCH_PROGRAM), device, dtype), threads)
    else:
        choice = _open_on_cpu(manifest, directory, settings, threads)
    # torch's threads are for the network alone: resizing an image takes a millisecond, and each thread that decodes
    # would bring as many of its own.
    on_cpu = choice.engine.device.type == "cpu"
    torch.set_num_threads(threads if isinstance(choice.engine, TorchEngine) and on_cpu else 1)
    return choice


def device_of(gpu_id: int | None) -> torch.device:
    """Return the GPU that TorchServe gave this worker, or the CPU."""
    return torch.device("cuda", gpu_id) if gpu_id is not None and torch.cuda.is_available() else torch.device("cpu")


def _open_on_cpu(manifest: Manifest, directory: Path, settings: Settings, threads: int) -> Choice:
    allowed = candidates(manifest, settings)
    if not allowed:
        raise EngineError(
            f"handler.engine {settings.engine} has no {settings.precision} here for this archive, whose program is "
            f"{manifest.precision}: set handler.precision auto"
        )
    # On a CPU, torch was slower than the faster one of the two on every machine measured, and takes seconds to load.
    last_resort = [candidate for candidate in allowed if candidate.engine == "torch"]
    tried = [candidate for candidate in allowed if candidate not in last_resort]
    trials = _trials(manifest, directory, tried, threads) if tried else []
    problems = []
    for trial in trials:
        if trial.problem:
            problems.append(f"{trial.candidate}: {trial.problem}")
            logger.warning("%s cannot be used: %s", trial.candidate, trial.problem)
        else:
            logger.info("%s reaches %.1f images/s", trial.candidate, trial.images_per_second)
    for candidate in [*_fastest(trials), *last_resort]:
        try:
            return Choice(candidate.open(manifest, directory, threads), threads, tuple(trials))
        except EngineError as error:
            problems.append(f"{candidate}: {error}")
            logger.warning("%s cannot be used: %s", candidate, error)
    raise EngineError("no engine can serve this archive: " + "; ".join(problems))


def _trials(manifest: Manifest, directory: Path, candidates: list[Candidate], threads: int) -> list[Trial]:
    try:
        for name in (ONNX_PROGRAM, PROOF):
            program_path(manifest, directory, name)
    except EngineError as error:  # a damaged archive must not be remembered for a whole one of the same manifest
        return [Trial(candidate, problem=str(error)) for candidate in candidates]
    proof = Proof.load(directory / PROOF)

    def open_candidate(candidate: Candidate) -> Engine:
        return candidate.open(manifest, directory, threads)

    remembered = Path(os.environ.get(TRIALS_DIRECTORY) or directory) / key_of(manifest, candidates, threads)
    return trials_of(remembered, candidates, lambda untried: try_each(untried, open_candidate, proof, threads))


def _fastest(trials: list[Trial]) -> list[Candidate]:
    """Return the candidates that passed, the fastest first."""
    passed = [trial for trial in trials if trial.images_per_second is not None]
    return [trial.candidate for trial in sorted(passed, key=lambda trial: -(trial.images_per_second or 0))]
