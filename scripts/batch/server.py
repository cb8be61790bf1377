"""Images through a running server, many at a time."""

import re
import threading
import time
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count, islice
from queue import SimpleQueue
from urllib.parse import quote

import urllib3
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from scripts.batch.rows import Row, read_image
from scripts.client.predict import TIMEOUT
from scripts.common.errors import CommandError

PATIENCE = 60.0  # s for which an image is sent again while the server has no room for it or does not respond
PAUSE = 0.5  # s before it is sent again where no Retry-After says
FULL = (429, 503)
FAILED = (502, 504, 507)  # the server failed while it had the image, which may be the cause
TRIES = 3  # of those
AGAIN = "the same command goes on where this one stopped"


class Server:
    """A running server.

    Args:
        url: its inference address.
        name: the served name, or `name/version`.
        top_k: number of classes; None takes the server's default.
        clients: requests at a time.
    """

    def __init__(self, url: str, name: str, top_k: int | None, clients: int) -> None:
        self._url, self._clients = url, clients
        self._path = f"{parse_url(url).path or ''}/predictions/{quote(name)}"
        self._headers = {"Accept": "application/json"} | ({} if top_k is None else {"X-Top-K": str(top_k)})
        self._pool = urllib3.connection_from_url(url, maxsize=clients, block=True, timeout=TIMEOUT, retries=False)
        self._responded = False
        self._stopped = threading.Event()

    def rows(self, files: Iterable[str]) -> Generator[Row, None, None]:
        """Yield the row of each file, as the responses come.

        Raises:
            CommandError: the server does not respond, or has had no room for a while.
        """
        left = iter(files)
        done: SimpleQueue[Future[Row]] = SimpleQueue()
        with ThreadPoolExecutor(self._clients, "predict") as threads:
            try:
                waiting = self._submit(islice(left, 2 * self._clients), threads, done)
                refused = 0
                while waiting:
                    row = done.get().result()
                    waiting += self._submit(islice(left, 1), threads, done) - 1
                    yield row
                    refused = refused + 1 if row.status in FULL else 0
                    if refused == self._clients:
                        raise CommandError(f"{self._url} has no room for more images ({row.detail}): {AGAIN}")
            finally:
                self._stopped.set()
                threads.shutdown(cancel_futures=True)
                self._pool.close()

    def _submit(self, files: Iterable[str], threads: ThreadPoolExecutor, done: SimpleQueue[Future[Row]]) -> int:
        """Have threads send these files, and return how many there are."""
        submitted = 0
        for file in files:
            threads.submit(self._row, file).add_done_callback(done.put)
            submitted += 1
        return submitted

    def _row(self, file: str) -> Row:
        data = read_image(file)
        if isinstance(data, Row):
            return data
        response = self._respond(data)
        return Row.of_response(file, response.status, response.data)

    def _respond(self, data: bytes) -> BaseHTTPResponse:
        """Send an image, again where that may help, and return the last response."""
        give_up = time.monotonic() + PATIENCE
        for attempt in count(1):
            response: BaseHTTPResponse | None = None
            try:
                response = self._pool.request("POST", self._path, body=data, headers=self._headers)
                self._responded = True
            except HTTPError as error:
                problem = error
            if response and (
                response.status not in (*FULL, *FAILED) or (response.status in FAILED and attempt == TRIES)
            ):
                return response
            pause = _pause(response)
            over = time.monotonic() + pause > give_up or not self._responded
            if over or self._stopped.wait(pause):
                break
        if not response:
            raise CommandError(
                f"no inference API responds at {self._url} ({type(problem).__name__}): "
                f"start the server with make serve, or name it with --url; {AGAIN}"
            ) from problem
        return response


def _pause(response: BaseHTTPResponse | None) -> float:
    """Return the seconds to wait before the next try."""
    retry_after = response.headers.get("Retry-After", "") if response else ""
    return float(retry_after) if re.fullmatch(r"[0-9]{1,6}", retry_after) else PAUSE
