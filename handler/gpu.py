"""JPEGs to network inputs on a GPU, a batch at a time (nvJPEG through torchvision).

No GPU has run this yet: `open_gpu_decoder` tries it on one picture first, and a worker whose GPU fails there decodes on
the CPU. tests/unit/handler/test_gpu.py holds what must pass where there is a GPU. torchvision 0.29 calls `decode_jpeg`
deprecated: without it, the CPU decodes.
"""

import logging
from collections.abc import Sequence

import numpy as np
import simplejpeg
import torch
from torch import Tensor

from handler.decode import Jpeg, decode, upright
from handler.errors import RequestError
from handler.manifest import InputSpec
from handler.transform import to_input

logger = logging.getLogger(__name__)

# Grey levels that the mean of a picture's input may differ by from the CPU's: another decoder rounds otherwise.
TOLERANCE = 2.0
END_OF_IMAGE = b"\xff\xd9"
TAIL = 64  # bytes after the end of the image that are no sign of damage


class GpuDecoder:
    """Decodes and transforms JPEGs.

    Args:
        spec: the model's input.
        device: where.
        max_pixels: most pixels that are decoded at once, which bounds the GPU's memory.
    """

    def __init__(self, spec: InputSpec, device: torch.device, max_pixels: int) -> None:
        from torchvision.io import ImageReadMode, decode_jpeg  # noqa: PLC0415 - on a CPU no worker needs it

        self._decode, self._mode = decode_jpeg, ImageReadMode.RGB
        self._spec, self._device, self._max_pixels = spec, device, max_pixels

    def takes(self, jpeg: Jpeg) -> bool:
        """Whether a JPEG is one for the GPU: whole, with plain colours. What is wrong with others the CPU finds out."""
        return jpeg.plain and END_OF_IMAGE in jpeg.data[-TAIL:]

    def inputs(self, jpegs: Sequence[Jpeg]) -> list[Tensor | None]:
        """Return uint8 inputs (3, *spec.size) on the device, None for what is left to the CPU."""
        groups: list[list[Jpeg]] = []
        room = 0
        for jpeg in jpegs:
            pixels = jpeg.width * jpeg.height
            if pixels > room:
                groups.append([])
                room = self._max_pixels
            groups[-1].append(jpeg)
            room -= pixels
        return [one for group in groups for one in self._group(group)]

    def _group(self, jpegs: list[Jpeg]) -> Sequence[Tensor | None]:
        """Decode together; where that fails, one by one: one of them may be damaged, and nobody knows which."""
        try:
            return self._together(jpegs)
        except Exception as error:  # noqa: BLE001 - nvJPEG's are nowhere listed, and the CPU can do it too
            logger.warning("the GPU could not decode %d JPEGs: %s", len(jpegs), error)
        return [None] if len(jpegs) == 1 else [one for jpeg in jpegs for one in self._group([jpeg])]

    def _together(self, jpegs: list[Jpeg]) -> list[Tensor]:
        files = [torch.frombuffer(bytearray(jpeg.data), dtype=torch.uint8) for jpeg in jpegs]
        photos = self._decode(files, mode=self._mode, device=self._device)
        return [self._transform(photo, jpeg.orientation) for photo, jpeg in zip(photos, jpegs, strict=True)]

    def _transform(self, photo: Tensor, orientation: int) -> Tensor:
        # Only a CPU resizes whole numbers: in float, and rounded, it comes to the same.
        resized = to_input(upright(photo, orientation).to(torch.float32), self._spec)
        return resized.round_().clamp_(0, 255).to(torch.uint8)


def open_gpu_decoder(spec: InputSpec, device: torch.device, max_pixels: int) -> GpuDecoder | None:
    """Return a decoder that gave the right picture, or None where photos are better decoded on the CPU."""
    if device.type != "cuda":
        return None
    try:
        decoder = GpuDecoder(spec, device, max_pixels)
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
    data = simplejpeg.encode_jpeg(np.ascontiguousarray(picture), quality=95)
    (found,) = decoder._together([Jpeg(data, 640, 480, orientation=1, parts=1, plain=True)])
    return float((found.cpu().float() - to_input(decode(data, picture.size), spec).float()).abs().mean())
