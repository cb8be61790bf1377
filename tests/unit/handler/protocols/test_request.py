"""A row of TorchServe's becomes a request, or one of the table's errors."""

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

import pytest

from handler import errors
from handler.decode.formats import FORMATS
from handler.errors import Problem, RequestError
from handler.protocols import kserve_v1, native
from handler.protocols.media_types import looks_like_image
from handler.protocols.request import Request, parse_request
from tests.conftest import encoded, picture
from tests.unit.handler.decode.heif_files import heic

PHOTO = b"\xff\xd8 a photo's bytes"
FORM_ENCODED = "application/x-www-form-urlencoded"
B64 = base64.b64encode(PHOTO).decode()


def parsed(row: dict[str, Any], headers: dict[str, Any] | None = None) -> Request:
    request = parse_request(row, headers or {}, classes=10, max_images=3)
    assert isinstance(request, Request)
    return request


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


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "text/json", "application/octet-stream", "image/jpeg", FORM_ENCODED]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("before", ["", "\r\n\t "])
def test_json_is_json_whatever_its_content_type(content_type: str | None, encoding: str, before: str) -> None:
    body = (before + json.dumps({"instances": [{"b64": B64}]})).encode(encoding)
    headers = {} if content_type is None else {"Content-Type": content_type}
    assert parsed({"body": bytearray(body)}, headers).images == [PHOTO]


@pytest.mark.parametrize("name", FORMATS)
def test_an_image_is_an_image_whatever_its_content_type(name: str) -> None:
    image = heic() if name == "HEIF" else encoded(picture(), name)
    assert looks_like_image(image)
    assert parsed({"body": bytearray(image)}, {"Content-Type": "application/json"}).images == [image]


def as_a_form(body: str) -> dict[str, bytes]:
    """Return the row that TorchServe makes of a body that is labelled as a form."""
    return {unquote_plus(name): unquote_plus(value).encode() for name, _, value in map(partition, body.split("&"))}


def partition(pair: str) -> tuple[str, str, str]:
    return pair.partition("=")


@pytest.mark.parametrize("length", range(1, 10))
@pytest.mark.parametrize("indent", [None, 2])
def test_json_that_torchserve_read_as_a_form(length: int, indent: int | None) -> None:
    image = (b"\xfb\xef\xbe" * 3)[:length]  # nothing but + in base64
    text = base64.b64encode(image).decode()
    document = {"instances": [{"b64": text}, {"image": {"b64": text}}], "note": "a=b&c", "parameters": {"top_k": 2}}
    request = parsed(as_a_form(json.dumps(document, indent=indent)), {"Content-Type": FORM_ENCODED + "; charset=utf-8"})
    assert (request.images, request.top_k) == ([image, image], 2)


def test_json_that_torchserve_has_already_read() -> None:
    assert parsed({"body": {"instances": [{"b64": B64}]}}).images == [PHOTO]


@pytest.mark.parametrize("name", ["top_k", "topk", "topK", "Top-K", "k", "threshold", "min_score", "X-Top-K"])
@pytest.mark.parametrize(
    "place",
    [
        lambda name: {"instances": [{"b64": B64}], name: 3},
        lambda name: {"instances": [{"b64": B64}, {"b64": B64, name: 3}]},
        lambda name: {"instances": [{"image": {"b64": B64, name: 3}}]},
    ],
    ids=["beside", "inside", "deeper"],
)
def test_an_option_where_it_has_no_effect(name: str, place: Callable[[str], Any]) -> None:
    with pytest.raises(RequestError, match=r'send .*"parameters": {"top_k": 3}') as caught:
        as_json(place(name))
    assert caught.value.problem is errors.INVALID_PARAMETER
    assert name in caught.value.detail


@pytest.mark.parametrize("name", ["topk", "Top_K", "top-k", "k", "thresh", "parameters"])
def test_a_form_field_that_looks_like_an_option(name: str) -> None:
    with pytest.raises(RequestError, match=f"no parameter {name} here: send the fields top_k") as caught:
        parsed({"data": PHOTO, name: b"3"}, {"Content-Type": "multipart/form-data"})
    assert caught.value.problem is errors.INVALID_PARAMETER


def test_other_fields_of_a_page_are_left_alone() -> None:
    fields = {"data": PHOTO, "image": b"", "submit": b"Send", "csrf_token": b"x", "MAX_FILE_SIZE": b"9"}
    assert parsed(fields, {"Content-Type": "multipart/form-data"}).images == [PHOTO]
    document = {"signature_name": "serving_default", "id": "7", "instances": [{"b64": B64}]}
    assert as_json(document).images == [PHOTO]


def test_two_images_in_a_form_that_torchserve_read() -> None:
    with pytest.raises(RequestError, match=r"2 images \(image, data\)") as caught:
        parsed({"image": PHOTO, "data": PHOTO}, {"Content-Type": "multipart/form-data"})
    assert caught.value.problem is errors.SEVERAL_IMAGES


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
        ({"body": b'{"instances": [[[0.1, 0.2]]]}'}, {"Content-Type": "application/json"}, errors.INVALID_JSON),
        ({"body": b'{"instances": [{"b64": "YQ==", "image": "YQ=="}]}'}, {}, errors.INVALID_JSON),
        ({"body": b'{"instances": [{"data": {"uri": "YQ=="}}]}'}, {}, errors.INVALID_JSON),
        ({"body": b'{"instances": [' + b'{"image": ' * 900 + b'{"b64": "YQ=="}' + b"}" * 900 + b"]}"}, {},
         errors.INVALID_JSON),
        ({"body": b'{"instances": [{"b64": "===="}]}'}, {}, errors.EMPTY_BODY),
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
