"""The table and its documents."""

import json
import re

from handler import errors
from handler.errors import DAMAGED_IMAGE, TABLE, Problem, RequestError


def test_the_table_is_complete() -> None:
    assert set(TABLE) == {value for value in vars(errors).values() if isinstance(value, Problem)}
    assert len({problem.slug for problem in TABLE}) == len(TABLE)


def test_the_docstring_shows_the_table() -> None:
    rows = [(str(problem.status), problem.slug) for problem in TABLE]
    assert re.findall(r"^(\d{3})\s+([a-z0-9-]+)\s", str(errors.__doc__), re.MULTILINE) == rows


def test_a_document_is_rfc_9457() -> None:
    assert json.loads(RequestError(DAMAGED_IMAGE, "send it again").about("instance 2").document()) == {
        "type": "/problems/damaged-image",
        "title": "The image is damaged",
        "status": 422,
        "detail": "instance 2: send it again",
        "error": "The image is damaged: instance 2: send it again",
    }


def test_a_document_survives_what_utf_8_cannot_say() -> None:
    assert json.loads(RequestError(DAMAGED_IMAGE, "\ud800").document())["detail"] == "?"
