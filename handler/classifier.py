"""The class that TorchServe calls: it wires the steps and keeps every request on its own."""

import ctypes
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from handler import answer, transform
from handler import request as requests
from handler.engines import LARGEST_BATCH, device_of, open_engine
from handler.errors import INTERNAL_ERROR, OUT_OF_MEMORY, PROBLEM_MEDIA_TYPE, STOPPING, RequestError, failure
from handler.intake import Intake, Job
from handler.manifest import FILE_NAME, Manifest
from handler.metrics import Metrics
from handler.settings import Settings, threads_per_worker
from handler.stopping import is_stopping

logger = logging.getLogger(__name__)


class ImageClassifier:
    """Image classification for TorchServe: a batch of HTTP requests in, one body a request out."""

    def initialize(self, context: Any) -> None:
        """Load the model that the archive's manifest describes.

        Raises:
            RuntimeError: whatever is wrong with the archive or its settings; any other error would make TorchServe
                restart the worker again and again.
        """
        logging.getLogger().addFilter(_is_worth_a_line)
        directory = Path(context.system_properties["model_dir"])
        model_config = context.model_yaml_config or {}
        try:
            settings = Settings.from_model_config(model_config)
            self.manifest = Manifest.from_json((directory / FILE_NAME).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RuntimeError(str(error)) from error
        threads = threads_per_worker(settings, int(model_config.get("minWorkers", 1)))
        device = device_of(context.system_properties.get("gpu_id"))
        # torch's own threads are for the network alone: resizing a photo takes a millisecond, and a thread that decodes
        # photos would bring others of its own.
        torch.set_num_threads(threads if device.type == "cpu" else 1)
        self.engine = open_engine(self.manifest, directory, settings, threads, device)
        if self.engine.name == "onnx":
            torch.set_num_threads(1)
            device = torch.device("cpu")
        decoders = threads if torch.get_num_threads() == 1 else 1
        self.metrics = Metrics(context.metrics, context.model_name)
        self.intake = Intake(self.manifest, settings, self.metrics, decoders, device)
        blank = torch.zeros(1, 3, *self.manifest.input.size, dtype=torch.uint8)
        self.engine.run(transform.normalize(blank, self.manifest.input))  # the first run allocates; no client waits
        _give_memory_back()
        self.metrics.model(self.manifest.version, self.engine.name, self.manifest.fallback)
        self.metrics.write()
        logger.info(
            "ready: %s %s on engine %s, %s with %d threads",
            *(self.manifest.name, self.manifest.version, self.engine.name, device, threads),
        )

    def handle(self, data: list[Mapping[str, Any]], context: Any) -> list[bytes]:
        """Answer one batch; a request that fails never harms the others.

        Args:
            data: one row a request.
            context: TorchServe's context, which takes the status and the content type of each answer.
        """
        if is_stopping():
            error = RequestError(STOPPING, "wait for the seconds in Retry-After and send the request again")
            jobs = [Job(error=error) for _ in data]
        else:
            jobs = self.intake.accept(data, context)
        self._infer([job for job in jobs if job.inputs], context)
        answers = [self._answer(job, context, index) for index, job in enumerate(jobs)]
        self.metrics.write()
        return answers

    def _infer(self, jobs: list[Job], context: Any) -> None:
        """Score all images of a batch together and hand each job its own."""
        inputs = [image for job in jobs for image in job.inputs if isinstance(image, Tensor)]
        if not inputs:
            return
        try:
            scores = self._run_engine(inputs)
        except Exception:  # noqa: BLE001 - whatever it is, the worker goes on; it is logged whole
            error = failure("inference", ", ".join((context.request_ids or {}).values()))
            for job in jobs:
                job.error = error
            return
        for job, own in zip(jobs, torch.split(scores, [len(job.inputs) for job in jobs]), strict=True):
            job.scores = own

    def _run_engine(self, inputs: list[Tensor]) -> Tensor:
        """Return the scores (images, classes) of uint8 inputs, a bounded number of images at a time."""
        scores = []
        for start in range(0, len(inputs), LARGEST_BATCH):
            batch = torch.stack(inputs[start : start + LARGEST_BATCH])
            self.metrics.batch(len(batch))
            with self.metrics.timed("inference"):
                logits = self.engine.run(transform.normalize(batch, self.manifest.input))
            scores.append(answer.scores_of(logits))
        return torch.cat(scores)

    def _answer(self, job: Job, context: Any, index: int) -> bytes:
        if job.describe:
            context.set_response_content_type(index, requests.JSON)
            return self.manifest.to_json().encode()
        if job.request is None or job.scores is None:
            return self._refuse(job.error or failure("answer", context.get_request_id(index)), context, index)
        self.metrics.request("answered")
        for confidence in job.scores.amax(dim=1).tolist():
            self.metrics.confidence(confidence)
        context.set_response_content_type(index, answer.CONTENT_TYPES[job.request.media_type])
        return answer.encode(job.scores, job.request, self.manifest)

    def _refuse(self, error: RequestError, context: Any, index: int) -> bytes:
        if error.problem in (INTERNAL_ERROR, OUT_OF_MEMORY):
            self.metrics.request("failed")
        else:
            self.metrics.request("rejected")
            self.metrics.rejected(error.problem.slug)
        context.set_response_status(error.problem.status, error.problem.title, index)
        context.set_response_content_type(index, PROBLEM_MEDIA_TYPE)
        if error.problem.retry_after:
            context.set_response_header(index, "Retry-After", str(error.problem.retry_after))
        return error.document()


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Whether to log it: TorchServe's line for every batch says nothing, and wakes the front end as the network begins.

    It costs 0.5 % of a lone photo's time.
    """
    return not str(record.msg).startswith("Backend received inference")


def _give_memory_back() -> None:
    """Return to the kernel what loading the programs took and nobody needs any more: 130 MB for a ResNet-50."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's own
    if trim:
        trim(0)
