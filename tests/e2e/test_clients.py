"""Requests as clients send them, through the gateway; tests/integration/test_clients.py sends them to TorchServe."""

import pytest

from tests.client_cases import CASES, ClientCase
from tests.client_programs import PROGRAMS, Program
from tests.e2e.stack import Stack


@pytest.fixture(scope="module")
def model(stack: Stack) -> str:
    return stack.model()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_request(case: ClientCase, stack: Stack, model: str) -> None:
    case.check(case.send(stack.url, model))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_client(program: Program, stack: Stack, model: str) -> None:
    program(stack.url, model)
