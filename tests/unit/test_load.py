"""How a load counts connections that end without a response."""

import select
import socket

import pytest

from scripts.load.load import CUT, REFUSED, Response, Result
from tests.load import Load


@pytest.fixture
def stopped() -> Load:
    """A load on a server that closes its listener while the system holds a connection for it."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 60)  # is readable once the client has sent
    with Load(f"http://127.0.0.1:{listener.getsockname()[1]}/", b"image", clients=1) as load:
        select.select([listener], [], [], 60)
        listener.close()
        load.wait_for(1, REFUSED)
    assert load.counts()[CUT] == 1
    return load


def test_request_that_no_server_took_is_refused(stopped: Load) -> None:
    stopped.refuse_untaken([])
    assert set(stopped.counts()) == {REFUSED}
    assert not stopped.lost()


def test_request_that_a_server_took_is_lost(stopped: Load) -> None:
    stopped.refuse_untaken(list(stopped.outcomes))
    assert stopped.lost() == 1


def test_more_than_one_cut_connection_a_client_is_an_error(stopped: Load) -> None:
    stopped.outcomes["another"] = CUT
    with pytest.raises(AssertionError):
        stopped.refuse_untaken([])


def test_response_that_is_not_json_is_lost() -> None:
    load = Load("http://127.0.0.1/", b"image")
    load.received(Result("1", "image", 0.0, 1.0, "200", "not JSON: b''"), Response(200, {}, b""))
    assert load.lost() == 1
