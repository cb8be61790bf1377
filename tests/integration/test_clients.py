"""Requests as clients send them, straight to TorchServe; tests/e2e/test_clients.py sends them through the gateway."""

import pytest

from scripts.build.sources import fallback
from tests.client_cases import CASES, ClientCase
from tests.client_programs import PROGRAMS, Program


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_request(case: ClientCase, inference: str) -> None:
    response = case.send(inference, fallback.NAME)
    if case.directly is None:
        case.check(response)
    else:
        assert response.status_code == case.directly


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_client(program: Program, inference: str) -> None:
    program(inference, fallback.NAME)
