"""Read a JSON file that any program may have written."""

import json
import math
from pathlib import Path
from typing import Any

from eda.errors import DataError, first_line


class NotCocoError(DataError):
    """A file that is not meant as COCO's, or is no JSON at all; the message names it."""


def read_json(path: Path) -> Any:
    """Return the JSON document in a file, in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    A whole number of more digits than Python reads becomes an infinity. Raises DataError, one sentence, if the file
    cannot be read, NotCocoError if it is not JSON.
    """
    todo = "fetch it again" if path.suffix.lower() == ".json" else "export the annotations as COCO or YOLO"
    try:
        content = path.read_bytes()
        text = content.decode(json.detect_encoding(content), "surrogatepass").removeprefix("\ufeff")
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise NotCocoError(f"{path} is not JSON in UTF-8 or UTF-16 ({first_line(error)}); {todo}.") from error
    try:
        return parse(text)
    except json.JSONDecodeError as error:
        raise NotCocoError(f"{path} is not JSON (cut off or damaged: {error}); {todo}.") from error
    except RecursionError as error:
        raise NotCocoError(f"{path} is nested too deeply to be annotations.") from error


def parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python refuses to read whole numbers of more than 4,300 digits.
        return json.loads(text, parse_int=any_int)


def any_int(digits: str) -> int | float:
    """Return a whole number, or an infinity if it has too many digits."""
    try:
        return int(digits)
    except ValueError:
        return -math.inf if digits.startswith("-") else math.inf


def is_coco(document: Any) -> bool:
    """Return whether a JSON document is meant as COCO's; it may still lack what COCO asks for.

    Other documents count images: there, "images" is a number.
    """
    return isinstance(document, dict) and any(
        isinstance(document.get(name), list) for name in ("images", "annotations")
    )


def check_lists(path: Path, document: Any, required: dict[str, tuple[str, ...]]) -> None:
    """Check that a document has these lists of objects with these fields; DataError names file, entry and field."""
    if not isinstance(document, dict):
        holds = type(document).__name__
        raise DataError(f"{path} holds a {holds}, not a COCO object; export the annotations as COCO or YOLO.")
    for name, fields in required.items():
        entries = document.get(name)
        if not isinstance(entries, list):
            raise DataError(f"{path} has no list '{name}'; expected COCO's images, annotations and categories.")
        for position, entry in enumerate(entries):
            if not isinstance(entry, dict):
                raise DataError(
                    f"{path}: {name}[{position}] is not an object; expected the fields {', '.join(fields)}."
                )
            for field in fields:
                if field not in entry:
                    raise DataError(
                        f"{path}: {name}[{position}] has no '{field}'; expected the fields {', '.join(fields)}."
                    )
    if not document["images"]:
        raise DataError(f"{path} lists no images; there is nothing to explore.")
