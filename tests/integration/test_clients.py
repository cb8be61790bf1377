"""Requests as clients send them, straight to TorchServe; tests/e2e/test_clients.py sends them through the gateway."""

import pytest
import requests

from handler.protocols.form import FORM
from scripts.build.sources import fallback
from tests.client_cases import BOUNDARY, CASES, FORMS, IMAGE, MULTIPART, ClientCase, form
from tests.client_programs import PROGRAMS, Program


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_request(case: ClientCase, inference: str) -> None:
    response = case.send(inference, fallback.NAME)
    if case.directly is None:
        case.check(response)
    else:
        assert response.status_code == case.directly


FIELDS = {"image": IMAGE, "nothing": b"", "text": b"text", "one": b"1"}


@pytest.mark.parametrize("fields", FORMS)
def test_torchserve_and_the_handler_read_the_same_form(fields: str, inference: str) -> None:
    """The gateway sends a form on as FORM, which the handler reads; without it, TorchServe reads the form."""
    body = form(*((name, FIELDS[value]) for name, _, value in (field.partition("=") for field in fields.split())))
    read_by_torchserve, read_here = (
        outcome(ClientCase("", body, {"Content-Type": content_type}).send(inference, fallback.NAME))
        for content_type in (MULTIPART, f"{FORM}; boundary={BOUNDARY}")
    )
    assert read_by_torchserve == read_here


def outcome(response: requests.Response) -> tuple[int, object]:
    """Return the status, and the prediction or the problem's type."""
    document = response.json()
    return response.status_code, document if response.ok else document["type"]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_client(program: Program, inference: str) -> None:
    program(inference, fallback.NAME)
