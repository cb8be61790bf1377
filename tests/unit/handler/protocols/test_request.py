"""A row of TorchServe's becomes a request, or one of the table's errors."""

import base64
import json
from typing import Any

import pytest

from handler import errors
from handler.errors import Problem, RequestError
from handler.protocols import kserve_v1, native
from handler.protocols.request import Request, parse_request

PHOTO = b"\xff\xd8 a photo's bytes"
B64 = base64.b64encode(PHOTO).decode()


def parsed(row: dict[str, Any], headers: dict[str, Any] | None = None) -> Request:
    return parse_request(row, headers or {}, classes=10, max_images=3)


def as_json(document: Any, headers: dict[str, Any] | None = None) -> Request:
    return parsed({"body": json.dumps(document).encode()}, {"Content-Type": "application/json", **(headers or {})})


@pytest.mark.parametrize("content_type", [None, "image/jpeg", "application/octet-stream", "text/nonsense"])
def test_raw_body_is_the_image_whatever_its_content_type(content_type: str | None) -> None:
    request = parsed({"body": bytearray(PHOTO)}, {"Content-Type": content_type} if content_type else {})
    assert request == Request([PHOTO], 5, 0.0, "application/json", native.to_document)


@pytest.mark.parametrize("field", ["data", "image", "file"])
def test_form_field_is_the_image_and_its_other_fields_are_options(field: str) -> None:
    headers = {field: {"content-type": "image/jpeg"}, "Content-Type": "multipart/form-data; boundary=x"}
    request = parsed({field: PHOTO, "top_k": b"2", "threshold": b"0.5"}, headers)
    assert (request.images, request.top_k, request.threshold) == ([PHOTO], 2, 0.5)


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_instances(content_type: str) -> None:
    body = json.dumps({"instances": [{"b64": B64}, {"b64": B64}], "parameters": {"top_k": 3, "threshold": 0.25}})
    request = parsed({"body": body.encode()}, {"content-type": content_type})
    assert request == Request([PHOTO, PHOTO], 3, 0.25, "application/json", kserve_v1.to_document)


def test_json_that_torchserve_has_already_read() -> None:
    assert parsed({"body": {"instances": [{"b64": B64}]}}).images == [PHOTO]


def test_base64_may_be_broken_into_lines() -> None:
    assert as_json({"instances": [{"b64": base64.encodebytes(PHOTO * 20).decode()}]}).images == [PHOTO * 20]


def test_options_come_from_headers_of_any_case_and_the_body_beats_them() -> None:
    headers = {"x-TOP-k": "7", "X-Threshold": "0.1"}
    assert (parsed({"body": PHOTO}, headers).top_k, parsed({"body": PHOTO}, headers).threshold) == (7, 0.1)
    assert as_json({"instances": [{"b64": B64}], "parameters": {"top_k": 2}}, headers).top_k == 2


def test_default_top_k_is_never_more_than_there_are_classes() -> None:
    assert parse_request({"body": PHOTO}, {}, classes=3, max_images=1).top_k == 3


@pytest.mark.parametrize(
    ("row", "headers", "problem"),
    [
        ({}, {}, errors.EMPTY_BODY),
        ({"body": b""}, {}, errors.EMPTY_BODY),
        ({"body": b""}, {"Content-Type": "application/json"}, errors.EMPTY_BODY),
        ({}, {"Content-Type": "application/json"}, errors.EMPTY_BODY),
        ({"data": b""}, {"Content-Type": "multipart/form-data"}, errors.EMPTY_BODY),
        ({}, {"Content-Type": "application/x-www-form-urlencoded"}, errors.PHOTO_SENT_AS_FORM),
        ({"\xff\xd8junk": b""}, {"Content-Type": "application/x-www-form-urlencoded"}, errors.PHOTO_SENT_AS_FORM),
        ({"photo": PHOTO}, {"Content-Type": "multipart/form-data"}, errors.NO_IMAGE),
        ({}, {"Content-Type": "multipart/form-data; boundary=wrong"}, errors.NO_IMAGE),
        ({"body": b'{"instances": [{"b64": "YQ=="}], "parameters": []}'}, {"Content-Type": "application/json"},
         errors.INVALID_JSON),
        ({"body": b'{"instances": [{"b64": "YQ=="}], "parameters": {"topk": 1}}'}, {"Content-Type": "application/json"},
         errors.INVALID_PARAMETER),
        ({"body": b"{not json"}, {"Content-Type": "application/json"}, errors.INVALID_JSON),
        ({"body": b"[" * 100_000}, {"Content-Type": "application/json"}, errors.INVALID_JSON),
        ({"body": b"9" * 10_000}, {"Content-Type": "application/json"}, errors.INVALID_JSON),
        ({"body": b"\xff\xfe"}, {"Content-Type": "application/json"}, errors.INVALID_JSON),
        ({"body": b"null"}, {"Content-Type": "application/json"}, errors.INVALID_JSON),
        ({"body": b"[]"}, {"Content-Type": "application/json"}, errors.INVALID_JSON),
        ({"body": b'{"image": "x"}'}, {"Content-Type": "application/json"}, errors.INVALID_JSON),
        ({"body": b'{"instances": [1]}'}, {"Content-Type": "application/json"}, errors.INVALID_JSON),
        ({"body": b'{"instances": [{"b64": 1}]}'}, {"Content-Type": "application/json"}, errors.INVALID_JSON),
        ({"body": b'{"instances": [{"b64": "YQ=="}], "parameters": 3}'}, {"Content-Type": "application/json"},
         errors.INVALID_JSON),
        ({"body": b'{"instances": []}'}, {"Content-Type": "application/json"}, errors.NO_IMAGE),
        ({"body": b'{"instances": [{"b64": ""}]}'}, {"Content-Type": "application/json"}, errors.EMPTY_BODY),
        ({"body": b'{"instances": [{"b64": "*"}]}'}, {"Content-Type": "application/json"}, errors.INVALID_BASE64),
        ({"body": b'{"instances": [{"b64": "\xc3\xa4\xc3\xa4"}]}'}, {"Content-Type": "application/json"},
         errors.INVALID_BASE64),
        ({"body": b'{"instances": [{"b64": "YQ=="},{"b64": "YQ=="},{"b64": "YQ=="},{"b64": "YQ=="}]}'},
         {"Content-Type": "application/json"}, errors.TOO_MANY_IMAGES),
        ({"body": PHOTO}, {"Accept": "image/png"}, errors.NOT_ACCEPTABLE),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told_apart(row: dict[str, Any], headers: dict[str, str], problem: Problem) -> None:
    with pytest.raises(RequestError) as caught:
        parsed(row, headers)
    assert caught.value.problem is problem
