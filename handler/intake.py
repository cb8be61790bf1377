"""From the rows that TorchServe hands over to network inputs: each request is understood, decoded and transformed.

What a hostile file can hold up is done in the main thread, which an alarm interrupts: reading headers, and whatever
Pillow decodes. JPEGs, whose pixels no alarm could interrupt, are decoded meanwhile by the worker's other threads, or on
a GPU. What is wrong with one request never harms another.
"""

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from handler import request as requests
from handler import transform
from handler.deadline import TooSlow, deadline
from handler.decode import Jpeg, as_jpeg, decode_jpeg, decode_opened, open_image
from handler.errors import NO_EXPLANATIONS, TOO_MUCH_WORK, RequestError, failure
from handler.gpu import open_gpu_decoder
from handler.manifest import Manifest
from handler.metrics import Metrics
from handler.request import Request
from handler.settings import Settings

logger = logging.getLogger(__name__)

LEAST_SECONDS = 0.1  # for what is left to do of a request that has used up its time


@dataclass(frozen=True)
class Pending:
    """A JPEG that is decoded elsewhere.

    Args:
        jpeg: its header.
        decoded: its input, from another thread; None where the GPU is to make it.
    """

    jpeg: Jpeg
    decoded: Future[Tensor] | None = None


@dataclass
class Job:
    """One request on its way: `inputs` and then `scores`, or the `error` that it ended with.

    Args:
        describe: whether an operator asks for the manifest instead.
        request: what it asks for.
        inputs: its images as uint8 tensors (3, height, width); within `Intake` also JPEGs that are decoded elsewhere.
        scores: softmax, shape (images, classes).
        spent: seconds that the main thread has worked on its images.
    """

    describe: bool = False
    request: Request | None = None
    inputs: Sequence[Tensor | Pending] = ()
    scores: Tensor | None = None
    error: RequestError | None = None
    spent: float = 0.0


class Intake:
    """Understands, decodes and transforms requests.

    Args:
        manifest: the model.
        settings: the handler's.
        metrics: where stages are timed.
        threads: how many JPEGs are decoded at a time.
        device: where the network runs; on a GPU, JPEGs are decoded there too.
    """

    def __init__(
        self, manifest: Manifest, settings: Settings, metrics: Metrics, threads: int, device: torch.device
    ) -> None:
        self._manifest, self._settings, self._metrics = manifest, settings, metrics
        self._short_side = manifest.input.short_side if settings.large_jpegs == "scaled" else None
        # One thread would decode a batch's photos while the other CPUs wait: 4 % of all images on two CPUs.
        self._threads = ThreadPoolExecutor(threads, "decode")
        # Of photos that are larger, one at a time is decoded: memory must not grow with the threads.
        self._large = settings.max_pixels // threads
        self._one_large = threading.Lock()
        self._device = device
        self._gpu = open_gpu_decoder(manifest.input, device, settings.max_pixels)

    def accept(self, data: list[Mapping[str, Any]], context: Any) -> list[Job]:
        """Return a job a row, each with its inputs or its error."""
        alone = len(data) == 1
        jobs = [Job() for _ in data]
        for index, (job, row) in enumerate(zip(jobs, data, strict=True)):
            with self._guarded(job, context, index):
                self._begin(job, row, context.get_all_request_header(index), alone)
        on_gpu = self._decode_on_gpu(jobs)
        for index, job in enumerate(jobs):
            if pending := [one for one in job.inputs if isinstance(one, Pending)]:
                wait([one.decoded for one in pending if one.decoded])
                with self._guarded(job, context, index):
                    job.inputs = tuple(self._finished(job, on_gpu))
        return jobs

    @contextmanager
    def _guarded(self, job: Job, context: Any, index: int) -> Iterator[None]:
        """Let a request's work here take its time and no longer, and make whatever goes wrong the request's error."""
        start = time.monotonic()
        try:
            with deadline(max(LEAST_SECONDS, self._settings.max_seconds - job.spent)):
                yield
            return
        except TooSlow:
            job.error = RequestError(
                TOO_MUCH_WORK,
                f"decoding took more than {self._settings.max_seconds} s: send smaller or fewer images, "
                "or save the image anew if it is a small one",
            )
        except RequestError as error:
            job.error = error
        except Exception:  # noqa: BLE001 - whatever it is, its batch mates must not suffer; it is logged whole
            job.error = failure("accept", context.get_request_id(index))
        finally:
            job.spent += time.monotonic() - start
        job.inputs = ()

    def _begin(self, job: Job, row: Mapping[str, Any], headers: Mapping[str, str], alone: bool) -> None:
        if headers.get("describe") == "True" and not row:  # GET /models/<name>?customized=true
            job.describe = True
            return
        if headers.get("explain") == "True":  # /explanations/<name> and /v1/models/<name>:explain
            raise RequestError(NO_EXPLANATIONS, "send the photo to /predictions/<model name>")
        job.request = requests.parse(row, headers, len(self._manifest.labels), self._settings.max_images)
        job.inputs = tuple(self._inputs(job.request, alone))

    def _inputs(self, request: Request, alone: bool) -> Iterator[Tensor | Pending]:
        pixels_left = self._settings.max_pixels
        for index, data in enumerate(request.images):
            try:
                image = open_image(data, pixels_left)
                # For a single image, another thread would only be a detour.
                network_input = self._input(image, data, apart=not alone or len(request.images) > 1)
            except RequestError as error:
                raise error.about(f"instance {index}") if request.instances else error from None
            pixels_left -= image.width * image.height
            yield network_input

    def _input(self, image: Image.Image, data: bytes, apart: bool) -> Tensor | Pending:
        if self._gpu or apart:
            jpeg = as_jpeg(image, data, self._short_side)
            if jpeg and self._gpu and self._gpu.takes(jpeg):
                return Pending(jpeg)
            if jpeg:
                return Pending(jpeg, self._threads.submit(self._decode_jpeg, jpeg))
        return self._decode(image, data)

    def _decode(self, image: Image.Image, data: bytes) -> Tensor:
        with self._metrics.timed("decode"):
            photo = decode_opened(image, data, self._short_side)
        return self._transform(photo)

    def _decode_jpeg(self, jpeg: Jpeg) -> Tensor:
        with self._one_large if jpeg.width * jpeg.height > self._large else nullcontext():
            with self._metrics.timed("decode"):
                photo = decode_jpeg(jpeg)
            return self._transform(photo)

    def _transform(self, photo: Tensor) -> Tensor:
        with self._metrics.timed("transform"):
            return transform.to_input(photo, self._manifest.input).to(self._device)

    def _decode_on_gpu(self, jobs: list[Job]) -> dict[int, Tensor | None]:
        """Return the inputs that the GPU made, by the identity of what was pending."""
        pending = [one for job in jobs for one in job.inputs if isinstance(one, Pending) and not one.decoded]
        if not (self._gpu and pending):
            return {}
        with self._metrics.timed("decode"):
            found = self._gpu.inputs([one.jpeg for one in pending])
        return {id(one): tensor for one, tensor in zip(pending, found, strict=True)}

    def _finished(self, job: Job, on_gpu: dict[int, Tensor | None]) -> Iterator[Tensor]:
        for index, one in enumerate(job.inputs):
            try:
                yield self._finish(one, on_gpu)
            except RequestError as error:
                raise error.about(f"instance {index}") if job.request and job.request.instances else error from None

    def _finish(self, one: Tensor | Pending, on_gpu: dict[int, Tensor | None]) -> Tensor:
        if isinstance(one, Tensor):
            return one
        try:
            found = one.decoded.result() if one.decoded else on_gpu[id(one)]
        except ValueError as error:  # Pillow knows what is damaged
            logger.info("simplejpeg: %s", error)
            found = None
        if found is None:
            data = one.jpeg.data
            return self._decode(open_image(data, self._settings.max_pixels), data)
        return found
