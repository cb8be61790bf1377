"""From the rows that TorchServe hands over to network inputs: each request is understood, decoded and transformed.

A batch's requests are worked on in as many threads as the worker has CPUs; what is wrong with one never harms another.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import count, repeat
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from handler import request as requests
from handler import transform
from handler.deadline import TooSlow, deadline
from handler.decode import decode_opened, open_image
from handler.errors import NO_EXPLANATIONS, TOO_MUCH_WORK, RequestError, failure
from handler.gpu import Jpeg, open_gpu_decoder
from handler.manifest import Manifest
from handler.metrics import Metrics
from handler.request import Request
from handler.settings import Settings

# Pixels. Of photos that are larger, a worker decodes one at a time, so that its memory does not grow with its threads.
LARGE_PHOTO = 32_000_000


@dataclass
class Job:
    """One request on its way: `inputs` and then `scores`, or the `error` that it ended with.

    Args:
        describe: whether an operator asks for the manifest instead.
        request: what it asks for.
        inputs: its images as uint8 tensors (3, height, width); within `Intake` also JPEGs still to be decoded.
        scores: softmax, shape (images, classes).
    """

    describe: bool = False
    request: Request | None = None
    inputs: Sequence[Tensor | Jpeg] = ()
    scores: Tensor | None = None
    error: RequestError | None = None


class Intake:
    """Understands, decodes and transforms requests.

    Args:
        manifest: the model.
        settings: the handler's.
        metrics: where stages are timed.
        threads: CPU threads.
        device: where the network runs; on a GPU, JPEGs are decoded there too.
    """

    def __init__(
        self, manifest: Manifest, settings: Settings, metrics: Metrics, threads: int, device: torch.device
    ) -> None:
        self._manifest, self._settings, self._metrics = manifest, settings, metrics
        self._short_side = manifest.input.short_side if settings.large_jpegs == "scaled" else None
        # One thread would decode a batch's photos while the other CPUs wait: 4 % of all images on two CPUs.
        self._threads = ThreadPoolExecutor(threads, "decode")
        self._one_large = threading.Lock()
        self._gpu = open_gpu_decoder(manifest.input, device)

    def accept(self, data: list[Mapping[str, Any]], context: Any) -> list[Job]:
        """Return a job a row, each with its inputs or its error."""
        each = self._threads.map if len(data) > 1 else map  # a lone request need not change threads
        jobs = list(each(self._accept, data, repeat(context), count()))
        if self._gpu and (ready := [job for job in jobs if job.inputs]):
            with self._metrics.timed("decode"):
                finished = self._gpu.finish([job.inputs for job in ready], self._settings.max_pixels)
            for job, found in zip(ready, finished, strict=True):
                job.inputs, job.error = ((), found) if isinstance(found, RequestError) else (found, None)
        return jobs

    def _accept(self, row: Mapping[str, Any], context: Any, index: int) -> Job:
        headers = context.get_all_request_header(index)
        if headers.get("describe") == "True" and not row:  # GET /models/<name>?customized=true
            return Job(describe=True)
        if headers.get("explain") == "True":  # /explanations/<name> and /v1/models/<name>:explain
            return Job(error=RequestError(NO_EXPLANATIONS, "send the photo to /predictions/<model name>"))
        try:
            request = requests.parse(row, headers, len(self._manifest.labels), self._settings.max_images)
            with deadline(self._settings.max_seconds):
                return Job(request=request, inputs=tuple(self._inputs(request)))
        except TooSlow:
            return Job(
                error=RequestError(
                    TOO_MUCH_WORK,
                    f"decoding took more than {self._settings.max_seconds} s: send smaller or fewer images, "
                    "or save the image anew if it is a small one",
                )
            )
        except RequestError as error:
            return Job(error=error)
        except Exception:  # noqa: BLE001 - whatever it is, its batch mates must not suffer; it is logged whole
            return Job(error=failure("accept", context.get_request_id(index)))

    def _inputs(self, request: Request) -> Iterator[Tensor | Jpeg]:
        pixels_left = self._settings.max_pixels
        for index, data in enumerate(request.images):
            try:
                image = open_image(data, pixels_left)
                network_input = self._input(image, data)
            except RequestError as error:
                raise error.about(f"instance {index}") if request.instances else error from None
            pixels_left -= image.width * image.height
            yield network_input

    def _input(self, image: Image.Image, data: bytes) -> Tensor | Jpeg:
        """Decode and transform an image whose header was read, or leave it to the GPU."""
        if self._gpu and self._gpu.takes(image):
            return self._gpu.accept(image, data)
        large = image.width * image.height > LARGE_PHOTO
        with self._one_large if large else nullcontext():
            with self._metrics.timed("decode"):
                photo = decode_opened(image, data, self._short_side)
            with self._metrics.timed("transform"):
                return transform.to_input(photo, self._manifest.input)
