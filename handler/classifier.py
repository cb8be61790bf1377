"""The class that TorchServe calls: it wires the steps and keeps every request on its own."""

import logging
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from handler import answer, transform
from handler import request as requests
from handler.deadline import TooSlow, deadline
from handler.decode import decode_opened, open_image
from handler.engines import device_of, open_engine
from handler.errors import (
    INTERNAL_ERROR,
    NO_EXPLANATIONS,
    OUT_OF_MEMORY,
    PROBLEM_MEDIA_TYPE,
    STOPPING,
    TOO_MUCH_WORK,
    RequestError,
    is_out_of_memory,
)
from handler.manifest import FILE_NAME, Manifest
from handler.metrics import Metrics
from handler.request import Request
from handler.settings import Settings, threads_per_worker
from handler.stopping import is_stopping

logger = logging.getLogger(__name__)

LARGEST_BATCH = 16  # images the engine takes at once: a JSON request may bring more than TorchServe's batch


@dataclass
class Job:
    """One request on its way: `inputs` and then `scores`, or the `error` that it ended with.

    Args:
        describe: whether an operator asks for the manifest instead.
        request: what it asks for.
        inputs: its images as uint8 tensors (3, height, width).
        scores: softmax, shape (images, classes).
    """

    describe: bool = False
    request: Request | None = None
    inputs: tuple[Tensor, ...] = ()
    scores: Tensor | None = None
    error: RequestError | None = None


class ImageClassifier:
    """Image classification for TorchServe: a batch of HTTP requests in, one body a request out."""

    def initialize(self, context: Any) -> None:
        """Load the model that the archive's manifest describes.

        Raises:
            RuntimeError: whatever is wrong with the archive or its settings; any other error would make TorchServe
                restart the worker again and again.
        """
        directory = Path(context.system_properties["model_dir"])
        model_config = context.model_yaml_config or {}
        try:
            settings = Settings.from_model_config(model_config)
            self.manifest = Manifest.from_json((directory / FILE_NAME).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RuntimeError(str(error)) from error
        self.settings = settings
        self._short_side = self.manifest.input.short_side if settings.large_jpegs == "scaled" else None
        threads = threads_per_worker(settings, int(model_config.get("minWorkers", 1)))
        torch.set_num_threads(threads)
        device = device_of(context.system_properties.get("gpu_id"))
        self.engine = open_engine(self.manifest, directory, settings, threads, device)
        if self.engine.name == "onnx":
            # What torch still does here, resizing a photo, takes a millisecond: threads would only wait for each other.
            torch.set_num_threads(1)
        self.metrics = Metrics(context.metrics, context.model_name)
        blank = torch.zeros(1, 3, *self.manifest.input.size, dtype=torch.uint8)
        self.engine.run(transform.normalize(blank, self.manifest.input))  # the first run allocates; no client waits
        self.metrics.model(self.manifest.version, self.engine.name, self.manifest.stand_in)
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
            jobs = [self._accept(row, context, index) for index, row in enumerate(data)]
        self._infer([job for job in jobs if job.inputs], context)
        return [self._answer(job, context, index) for index, job in enumerate(jobs)]

    def _accept(self, row: Mapping[str, Any], context: Any, index: int) -> Job:
        """Understand, decode and transform one request."""
        headers = context.get_all_request_header(index)
        if headers.get("describe") == "True" and not row:  # GET /models/<name>?customized=true
            return Job(describe=True)
        if headers.get("explain") == "True":  # /explanations/<name> and /v1/models/<name>:explain
            return Job(error=RequestError(NO_EXPLANATIONS, "send the photo to /predictions/<model name>"))
        try:
            request = requests.parse(row, headers, len(self.manifest.labels), self.settings.max_images)
            with deadline(self.settings.max_seconds):
                return Job(request=request, inputs=tuple(self._inputs(request)))
        except TooSlow:
            return Job(
                error=RequestError(
                    TOO_MUCH_WORK,
                    f"decoding took more than {self.settings.max_seconds} s: send smaller or fewer images, "
                    "or save the image anew if it is a small one",
                )
            )
        except RequestError as error:
            return Job(error=error)
        except Exception:  # noqa: BLE001 - whatever it is, its batch mates must not suffer; it is logged whole
            return Job(error=_failure("accept", context.get_request_id(index)))

    def _inputs(self, request: Request) -> Iterator[Tensor]:
        pixels_left = self.settings.max_pixels
        for index, data in enumerate(request.images):
            try:
                with self.metrics.timed("decode"):
                    header = open_image(data, pixels_left)
                    photo = decode_opened(header, data, self._short_side)
            except RequestError as error:
                raise error.about(f"instance {index}") if request.instances else error from None
            pixels_left -= header.width * header.height
            with self.metrics.timed("transform"):
                yield transform.to_input(photo, self.manifest.input)

    def _infer(self, jobs: list[Job], context: Any) -> None:
        """Score all images of a batch together and hand each job its own."""
        inputs = [image for job in jobs for image in job.inputs]
        if not inputs:
            return
        try:
            scores = self._run_engine(inputs)
        except Exception:  # noqa: BLE001 - see _accept
            error = _failure("inference", ", ".join((context.request_ids or {}).values()))
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
            return self._refuse(job.error or _failure("answer", context.get_request_id(index)), context, index)
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


def _failure(stage: str, request_id: str) -> RequestError:
    """Log what went wrong, with its traceback, and return what the client may know."""
    logger.error("request %s failed in stage %s", request_id, stage, exc_info=True)
    if is_out_of_memory(sys.exception()):
        return RequestError(
            OUT_OF_MEMORY, "wait for the seconds in Retry-After and send it again, or send smaller or fewer images"
        )
    return RequestError(
        INTERNAL_ERROR,
        "the request failed on the server: give its operator this answer's x-request-id header",
    )
