"""The options of a request: `top_k` and `threshold`."""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from handler.errors import INVALID_PARAMETER, RequestError

DEFAULT_TOP_K = 5
OPTIONS = ("top_k", "threshold")
# Names that clients try, without case, spaces, hyphens and underscores.
LOOKALIKES = {"topk", "topn", "top", "k", "xtopk", "xthreshold", "threshold", "thresh"}
LOOKALIKES |= {"minscore", "scorethreshold", "confidence", "minconfidence", "parameters", "params"}
CLASS_LOOKALIKES = {
    "class",
    "classid",
    "classindex",
    "classname",
    "targetclass",
    "xclass",
}  # of an explanation's option


def refuse_lookalikes(names: Iterable[str], instead: str, options: Sequence[str]) -> None:
    """Refuse a name that looks like an option where it would have no effect; other names are left alone.

    Args:
        names: of what stands beside an image.
        instead: how to send options there.
        options: that there are.

    Raises:
        RequestError: invalid-parameter.
    """
    lookalikes = LOOKALIKES | CLASS_LOOKALIKES if "class" in options else LOOKALIKES
    for name in names:
        if re.sub(r"[\s_-]", "", name[:40]).lower() in lookalikes:
            raise RequestError(INVALID_PARAMETER, f"there is no parameter {shown(name)} here: {instead}")


def top_k_of(value: Any, classes: int) -> int:
    """Return how many classes a client wants, 1 to `classes`.

    Args:
        value: as the client sent it; None takes the default.
        classes: number of the model's classes.

    Raises:
        RequestError: invalid-parameter.
    """
    if value is None:
        return min(DEFAULT_TOP_K, classes)
    top_k = int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value.strip()) else value
    if type(top_k) is not int or not 1 <= top_k <= classes:
        raise RequestError(INVALID_PARAMETER, f"top_k is {shown(value)}: send a whole number from 1 to {classes}")
    return top_k


def threshold_of(value: Any) -> float:
    """Return the minimum score of a returned class, 0 to 1.

    Args:
        value: as the client sent it; None means 0.

    Raises:
        RequestError: invalid-parameter.
    """
    if value is None:
        return 0.0
    try:
        # float() would read "1_0" and true too.
        threshold = math.nan if isinstance(value, bool) or "_" in str(value) else float(value)
    except (TypeError, ValueError, OverflowError):
        threshold = math.nan
    if not 0 <= threshold <= 1:  # also false for NaN
        raise RequestError(INVALID_PARAMETER, f"threshold is {shown(value)}: send a number from 0 to 1")
    return threshold


def shown(value: Any) -> str:
    """Show a client's own value back, cut to what fits in a sentence."""
    if isinstance(value, (dict, list)):
        return "a JSON object" if isinstance(value, dict) else "a JSON array"
    text = str(value) or "empty"
    return f"{text[:40]}…" if len(text) > 40 else text
