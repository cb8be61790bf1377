"""The images of a batch, decoded together: each request gets a future with its network inputs or its error.

What a hostile file can hold up runs in the main thread, which a deadline interrupts: reading headers, and whatever
Pillow decodes. JPEGs, whose pixels no deadline could interrupt, are decoded meanwhile by threads, or on a GPU.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch
from PIL import Image
from torch import Tensor

from handler.decode.deadline import TimeBudget
from handler.decode.fallback import first_or_fallback
from handler.decode.formats import open_image
from handler.decode.gpu import open_gpu_decoder
from handler.decode.image import decode_carefully, decode_opened
from handler.decode.jpeg import Jpeg, decode_jpeg, read_jpeg
from handler.decode.resize import to_input
from handler.errors import RequestError
from handler.manifest import InputSpec
from handler.metrics import Metrics
from handler.settings import Settings
from handler.timeline import Timeline

T = TypeVar("T")


class _Budget:
    """What the images of one client's request may cost together, and where their times go."""

    def __init__(self, settings: Settings, timeline: Timeline | None, time: TimeBudget | None) -> None:
        self.time = time or TimeBudget(settings.max_seconds)
        self.pixels = settings.max_pixels
        self.timeline = timeline


@dataclass(frozen=True)
class _Started:
    """One image on its way: its encoded bytes and its future input."""

    data: bytes
    network_input: Future[Tensor]


class Decoder:
    """Decodes, resizes and crops images.

    Args:
        spec: the model's input.
        settings: the handler's.
        metrics: where the stages are timed.
        threads: CPU threads of this worker: so many JPEGs are decoded at a time.
        device: where the network runs; on a GPU, JPEGs are decoded there too.
    """

    def __init__(
        self, spec: InputSpec, settings: Settings, metrics: Metrics, threads: int, device: torch.device
    ) -> None:
        self._spec, self._settings, self._metrics, self._device = spec, settings, metrics, device
        self._short_side = spec.short_side if settings.large_jpegs == "scaled" else None
        # One thread would decode a batch's images while the other CPUs wait: 4 % of all images on two CPUs. Each uses
        # torch to resize: where torch has several threads, as its engine on a CPU does, they would be too many.
        threads = threads if torch.get_num_threads() == 1 else 1
        self._threads = ThreadPoolExecutor(threads, "decode")
        # Larger images are decoded one at a time: memory must not grow with the threads.
        self._max_parallel_pixels = settings.max_pixels // threads
        self._one_large = threading.Lock()
        self._gpu = open_gpu_decoder(spec, device, settings.max_pixels)

    def decode(
        self,
        batch: Sequence[Sequence[bytes]],
        owners: Sequence[int] | None = None,
        timelines: Mapping[int, Timeline] | None = None,
        budgets: Mapping[int, TimeBudget] | None = None,
    ) -> list[Future[list[Tensor]]]:
        """Decode the images of several requests.

        Args:
            batch: the encoded images of each request. One whose images fail one by one comes as several requests of
                an image each.
            owners: a number for each of them; those with the same number share one request's limits. None gives each
                its own.
            timelines: by these numbers, where the times of their images go.
            budgets: by these numbers, the time of their images, for a caller that goes on spending it.

        Returns:
            A future for each request, which is done: uint8 tensors (3, *spec.size) on the network's device, or what
            ended the request: a RequestError, or any other exception for a fault of the server.
        """
        # For a single image, another thread would only be a detour.
        threaded = sum(len(images) for images in batch) > 1
        owners = range(len(batch)) if owners is None else owners
        timelines, times = timelines or {}, budgets or {}
        shared = {owner: _Budget(self._settings, timelines.get(owner), times.get(owner)) for owner in owners}
        limits = [shared[owner] for owner in owners]
        started = [
            _completed(partial(self._start_all, images, threaded, budget))
            for images, budget in zip(batch, limits, strict=True)
        ]
        if self._gpu and self._gpu.submitted:
            with self._metrics.timed("decode"):
                self._gpu.run()
        return [
            _completed(partial(self._finish_all, images, budget))
            for images, budget in zip(started, limits, strict=True)
        ]

    def _start_all(self, images: Sequence[bytes], threaded: bool, budget: _Budget) -> list[_Started]:
        return budget.time.run(lambda: list(self._start(images, threaded, budget)))

    def _start(self, images: Sequence[bytes], threaded: bool, budget: _Budget) -> Iterator[_Started]:
        for index, data in enumerate(images):
            with _located(index, len(images)):
                image = open_image(data, budget.pixels)
                budget.pixels -= image.width * image.height
                network_input = self._submit(image, data, threaded, budget.timeline)
            yield _Started(data, network_input)

    def _submit(self, image: Image.Image, data: bytes, threaded: bool, timeline: Timeline | None) -> Future[Tensor]:
        if self._gpu or threaded:
            jpeg = read_jpeg(image, data, self._short_side)
            if jpeg and self._gpu and self._gpu.takes(jpeg):
                return self._gpu.submit(jpeg)
            if jpeg:
                return self._threads.submit(self._decode_in_thread, jpeg, timeline)
        decoded: Future[Tensor] = Future()  # an error is raised here and now: it ends the request
        decoded.set_result(self._decode_with(partial(decode_opened, image, data, self._short_side), timeline))
        return decoded

    def _finish_all(self, started: Future[list[_Started]], budget: _Budget) -> list[Tensor]:
        images = started.result()
        inputs = [image.network_input for image in images]
        errors = [each.exception() for each in inputs]  # waits for all
        if not any(errors):
            return [each.result() for each in inputs]
        return budget.time.run(lambda: list(self._finish(images, budget.timeline)))

    def _finish(self, images: Sequence[_Started], timeline: Timeline | None) -> Iterator[Tensor]:
        for index, image in enumerate(images):
            with _located(index, len(images)):
                network_input = first_or_fallback(
                    image.network_input.result, partial(self._carefully, image.data, timeline)
                )
            yield network_input

    def _carefully(self, data: bytes, timeline: Timeline | None) -> Tensor:
        image = open_image(data, self._settings.max_pixels)
        jpeg = read_jpeg(image, data, self._short_side)
        if jpeg is None:
            raise TypeError(f"a {image.format} image was decoded as a JPEG")
        return self._decode_with(partial(decode_carefully, image, jpeg), timeline)

    def _decode_in_thread(self, jpeg: Jpeg, timeline: Timeline | None) -> Tensor:
        with self._one_large if jpeg.width * jpeg.height > self._max_parallel_pixels else nullcontext():
            return self._decode_with(partial(decode_jpeg, jpeg), timeline)

    def _decode_with(self, decode: Callable[[], Tensor], timeline: Timeline | None) -> Tensor:
        with self._metrics.timed("decode", timeline):
            pixels = decode()
        with self._metrics.timed("transform", timeline):
            return to_input(pixels, self._spec).to(self._device)


@contextmanager
def _located(index: int, images: int) -> Iterator[None]:
    """Say in an error which of several images it is about."""
    try:
        yield
    except RequestError as error:
        raise error.about(f"instance {index}") if images > 1 else error from None


def _completed(function: Callable[[], T]) -> Future[T]:
    """Call a function now, and return its result or its error as a future."""
    future: Future[T] = Future()
    try:
        future.set_result(function())
    except Exception as error:  # noqa: BLE001 - it is raised where the result is asked for
        future.set_exception(error)
    return future
