"""The media type of a response, as the `Accept` header asks (RFC 9110, section 12.5.1)."""

from collections.abc import Sequence

from handler.errors import NOT_ACCEPTABLE, RequestError
from handler.protocols.media_types import JSON, TEXT

OFFERED = (JSON, TEXT)  # of predictions


def negotiate(accept: str, offered: Sequence[str] = OFFERED) -> str:
    """Return the offered media type that an `Accept` header prefers.

    Args:
        accept: the header.
        offered: media types in the server's order of preference.

    Raises:
        RequestError: not-acceptable.
    """
    ranges = [_media_range(part) for part in accept.split(",") if part.strip()] or [("*/*", 1.0)]

    def quality(offer: str) -> float:
        for pattern in (offer, offer.split("/", maxsplit=1)[0] + "/*", "*/*"):  # the most specific range decides
            for media_range, q in ranges:
                if media_range == pattern:
                    return q
        return 0.0

    preferred = max(offered, key=quality)
    if quality(preferred) <= 0:
        raise RequestError(NOT_ACCEPTABLE, f"responses come as {' or '.join(offered)}: ask for one of them in Accept")
    return preferred


def _media_range(part: str) -> tuple[str, float]:
    media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = next((value[2:] for value in parameters if value.startswith("q=")), "1")
    try:
        return media_range, float(quality)
    except ValueError:
        return media_range, 0.0
