"""What TorchServe's worker makes of a form in which several fields have the same name."""

from typing import Any

import pytest
from ts.service import Service

from handler import errors
from handler.errors import RequestError
from handler.protocols.form import FORM
from handler.protocols.request import Request, parse_request
from handler.protocols.rows import fields_of, keep_repeated_fields
from tests.client_cases import BOUNDARY, FORMS, form

PHOTO = b"\xff\xd8\xff\xe0 a photo"
MULTIPART = "multipart/form-data; boundary=x"
FORM_ENCODED = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker in which two models are loaded, one after the other."""
    monkeypatch.setattr(Service, "retrieve_data_for_inference", Service.retrieve_data_for_inference)
    keep_repeated_fields()
    keep_repeated_fields()


def retrieved(*requests: list[tuple[str, bytes]], content_type: str = MULTIPART) -> tuple[list[Any], list[Any]]:
    """Return the headers and the rows of requests with these fields."""
    batch = [
        {
            "requestId": f"id-{index}".encode(),
            "headers": [{"name": b"Content-Type", "value": content_type.encode()}],
            "parameters": [{"name": name, "contentType": "", "value": bytearray(value)} for name, value in fields],
        }
        for index, fields in enumerate(requests)
    ]
    headers, rows, ids = Service.retrieve_data_for_inference(batch)
    assert ids == {index: f"id-{index}" for index in range(len(requests))}
    return [each.get_request_properties() for each in headers], rows


def test_all_fields_are_kept_in_their_order() -> None:
    fields = [("data", b"1"), ("tag", b"2"), ("data", b"3"), ("tag", b"4")]
    _, (row,) = retrieved(fields)
    assert fields_of(row) == fields
    assert row == {"data": b"3", "tag": b"4"}


def test_other_requests_of_the_batch_are_as_torchserve_makes_them() -> None:
    _, rows = retrieved([("body", PHOTO)], [("data", b"1"), ("data", b"2")], [("data", PHOTO), ("top_k", b"1")], [])
    assert [type(row) is dict for row in rows] == [True, False, True, True]
    assert [rows[0], rows[2], rows[3]] == [{"body": PHOTO}, {"data": PHOTO, "top_k": b"1"}, {}]


def test_two_images_of_one_name_are_refused() -> None:
    (headers,), (row,) = retrieved([("data", PHOTO), ("data", PHOTO)])
    with pytest.raises(RequestError, match=r"2 images \(data, data\)") as caught:
        parse_request(row, headers, classes=10, max_images=1)
    assert caught.value.problem is errors.SEVERAL_IMAGES


def test_a_file_field_that_was_left_empty_does_not_count() -> None:
    (headers,), (row,) = retrieved([("data", PHOTO), ("data", b"")])
    assert parse_request(row, headers, classes=10, max_images=1).images == [PHOTO]


FIELDS = {"image": PHOTO, "nothing": b"", "text": b"text", "one": b"1"}


@pytest.mark.parametrize("fields", FORMS)
def test_a_form_means_the_same_whoever_reads_it(fields: str) -> None:
    """TorchServe reads it, or, behind the gateway, the handler."""
    named = [(name, FIELDS[value]) for name, _, value in (field.partition("=") for field in fields.split())]
    (headers,), (row,) = retrieved(named)
    assert meaning(row, headers) == meaning({"body": form(*named)}, {"Content-Type": f"{FORM}; boundary={BOUNDARY}"})


def meaning(row: dict[str, Any], headers: dict[str, Any]) -> object:
    try:
        request = parse_request(row, headers, classes=10, max_images=1)
    except RequestError as error:
        return error.problem
    assert isinstance(request, Request)
    return request.images, request.top_k


def test_json_that_torchserve_read_as_a_form_with_repeated_names() -> None:
    (headers,), (row,) = retrieved(
        [('{"instances": [{"b64": "QUJD"}], "note": "', b""), ("a", b"1"), ("a", b'1"}')], content_type=FORM_ENCODED
    )
    assert parse_request(row, headers, classes=10, max_images=1).images == [b"ABC"]
