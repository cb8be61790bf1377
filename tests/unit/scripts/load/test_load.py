"""The load generator: what is sent, and what is recorded of it."""

import socket
import sys
import time

import pytest

from scripts.load.load import CUT, REFUSED, Load, Request, Response, Result
from tests.unit.scripts.load.conftest import RESPONSE_TIME


def sent(url: str, seconds: float = 0.3) -> list[Result]:
    with Load([Request("any", url, b"body")], seconds=seconds) as load:
        load.wait()
    return load.results


def test_requests_take_turns(server: str) -> None:
    requests = [Request(name, f"{server}/x", name.encode()) for name in ("one", "two")]
    with Load(requests, clients=2, seconds=1.0) as load:
        load.wait()
    names = [result.name for result in load.results]
    assert abs(names.count("one") - names.count("two")) <= 1
    assert all((result.outcome, result.problem) == ("200", None) for result in load.results)


def test_each_request_has_its_own_id(server: str) -> None:
    results = sent(f"{server}/x", 0.5)
    assert len({result.request_id for result in results}) == len(results) > 1


def test_total(server: str) -> None:
    with Load([Request("any", f"{server}/x", b"body")], clients=2, total=3) as load:
        load.wait()
    assert len(load.results) == 3


def test_stop_waits_for_the_last_responses(server: str) -> None:
    start = time.monotonic()
    with Load([Request("any", f"{server}/x", b"body")], clients=3):
        time.sleep(RESPONSE_TIME / 2)
    assert time.monotonic() - start > 2 * RESPONSE_TIME  # three responses, one at a time


def test_unexpected_status(server: str) -> None:
    assert {(result.outcome, result.problem) for result in sent(f"{server}/busy")} == {("503", "status 503: {}")}


def test_body_that_is_not_json(server: str) -> None:
    assert {(result.outcome, result.problem) for result in sent(f"{server}/text")} == {("200", "not JSON: b'no'")}


def test_body_that_is_cut(server: str) -> None:
    results = sent(f"{server}/cut")
    assert {result.outcome for result in results} == {CUT}
    assert all(result.problem for result in results)


def test_no_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    results = sent(f"http://127.0.0.1:{port}/x")
    assert {result.outcome for result in results} == {REFUSED}
    assert len(results) < 10  # the client pauses


@pytest.mark.parametrize("keep_alive", [True, False])
def test_connections(server: str, keep_alive: bool) -> None:
    clients = []

    def note(response: Response) -> None:
        clients.append(response.headers["x-client"])

    with Load([Request("any", f"{server}/x", b"body", check=note)], seconds=0.5, keep_alive=keep_alive) as load:
        load.wait()
    assert len(clients) > 1
    assert len(set(clients)) == (1 if keep_alive else len(clients))


def test_error_in_a_check_is_raised(server: str) -> None:
    def fail(_: Response) -> str:
        raise LookupError("in a check")

    with pytest.raises(LookupError), Load([Request("any", f"{server}/x", b"body", check=fail)], seconds=0.2) as load:
        load.wait()


def test_sockets_of_this_process_are_not_replaced(server: str) -> None:
    sent(f"{server}/x")
    assert not sys.modules["gevent.monkey"].is_module_patched("socket")
