"""Work that waits until a batch has its responses."""

import logging
import socket
import sys
import weakref
from collections.abc import Iterator
from functools import partial
from types import ModuleType
from typing import Any

import pytest
import torch
from ts.context import Context

from handler.after_response import AfterResponse
from tests.unit.handler.batches import PHOTO, handled, loaded


class Worker(ModuleType):
    """TorchServe's, as far as the handler knows it: a module that runs as `__main__`."""

    def __init__(self, *, async_comm: bool = False) -> None:
        super().__init__("__main__")
        self.async_comm = async_comm
        self.done: list[str] = []
        self.retrieve_msg: Any = self._retrieve

    def _retrieve(self, connection: socket.socket) -> bytes:
        self.done.append("message")
        return connection.recv(1)


@pytest.fixture
def connection() -> Iterator[socket.socket]:
    """The worker's end of its connection, where two messages have arrived."""
    frontend, worker = socket.socketpair()
    with frontend, worker:
        frontend.sendall(b"12")
        yield worker


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    return started(monkeypatch)


def started(monkeypatch: pytest.MonkeyPatch, *, async_comm: bool = False) -> Worker:
    worker = Worker(async_comm=async_comm)
    monkeypatch.setitem(sys.modules, "__main__", worker)
    return worker


def test_a_worker_works_before_it_takes_the_next_message(worker: Worker, connection: socket.socket) -> None:
    after = AfterResponse()
    after.do(lambda: worker.done.append("work"))
    assert worker.done == []
    assert worker.retrieve_msg(connection) == b"1"
    assert worker.retrieve_msg(connection) == b"2"
    assert worker.done == ["work", "message", "message"]


def test_nothing_of_a_batch_is_kept_while_a_worker_waits(worker: Worker, connection: socket.socket) -> None:
    scores, kept = torch.zeros(1), []
    reference, retrieve = weakref.ref(scores), worker.retrieve_msg

    def wait(connection: socket.socket) -> Any:
        kept.append(reference())
        return retrieve(connection)

    worker.retrieve_msg = wait
    AfterResponse().do(partial(print, scores))
    del scores
    worker.retrieve_msg(connection)
    assert kept == [None]


def test_other_processes_work_at_once() -> None:
    done: list[str] = []
    AfterResponse().do(lambda: done.append("work"))
    assert done == ["work"]


def test_a_worker_that_responds_in_threads_works_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = started(monkeypatch, async_comm=True)
    AfterResponse().do(lambda: worker.done.append("work"))
    assert worker.done == ["work"]


def test_a_worker_works_though_no_message_comes(worker: Worker) -> None:
    frontend, connection = socket.socketpair()
    AfterResponse().do(frontend.close)  # else the worker would wait for a message
    with connection:
        assert worker.retrieve_msg(connection) == b""


def test_work_that_fails_is_logged_and_the_worker_goes_on(
    worker: Worker, connection: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ValueError("a fault")

    after = AfterResponse()
    after.do(fail)
    after.do(lambda: worker.done.append("work"))
    assert worker.retrieve_msg(connection) == b"1"
    assert worker.done == ["work", "message"]
    assert "ValueError: a fault" in caplog.text


def test_log_and_metrics_of_a_request_follow_its_response(
    worker: Worker,
    connection: socket.socket,
    context: Context,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    handled(loaded(context), context, ({"body": PHOTO}, {}))
    assert '"status":200' not in capsys.readouterr().out
    assert "classifier_requests_total" not in caplog.text
    worker.retrieve_msg(connection)
    assert '"status":200' in capsys.readouterr().out
    assert "classifier_requests_total.requests:1" in caplog.text
