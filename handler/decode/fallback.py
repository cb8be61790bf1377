"""The fall-back from a fast JPEG decoder (simplejpeg, nvJPEG) to a careful one, which judges what is damaged."""

import logging
from collections.abc import Callable

from torch import Tensor

logger = logging.getLogger(__name__)


class JpegError(ValueError):
    """A JPEG that a fast decoder refuses or warns of: the fallback decides whether it is damaged."""


def first_or_fallback(first: Callable[[], Tensor], fallback: Callable[[], Tensor]) -> Tensor:
    """Return what a fast decoder makes of a JPEG, or what the fallback makes where the fast one refuses."""
    try:
        return first()
    except JpegError as error:
        logger.info("left to the fallback: %s", error)
        return fallback()
