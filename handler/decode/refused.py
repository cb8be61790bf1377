"""Why Pillow does not open a file: it is of a kind that is not decoded, was changed on its way, or is cut off."""

from collections.abc import Callable
from typing import Final

from handler.decode.bmp import unopened_bmp
from handler.decode.heic import unopened_heic
from handler.decode.heif import is_heic
from handler.decode.markers import START as JPEG
from handler.decode.markers import unsupported_kind as unsupported_jpeg
from handler.decode.tiff import unopened_tiff
from handler.decode.transfer import explain_transfer
from handler.errors import UNSUPPORTED_FORMAT, RequestError

TIFF: Final = (b"II*\0", b"MM\0*", b"II\x2b\0", b"MM\0\x2b")
JPEG_XL: Final = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")


def explain(data: bytes) -> RequestError | None:
    """Return what a file that Pillow does not open is, or None where that is not known."""
    if error := explain_transfer(data):
        return error
    for begins, kind_of, instead in _KINDS:
        if begins(data) and (kind := kind_of(data)):
            return RequestError(UNSUPPORTED_FORMAT, f"{kind} is not supported: {instead}")
    return None


def _always(kind: str) -> Callable[[bytes], str]:
    return lambda _data: kind


Kind = tuple[Callable[[bytes], bool], Callable[[bytes], str | None], str]

_KINDS: Final[tuple[Kind, ...]] = (
    (lambda data: data.startswith(JPEG), unsupported_jpeg, "save it as a plain JPEG of 8 bits, or as PNG"),
    (lambda data: data.startswith(TIFF), unopened_tiff, "save it with 8 bits a sample, grey or RGB, or as PNG"),
    (lambda data: data.startswith(b"BM"), unopened_bmp, "save it with 24 bits a pixel, or as PNG"),
    (is_heic, unopened_heic, "convert it, such as heif-convert photo.heic photo.jpg, and send the JPEG"),
    (lambda data: data.startswith(JPEG_XL), _always("JPEG XL"), "convert it, such as djxl photo.jxl photo.png"),
)
