"""HEIC by pi-heif (libheif), which is in the optional group `heic`: where it is not installed, HEIC is refused."""

from typing import Any

from PIL import Image, ImageFile

from handler.decode.boxes import boxes
from handler.decode.heif import CONTAINER_BRANDS, HEVC_BRANDS

try:
    # Its C module alone: its plugin for Pillow reads metadata first, and one bit flipped in them ends the process.
    import _pi_heif
except ImportError:
    _pi_heif = None

HEIC: tuple[str, ...] = ("HEIF",) if _pi_heif else ()  # the format's name in Pillow


class HeicImageFile(ImageFile.ImageFile):
    """The primary picture of a HEIC, upright and cropped as its properties say, in 8 bits."""

    format = "HEIF"
    format_description = "HEIC image"

    def _open(self) -> None:
        data = self.fp.read() if self.fp else b""
        # With one thread, as other formats, in 8 bits, as RGB, in rows of any length, within libheif's limits.
        pictures = _pi_heif.load_file(data, 1, True, False, False, True, "", False)
        primary = [picture for picture in pictures if picture is not None and picture.primary]
        if not primary:
            raise SyntaxError("a HEIC without a primary picture")
        self._picture: Any = primary[0]
        self._size, self._mode = self._picture.size_mode
        self.tile = []

    def load(self) -> Any:
        """Decode the picture."""
        if self._picture is not None:
            pixels, stride = self._picture.data, self._picture.stride
            if self._picture.size_mode != (self._size, self._mode):
                raise ValueError("the picture has another size than its header states")
            self.load_prepare()
            self.frombytes(pixels, "raw", (self._mode, stride))
            self._picture = None  # only now: the pixels are its memory
        return super().load()


def _accept(prefix: bytes) -> bool:
    return prefix[4:8] == b"ftyp" and prefix[8:12] in HEVC_BRANDS | CONTAINER_BRANDS


if HEIC:
    Image.register_open("HEIF", HeicImageFile, _accept)


def unopened_heic(data: bytes) -> str | None:
    """Return what a HEIC that Pillow does not open is, or None where it is one to decode that is cut off."""
    if not HEIC:
        return "HEIC (HEIF)"
    whole = max((box.end for box in boxes(data)), default=0) == len(data)
    return "HEIC (HEIF) that libheif cannot read" if whole else None
