"""Read a JSON file that any program may have written."""

import json
import math
from pathlib import Path
from typing import Any

from eda.errors import DataError, first_line


def read_json(path: Path) -> Any:
    """Return the JSON document in a file, in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    A whole number of more digits than Python reads becomes an infinity. Raises DataError, one sentence, if the file
    cannot be read or is not JSON.
    """
    try:
        content = path.read_bytes()
        text = content.decode(json.detect_encoding(content), "surrogatepass").removeprefix("\ufeff")
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not JSON in UTF-8 or UTF-16 ({first_line(error)}); fetch it again.") from error
    try:
        return parse(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{path} is not JSON (cut off or damaged: {error}); fetch it again.") from error
    except RecursionError as error:
        raise DataError(f"{path} is nested too deeply to be annotations.") from error


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


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; raise DataError for anything else."""
    document = read_json(path)
    if not isinstance(document, dict):
        raise DataError(f"{path} holds a {type(document).__name__}, not a COCO object with images and annotations.")
    return document


def check_lists(path: Path, document: dict[str, Any], required: dict[str, tuple[str, ...]]) -> None:
    """Check that a document has these lists of objects with these fields; DataError names file, entry and field."""
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
