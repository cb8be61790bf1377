"""The values of annotations: numbers, texts and flags, as programs write them."""

import math
import re
from typing import Any, NamedTuple

BITS_64 = range(-(2**63), 2**63)
"""What the tables' whole numbers hold."""

WHOLE = re.compile(r"\s*([+-]?\d{1,40})(\.0*)?\s*", re.ASCII)

TRUE_WORDS = ("1", "true", "yes")

JOINERS = "\u200c\u200d"
"""Letters of no width that belong to the spelling of Persian and Indic words, and of emoji."""


class Flag(NamedTuple):
    """A flag such as iscrowd; `odd` if it was not written as 0, 1, true, false or null."""

    value: bool
    odd: bool


def whole_number(value: object) -> int:
    """Return a whole number that is written as one, as a text ("7") or as a decimal (7.0).

    Raises ValueError, whose message follows "expected", for anything else and for a number beyond 64 bits.
    """
    number: int
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, float) and math.isinf(value):
        raise ValueError("a number of at most 64 bits")
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    elif isinstance(value, str) and (match := WHOLE.fullmatch(value)):
        number = int(match[1])
    else:
        raise ValueError("int")
    if number not in BITS_64:
        raise ValueError("a number of at most 64 bits")
    return number


def to_float(value: object) -> float:
    """Return a JSON number as float, or NaN for any other value and for one beyond float's range."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def parse_bbox(bbox: object) -> tuple[float, float, float, float]:
    """Return a COCO box as four floats, or four NaNs if it is not four finite numbers."""
    if not isinstance(bbox, list) or len(bbox) != 4:
        return (math.nan,) * 4
    x, y, w, h = (to_float(value) for value in bbox)
    return (x, y, w, h) if all(map(math.isfinite, (x, y, w, h))) else (math.nan,) * 4


def read_flag(value: object) -> Flag:
    """Return a flag; a text is read by its words and numbers, and what says nothing is false."""
    if value is None or isinstance(value, bool):
        return Flag(bool(value), odd=False)
    if isinstance(value, int | float):
        return Flag(value != 0, odd=value not in (0, 1))
    word = str(value).strip().lower()
    number = WHOLE.fullmatch(word)
    return Flag(word in TRUE_WORDS or (number is not None and int(number[1]) != 0), odd=True)


def has_mask(entry: dict[str, Any]) -> bool:
    """Return whether an annotation has a segmentation, whose area COCO's `area` is."""
    return bool(entry.get("segmentation"))


def rotation(entry: dict[str, Any]) -> float:
    """Return the degrees by which CVAT has an annotation's box turned around its centre; 0 if it says none."""
    attributes = entry.get("attributes")
    turn = to_float(attributes.get("rotation")) if isinstance(attributes, dict) else 0.0
    return turn if math.isfinite(turn) else 0.0


def printable(text: str) -> str:
    """Return a text that any file can hold: surrogates and control characters become escapes."""
    escaped = "".join(c if c.isprintable() or c in JOINERS else c.encode("unicode_escape").decode() for c in text)
    return escaped.encode("utf-8", "backslashreplace").decode()


def quoted(value: object, length: int = 40) -> str:
    """Return a value for a sentence, cut to `length` characters."""
    text = printable(repr(value))
    return text if len(text) <= length else f"{text[: length - 1]}…"
