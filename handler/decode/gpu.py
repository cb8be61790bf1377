"""JPEGs to network inputs on a GPU, a batch at a time (nvJPEG through torchvision).

`open_gpu_decoder` tries it on one picture first, and a worker whose GPU fails there decodes on the CPU. torchvision
0.29 calls `decode_jpeg` deprecated: without it, the CPU decodes.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np
import simplejpeg
import torch
from torch import Tensor

from handler.decode.fallback import JpegError
from handler.decode.image import decode_image
from handler.decode.jpeg import Jpeg
from handler.decode.orientation import upright
from handler.decode.resize import to_input
from handler.decode.transfer import has_converted_line_ends
from handler.errors import RequestError
from handler.manifest import InputSpec

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
        self.submitted: list[tuple[Jpeg, Future[Tensor]]] = []

    def takes(self, jpeg: Jpeg) -> bool:
        """Whether a JPEG is for the GPU: with plain colours, and whole, as nvJPEG fills up missing pixels silently."""
        whole = END_OF_IMAGE in jpeg.data[-TAIL:] and not has_converted_line_ends(jpeg.data)
        return jpeg.colors == "plain" and whole

    def submit(self, jpeg: Jpeg) -> Future[Tensor]:
        """Return the future input, uint8 (3, *spec.size) on the device; JpegError leaves the JPEG to Pillow."""
        network_input: Future[Tensor] = Future()
        self.submitted.append((jpeg, network_input))
        return network_input

    def run(self) -> None:
        """Decode what was submitted, as many at once as the pixel limit allows, and complete the futures."""
        submitted, self.submitted = self.submitted, []
        group: list[tuple[Jpeg, Future[Tensor]]] = []
        pixels = 0
        for jpeg, network_input in submitted:
            pixels += jpeg.width * jpeg.height
            if group and pixels > self._max_pixels:
                self._run(group)
                group, pixels = [], jpeg.width * jpeg.height
            group.append((jpeg, network_input))
        self._run(group)

    def _run(self, group: Sequence[tuple[Jpeg, Future[Tensor]]]) -> None:
        """Decode together; where that fails, one by one: one of them may be damaged, and nvJPEG does not say which."""
        try:
            decoded = self._together([jpeg for jpeg, _ in group])
        except Exception as error:  # noqa: BLE001 - nvJPEG's are nowhere listed, and the CPU can do it too
            decoded, reason = [], str(error)  # without its traceback, which holds what took the GPU's memory
        if decoded:
            for (_, network_input), pixels in zip(group, decoded, strict=True):
                network_input.set_result(pixels)
        elif len(group) > 1:
            logger.warning("the GPU could not decode %d JPEGs together: %s", len(group), reason)
            for submitted in group:
                self._run([submitted])
        else:
            group[0][1].set_exception(JpegError(f"the GPU could not decode it: {reason}"))

    def _together(self, jpegs: list[Jpeg]) -> list[Tensor]:
        files = [torch.frombuffer(bytearray(jpeg.data), dtype=torch.uint8) for jpeg in jpegs]
        pictures = self._decode(files, mode=self._mode, device=self._device)
        return [self._transform(picture, jpeg.orientation) for picture, jpeg in zip(pictures, jpegs, strict=True)]

    def _transform(self, picture: Tensor, orientation: int) -> Tensor:
        # Only a CPU resizes whole numbers: in float, and rounded, it comes to the same.
        resized = to_input(upright(picture, orientation).to(torch.float32), self._spec)
        return resized.round_().clamp_(0, 255).to(torch.uint8)


def open_gpu_decoder(spec: InputSpec, device: torch.device, max_pixels: int) -> GpuDecoder | None:
    """Return a decoder that decoded a picture correctly, or None where the CPU must decode."""
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
    (found,) = decoder._together([Jpeg(data, 640, 480, orientation=1, scale_denominator=1, colors="plain")])
    return float((found.cpu().float() - to_input(decode_image(data, picture.size), spec).float()).abs().mean())
