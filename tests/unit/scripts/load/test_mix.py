"""The checks of valid and invalid requests."""

import json

import pytest

from handler import errors
from scripts.load.load import Response
from scripts.load.mix import fails, succeeds


def status(body: bytes) -> object:
    return json.loads(body)["top"]


@pytest.mark.parametrize(
    ("code", "body", "problem"),
    [
        (200, b'{"top": 1}', None),
        (200, b'{"top": 2}', "top-1 is 2, not 1"),
        (200, b"", "not a prediction: b''"),
        (200, b"{}", "not a prediction: b'{}'"),
        (503, b'{"top": 1}', "status 503"),
    ],
)
def test_valid_request(code: int, body: bytes, problem: str | None) -> None:
    assert succeeds(status, 1)(Response(code, {}, body)) == problem


@pytest.mark.parametrize(
    ("code", "slug", "problem"),
    [
        (400, "empty-body", None),
        (400, "invalid-json", "status 400 invalid-json"),
        (500, "empty-body", "status 500 empty-body"),
    ],
)
def test_invalid_request(code: int, slug: str, problem: str | None) -> None:
    headers = {"content-type": "application/problem+json"}
    body = json.dumps({"type": f"/problems/{slug}"}).encode()
    assert fails(errors.EMPTY_BODY)(Response(code, headers, body)) == problem


def test_invalid_request_without_a_problem_document() -> None:
    assert fails(errors.EMPTY_BODY)(Response(400, {}, b"")) == "status 400"
