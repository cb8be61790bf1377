"""The status service beside TorchServe, for the gateway, Prometheus and the container's health check.

=======================  ======================================================================================
/accepting               200 while the server serves: it has started and is not stopping; costs nothing
/livez                   200 if the workers of each model's default version are READY, however busy they are
/readyz                  200 if the workers of each model's default version are READY and a prediction succeeds
/idle/<model>/<version>  200 if a version has no request, which a rollout waits for
/metrics                 queue, workers and restarts for Prometheus
/v1/models               the names of the models whose default version has workers, as KServe lists them
/v1/models/..., /v2...   what scripts/container/kserve.py says about the server and its models
/page, /docs...          what scripts/container/browser/ shows in a browser
/authorization           200 if the gateway may pass on the management call in X-Original-Method and X-Original-URI,
                         401 or 403 and X-Problem if not
=======================  ======================================================================================
"""

import json
import os
import re
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

import requests
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from scripts.common.errors import CommandError
from scripts.container import kserve, queue_metrics
from scripts.container.authorization import Authorization
from scripts.container.browser import pages
from scripts.container.readiness import Readiness

DEFAULT_PORT = 8083


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that close the connection early."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def watch(self, readiness: Readiness) -> None:
        """Keep the figures up to date until the shutdown."""
        self._stopped = threading.Event()
        self._watching = threading.Thread(target=readiness.watch, args=[self._stopped], daemon=True)
        self._watching.start()

    def shutdown(self) -> None:
        self._stopped.set()
        self._watching.join()
        super().shutdown()


def serve(readiness: Readiness, authorization: Authorization, address: str, port: int) -> ThreadingHTTPServer:
    """Serve in threads of their own.

    Args:
        readiness: what to report.
        authorization: what decides on calls to the management API.
        address: the address to listen at.
        port: the port; 0 takes any free one.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            match self.path:
                case "/accepting":
                    accepting = readiness.accepting.is_set()
                    self._send(200 if accepting else 503, "text/plain", "yes\n" if accepting else "no\n")
                case "/livez":
                    self._send_check("live", readiness.missing_workers())
                case "/readyz":
                    self._send_check("ready", readiness.problem())
                case path if re.fullmatch("/idle/[^/]+/[^/]+", path):
                    idle = readiness.idle(*map(unquote, path.split("/")[2:]))
                    self._send(200 if idle else 503, "application/json", json.dumps({"idle": idle}) + "\n")
                case "/metrics":
                    self._send(200, CONTENT_TYPE_PLAIN_0_0_4, queue_metrics.exposition(readiness))
                case "/v1/models":
                    self._send(200, "application/json", json.dumps({"models": readiness.served()}) + "\n")
                case "/authorization":
                    self._authorize()
                case path if response := kserve.respond(path, readiness):
                    self._send(*response)
                case path if response := pages.respond(path, readiness.served()):
                    self._send(*response)
                case _:
                    there = (
                        "/accepting, /livez, /readyz, /idle/<model>/<version>, /metrics, /v1/models, /v2, "
                        "/page, /docs, /authorization"
                    )
                    self._send(404, "text/plain", f"there are {there}\n")

        def _send_check(self, name: str, problem: str | None) -> None:
            body = {name: True} if problem is None else {name: False, "detail": problem}
            self._send(200 if problem is None else 503, "application/json", json.dumps(body) + "\n")

        def _authorize(self) -> None:
            method, address = (self.headers.get(name, "") for name in ("X-Original-Method", "X-Original-URI"))
            credentials, expected = self.headers.get("Authorization", ""), self.headers.get("X-Expected-Replicas", "1")
            try:
                refusal = authorization.refusal(method, address, credentials, int(expected))
            except OSError as error:
                self._send(503, "text/plain", f"DNS does not say how many model servers there are: {error}\n")
                return
            if refusal is None:
                self._send(200, "text/plain", "yes\n")
                return
            told = {"X-Problem": refusal.slug, "X-Problem-Title": refusal.title, "X-Problem-Detail": refusal.detail}
            self._send(refusal.status, "text/plain", f"{refusal.detail}\n", told)

        def _send(
            self, code: int, content_type: str, body: str, headers: Mapping[str, str] = MappingProxyType({})
        ) -> None:
            data = body.encode()
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Log nothing: the gateway asks all the time."""

    server = _Server((address, port), Handler)
    server.watch(readiness)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def check() -> None:
    """Make sure that a running server is ready; STATUS_PORT names another port.

    Raises:
        CommandError: it is not.
    """
    url = f"http://127.0.0.1:{os.environ.get('STATUS_PORT', DEFAULT_PORT)}/readyz"
    try:
        response = requests.get(url, timeout=30)
    except requests.RequestException as error:
        raise CommandError(f"no server responds at {url}") from error
    if not response.ok:
        raise CommandError(f"not ready: {response.text.strip()}")
