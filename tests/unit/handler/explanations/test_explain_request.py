"""A class is named by its index or its name; what names none, or several, is refused with what to send."""

import base64
import json
from typing import Any

import pytest

from handler.errors import EMPTY_BODY, INVALID_JSON, INVALID_PARAMETER, NOT_ACCEPTABLE, SEVERAL_IMAGES, RequestError
from handler.explanations.request import ExplainRequest, parse_explain_request
from tests.unit.handler.batches import PHOTO

LABELS = ("tabby, tabby cat", "Egyptian cat", "crane", "crane", "7", "Käse")
B64 = {"b64": base64.b64encode(PHOTO).decode()}


def parsed(row: dict[str, Any], **headers: str) -> ExplainRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return parse_explain_request(row, named, LABELS, 16)


def as_json(count: int = 1, **parameters: Any) -> dict[str, Any]:
    return {"body": json.dumps({"instances": [B64] * count, "parameters": parameters}).encode()}


@pytest.mark.parametrize(
    ("value", "class_id"),
    [
        ("1", 1),
        (" 0 ", 0),
        (5, 5),
        ("Egyptian cat", 1),
        ("EGYPTIAN CAT", 1),
        ("tabby, tabby cat", 0),
        ("tabby cat", 0),
        ("Käse", 5),
        (None, None),
    ],
)
def test_a_class(value: Any, class_id: int | None) -> None:
    assert parsed(as_json(**{"class": value})).class_id == class_id


def test_a_class_in_a_header_or_a_form() -> None:
    assert parsed({"body": PHOTO}, X_Class="Egyptian cat").class_id == 1
    assert parsed({"body": PHOTO}, X_Class="K%C3%A4se").class_id == 5
    assert parsed({"data": PHOTO, "class": b"1"}).class_id == 1
    assert parsed({"data": PHOTO, "class": b"1"}, X_Class="0").class_id == 1  # what is nearer to the image


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (6, "from 0 to 5"),
        (-1, "from 0 to 5"),
        (10**4000, "0…: send an index from 0 to 5"),
        ("99999", "from 0 to 5"),
        ("dog", "from 0 to 5"),
        ("", "empty"),
        (" ", "from 0 to 5"),
        (True, "from 0 to 5"),
        (1.5, "from 0 to 5"),
        ([1], "a JSON array"),
        ("crane", "send one of 2, 3"),
    ],
)
def test_no_class(value: Any, says: str) -> None:
    with pytest.raises(RequestError, match=says) as refused:
        parsed(as_json(**{"class": value}))
    assert refused.value.problem is INVALID_PARAMETER
    assert "send" in refused.value.detail


@pytest.mark.parametrize(
    ("row", "headers", "problem"),
    [
        (as_json(top_k=3), {}, INVALID_PARAMETER),
        ({"data": PHOTO, "top_k": b"3"}, {}, INVALID_PARAMETER),
        ({"body": b""}, {}, EMPTY_BODY),
        ({"body": json.dumps({"inputs": []}).encode()}, {}, INVALID_JSON),
        (as_json(2), {"Accept": "image/png"}, SEVERAL_IMAGES),
        ({"body": PHOTO}, {"Accept": "text/plain"}, NOT_ACCEPTABLE),
        ({"body": PHOTO}, {"Accept": "image/jpeg"}, NOT_ACCEPTABLE),
    ],
)
def test_refused(row: dict[str, Any], headers: dict[str, str], problem: object) -> None:
    with pytest.raises(RequestError) as refused:
        parsed(row, **headers)
    assert refused.value.problem is problem


LOOKALIKES = ("class", "class_id", "Class-Index", "className", "target_class", "X-Class", "top_k")


@pytest.mark.parametrize(
    "row",
    [
        *({"body": json.dumps({"instances": [B64], name: 1}).encode()} for name in LOOKALIKES),
        *({"body": json.dumps({"instances": [B64 | {name: 1}]}).encode()} for name in LOOKALIKES),
        *({"body": json.dumps({"instances": [{"image": B64 | {name: 1}}]}).encode()} for name in LOOKALIKES),
        *({"data": PHOTO, name: b"1"} for name in LOOKALIKES[1:]),
    ],
)
def test_a_class_where_it_has_no_effect(row: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match=r'send the field class|"parameters": {"class": 3}') as refused:
        parsed(row)
    assert refused.value.problem is INVALID_PARAMETER


def test_other_members_and_fields_are_ignored() -> None:
    assert parsed({"body": json.dumps({"instances": [B64 | {"label": "cat"}], "signature_name": "x"}).encode()}).is_list
    assert parsed({"data": PHOTO, "label": b"cat"}).class_id is None


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/json"),
        ("image/png", "image/png"),
        ("image/*", "image/png"),
        ("image/png;q=0.1, application/json", "application/json"),
    ],
)
def test_the_media_type(accept: str, media_type: str) -> None:
    assert parsed({"body": PHOTO}, Accept=accept).media_type == media_type


def test_instances_are_answered_as_a_list() -> None:
    assert parsed(as_json()).is_list
    assert len(parsed(as_json(3)).images) == 3
    assert not parsed({"body": PHOTO}).is_list
