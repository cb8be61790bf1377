"""This project's model in this process: an archive's program, from pixels to features."""

import logging
import os
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from torch import Tensor

from eda.embeddings.archives import require_features
from eda.errors import ArchiveError
from handler.cpus import cpus
from handler.engines.choice import open_engine
from handler.engines.engine import Engine
from handler.lifecycle import TRIALS_DIRECTORY
from handler.manifest import FEATURES, LOGITS, Manifest
from handler.model import to_batch
from handler.settings import Settings

TRIALS = Path("build/trials")

ENGINES = 2
"""Side by side, each on its share of the CPUs: one engine's threads would wait for each other in every layer."""


class Network:
    """A model that computes features.

    Args:
        manifest: the archive's.
        engines: they run its program, each for one caller at a time.
    """

    def __init__(self, manifest: Manifest, engines: Sequence[Engine]) -> None:
        self.manifest = manifest
        self.callers = len(engines)
        self._idle: SimpleQueue[Engine] = SimpleQueue()
        for engine in engines:
            self._idle.put(engine)

    @property
    def label(self) -> str:
        """The model's name, version and source."""
        fallback = ", the fallback model" if self.manifest.fallback else ""
        return f"{self.manifest.name} {self.manifest.version} ({self.manifest.source}{fallback})"

    def embed(self, images: Sequence[Tensor]) -> tuple[np.ndarray, np.ndarray]:
        """Return float32 features (N, C) and top-1 class ids (N,) of uint8 inputs (3, height, width), a batch.

        As many threads as there are engines (`callers`) may call it at the same time; further ones wait.
        """
        batch = to_batch(images, self.manifest.input)
        engine = self._idle.get()
        try:
            found = engine.run_with(batch, (FEATURES,))
        finally:
            self._idle.put(engine)
        return found[FEATURES].numpy(), found[LOGITS].argmax(dim=1).numpy()


@contextmanager
def open_network(archive: Path) -> Iterator[Network]:
    """Provide an archive's model on the CPU, in the fastest engine that its manifest allows.

    Raises:
        ArchiveError: it is damaged, returns no features, or no engine can be used.
    """
    manifest = require_features(archive)
    with tempfile.TemporaryDirectory(prefix="eda-archive-") as name:
        try:
            with zipfile.ZipFile(archive) as file:
                file.extractall(name)
        except (OSError, zipfile.BadZipFile) as error:
            raise ArchiveError(f"{archive} cannot be unpacked: {error}") from error
        before = os.environ.get(TRIALS_DIRECTORY)
        os.environ[TRIALS_DIRECTORY] = before or str(TRIALS.resolve())
        logger = logging.getLogger("handler")
        level = logger.level
        logger.setLevel(logging.ERROR)  # which engines cannot be used here is a server's concern
        try:
            engines = min(ENGINES, cpus())
            opened = [open_engine(manifest, Path(name), Settings(), cpus() // engines).engine for _ in range(engines)]
        except RuntimeError as error:
            raise ArchiveError(f"{archive} cannot be run: {error}") from error
        finally:
            logger.setLevel(level)
            if before is None:
                del os.environ[TRIALS_DIRECTORY]
        yield Network(manifest, opened)
