"""JPEGs to network inputs on a GPU, a batch at a time (nvJPEG through torchvision).

No GPU has run this yet: `open_gpu_decoder` tries it on one picture first, and a worker whose GPU fails there decodes on
the CPU. tests/unit/handler/test_gpu.py holds what must pass where there is a GPU.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import simplejpeg
import torch
from PIL import Image
from torch import Tensor

from handler.decode import check_scans, decode, orientation_of, upright
from handler.errors import RequestError
from handler.manifest import InputSpec
from handler.transform import to_input

logger = logging.getLogger(__name__)

# Grey levels that the mean of a picture's input may differ by from the CPU's: another decoder rounds otherwise.
TOLERANCE = 2.0


@dataclass(frozen=True)
class Jpeg:
    """A file whose header was read, and whose pixels are still to be decoded.

    Args:
        data: the encoded image.
        orientation: EXIF's, 1 to 8.
    """

    data: bytes
    orientation: int


Inputs = Sequence[Tensor | Jpeg]


class GpuDecoder:
    """Decodes and transforms JPEGs.

    Args:
        spec: the model's input.
        device: where.
    """

    def __init__(self, spec: InputSpec, device: torch.device) -> None:
        from torchvision.io import ImageReadMode, decode_jpeg  # noqa: PLC0415 - on a CPU no worker needs it

        self._decode, self._mode = decode_jpeg, ImageReadMode.RGB
        self._spec, self._device = spec, device

    def takes(self, image: Image.Image) -> bool:
        """Whether an image whose header was read is one for the GPU."""
        return image.format in ("JPEG", "MPO") and image.mode != "CMYK"

    def accept(self, image: Image.Image, data: bytes) -> Jpeg:
        """Check what can be checked before the pixels are decoded.

        Raises:
            RequestError: too-much-work.
        """
        check_scans(data)
        return Jpeg(data, orientation_of(image))

    def finish(self, requests: Sequence[Inputs], max_pixels: int) -> list[tuple[Tensor, ...] | RequestError]:
        """Decode and transform the JPEGs of several requests together.

        Args:
            requests: the images of each request, some of them transformed already.
            max_pixels: most pixels of an image.

        Returns:
            For each request its uint8 inputs (3, *spec.size) on the device, or what is wrong with one of its images.
        """
        try:
            inputs = iter(self._together([one for images in requests for one in images]))
        except Exception as error:  # noqa: BLE001 - one is damaged, nobody knows which: the CPU finds out
            logger.info("the GPU's decoder: %s", error)
            return [self._one_by_one(images, max_pixels) for images in requests]
        return [tuple(next(inputs) for _ in images) for images in requests]

    def _together(self, found: list[Tensor | Jpeg]) -> list[Tensor]:
        files = [torch.frombuffer(bytearray(one.data), dtype=torch.uint8) for one in found if isinstance(one, Jpeg)]
        photos = iter(self._decode(files, mode=self._mode, device=self._device) if files else [])
        return [
            self._transform(next(photos), one.orientation) if isinstance(one, Jpeg) else one.to(self._device)
            for one in found
        ]

    def _transform(self, photo: Tensor, orientation: int) -> Tensor:
        # Only a CPU resizes whole numbers: in float, and rounded, it comes to the same.
        resized = to_input(upright(photo, orientation).to(torch.float32), self._spec)
        return resized.round_().clamp_(0, 255).to(torch.uint8)

    def _one_by_one(self, images: Inputs, max_pixels: int) -> tuple[Tensor, ...] | RequestError:
        done: list[Tensor] = []
        for index, one in enumerate(images):
            try:
                found = to_input(decode(one.data, max_pixels), self._spec) if isinstance(one, Jpeg) else one
            except RequestError as error:
                return error.about(f"instance {index}") if len(images) > 1 else error
            done.append(found.to(self._device))
        return tuple(done)


def open_gpu_decoder(spec: InputSpec, device: torch.device) -> GpuDecoder | None:
    """Return a decoder that gave the right picture, or None where photos are better decoded on the CPU."""
    if device.type != "cuda":
        return None
    try:
        decoder = GpuDecoder(spec, device)
        off = _difference(decoder, spec)
    except (ImportError, RuntimeError, RequestError) as error:
        logger.warning("the GPU cannot decode JPEGs, the CPU does: %s", error)
        return None
    if off > TOLERANCE:
        logger.warning("the GPU decodes JPEGs wrongly (%.1f grey levels off), the CPU does it", off)
        return None
    return decoder


def _difference(decoder: GpuDecoder, spec: InputSpec) -> float:
    """Return by how many grey levels an input differs from the CPU's on average."""
    y, x = np.mgrid[0:480, 0:640]
    picture = np.stack([x * 255 // 640, y * 255 // 480, (x + y) % 256], axis=2).astype(np.uint8)
    one = Jpeg(simplejpeg.encode_jpeg(np.ascontiguousarray(picture), quality=95), orientation=1)
    (found,) = decoder._together([one])
    expected = to_input(decode(one.data, picture.size), spec)
    return float((found.cpu().float() - expected.float()).abs().mean())
