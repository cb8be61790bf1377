"""One call over HTTP, and what its status is in gRPC."""

import threading
import time
from collections.abc import Mapping
from typing import NoReturn

import grpc
import requests

from handler.errors import PROBLEM_MEDIA_TYPE

PASSED_ON = ("x-request-id", "x-request-parent", "traceparent", "tracestate")  # as the gateway wrote them
TIMEOUT = 120.0  # s for a call without a deadline, as long as TorchServe's own responseTimeout and a full queue need
# As gRPC's own mapping of HTTP where it has one; a refused image is the client's mistake, not its state.
CODES = {
    404: grpc.StatusCode.NOT_FOUND,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    502: grpc.StatusCode.UNAVAILABLE,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


class Forwarder:
    """Sends calls to an HTTP server.

    Args:
        url: its address.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._local = threading.local()  # a session is for one thread

    def post(
        self, context: grpc.ServicerContext, path: str, body: bytes, headers: Mapping[str, str]
    ) -> requests.Response:
        """Send one request, with the call's deadline, request id and trace; a response that is no 200 ends the call.

        Args:
            context: of the call.
            path: below the server's address.
            body: what is sent.
            headers: further headers.
        """
        left = min(context.time_remaining() or TIMEOUT, TIMEOUT)  # without a deadline, some clients have ages
        sent = {"X-Request-Start": f"t={time.time():.3f}", **headers}
        metadata = dict(context.invocation_metadata())
        found = {name: str(metadata.get(name, "")).strip() for name in PASSED_ON}  # no header begins with a space
        sent |= {name: value for name, value in found.items() if value}
        if left < TIMEOUT:
            sent["X-Request-Timeout"] = f"{left:.3f}"
        try:
            response = self._session().post(f"{self._url}{path}", data=body, headers=sent, timeout=left)
        except requests.Timeout:
            context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline is over: allow more time, or send fewer")
        except requests.RequestException:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the model server ended the connection: send the call again")
        if not response.ok:
            _abort(context, response)
        return response

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False  # no proxy between the two
        session: requests.Session = self._local.session
        return session


def _abort(context: grpc.ServicerContext, response: requests.Response) -> NoReturn:
    """End a call with the sentence of a problem document; its type and Retry-After go into the trailing metadata."""
    code = CODES.get(response.status_code, grpc.StatusCode.INTERNAL)
    if 400 <= response.status_code < 500 and response.status_code not in CODES:
        code = grpc.StatusCode.INVALID_ARGUMENT
    trailing = []
    if retry_after := response.headers.get("Retry-After"):
        trailing.append(("retry-after", retry_after))
    if response.headers.get("Content-Type") == PROBLEM_MEDIA_TYPE:
        document = response.json()
        trailing.append(("problem-type", document["type"]))
        details = document["error"]
    else:
        details = _of_torchserve(response)
    context.set_trailing_metadata(trailing)
    context.abort(code, details)
    raise AssertionError("abort has not ended the call")


def _of_torchserve(response: requests.Response) -> str:
    """Return the message of an error of TorchServe's own."""
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"the model server responded with status {response.status_code}"
