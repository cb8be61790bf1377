"""Images in this process: the handler is called as TorchServe's worker calls it."""

import gc
import os
import sys
import tempfile
import zipfile
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from itertools import islice
from pathlib import Path
from typing import Self

import torch
import yaml
from ts.context import Context, RequestProcessor

from handler.classifier import ImageClassifier
from handler.lifecycle import TRIALS_DIRECTORY
from handler.timeline import NOT_LOGGED
from scripts.archives.reading import read_manifest
from scripts.batch.rows import Row, read_image
from scripts.build.archive import MODEL_CONFIG, ensure
from scripts.common.errors import CommandError
from scripts.common.paths import BUILD

BATCH = 8  # images, as in config/model-config.yaml
Batch = list[tuple[str, bytes | Row]]  # paths and contents


class NoMetrics:
    """Discards what the handler would export through TorchServe."""

    def get_metric(self, _name: str, _metric_type: object) -> Self:
        """Return a metric."""
        return self

    def add_or_update(self, value: float, labels: Sequence[str]) -> None:
        """Take a value."""


class Local:
    """A model in this process.

    Args:
        directory: the unpacked archive.
        name: the model's.
        top_k: number of classes; None takes the default.
    """

    def __init__(self, directory: Path, name: str, top_k: int | None) -> None:
        config = yaml.safe_load((directory / MODEL_CONFIG.name).read_text(encoding="utf-8"))
        config |= {"minWorkers": 1}  # which has all CPUs
        gpu = 0 if torch.cuda.is_available() else None
        self._context = Context(name, str(directory), {}, BATCH, gpu, "", True, NoMetrics(), config)
        self._headers = NOT_LOGGED if top_k is None else {**NOT_LOGGED, "X-Top-K": str(top_k)}
        self.handler = ImageClassifier()
        before = os.environ.get(TRIALS_DIRECTORY)
        os.environ[TRIALS_DIRECTORY] = before or str(BUILD / "trials")
        try:
            self.handler.initialize(self._context)
        except RuntimeError as error:
            raise CommandError(f"the model cannot be loaded: {error}") from error
        finally:  # what runs in this process afterwards remembers its own
            if before is None:
                del os.environ[TRIALS_DIRECTORY]

    def rows(self, files: Iterable[str]) -> Generator[Row, None, None]:
        """Yield the row of each file. While a batch is computed, the next one is read."""
        left = iter(files)

        def read_batch() -> Batch:
            return [(file, read_image(file)) for file in islice(left, BATCH)]

        with ThreadPoolExecutor(1, "read") as reader:
            upcoming = reader.submit(read_batch)
            while batch := upcoming.result():
                upcoming = reader.submit(read_batch)
                yield from self._rows_of(batch)

    def _rows_of(self, batch: Batch) -> Iterator[Row]:
        yield from (data for _, data in batch if isinstance(data, Row))
        images = [(file, data) for file, data in batch if isinstance(data, bytes)]
        if not images:
            return
        responses = self.respond(images, self._headers)
        for (file, _), (status, body) in zip(images, responses, strict=True):
            yield Row.of_response(file, status, body)

    def respond(self, images: Sequence[tuple[str, bytes]], headers: Mapping[str, str]) -> list[tuple[int, bytes]]:
        """Hand one batch to the handler, and return the status and the body of each response.

        Args:
            images: of each request, its name in the log and its encoded image.
            headers: of each request.
        """
        self._context.request_processor = [RequestProcessor({**NOT_LOGGED, **headers}) for _ in images]
        self._context.request_ids = {index: name for index, (name, _) in enumerate(images)}
        bodies = self.handler.handle([{"body": data} for _, data in images], self._context)
        return [(self._context.get_response_status(index)[0], body) for index, body in enumerate(bodies)]


@contextmanager
def opened(model: str, top_k: int | None) -> Iterator[Local]:
    """Provide a model in this process.

    Args:
        model: an archive, or a Hugging Face model directory, which is packed first.
        top_k: number of classes; None takes the default.

    Raises:
        CommandError: it cannot be packed or loaded.
    """
    path = Path(model)
    if path.suffix != ".mar":
        with redirect_stdout(sys.stderr):  # stdout may be for rows
            path = ensure(model, "", in_subprocess=True)
    manifest = read_manifest(path)
    with tempfile.TemporaryDirectory(prefix="predict-") as folder:
        with zipfile.ZipFile(path) as file:
            file.extractall(folder)
        try:
            yield Local(Path(folder), manifest.name, top_k)
        finally:
            gc.unfreeze()  # what the handler has frozen would not be freed at exit, and Triton would call it leaked
