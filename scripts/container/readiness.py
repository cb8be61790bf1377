"""What TorchServe does not tell by itself: whether it is ready, and its queue and workers as metrics.

=======================  ======================================================================================
/accepting               200 while requests should be sent here: started, and not asked to stop; costs nothing
/readyz                  200 if the workers of each model's default version are READY and it really predicts
/idle/<model>/<version>  200 if nothing is in flight in a version, which a rollout waits for
/metrics                 queue, workers and restarts for Prometheus
/registration            200 if the gateway may pass on the request in X-Original-URI, 403 and X-Refusal if not
=======================  ======================================================================================

Run as a command it asks `/readyz`, as the container's health check does.
"""

import json
import os
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

import requests

from scripts.archives import registration
from scripts.client.management import Management
from scripts.client.predict import TINY_IMAGE
from scripts.common.errors import CommandError
from scripts.common.paths import MODEL_STORE
from scripts.server.idle import wait_idle

DEFAULT_PORT = 8083
POLL = 1.0  # s between two looks at TorchServe; a worker that restarts is away for at least as long
PREDICTION_TIMEOUT = 5.0  # s for the one small prediction of /readyz
READINESS_AGE = 2.0  # s an answer of /readyz may be old: asking must not load the server
IDLE_TIMEOUT = 2.0  # s until a version that is not idle is called busy


class Readiness:
    """Watches one TorchServe.

    Args:
        management: its management API.
        inference_url: its inference address.
        store: its model store.
    """

    def __init__(self, management: Management, inference_url: str, store: Path = MODEL_STORE) -> None:
        self.accepting = threading.Event()
        self.store = store
        self._management = management
        self._inference_url = inference_url
        self._versions: list[dict[str, Any]] = []
        self._defaults: set[tuple[str, str]] = set()
        self._pids: dict[tuple[str, str, str], int] = {}
        self._restarts: Counter[tuple[str, str]] = Counter()
        self._readiness_lock = threading.Lock()
        self._readiness: tuple[float, str] = (-READINESS_AGE, "")

    def watch(self) -> None:
        """Look at TorchServe again and again; for a thread of its own."""
        while True:
            self.look()
            time.sleep(POLL)

    def look(self) -> None:
        """Take queues and workers from the management API; nothing while it does not answer."""
        try:
            names = [model["modelName"] for model in self._management.models()]
            versions = [one for name in names for one in self._management.describe(name, "all")]
            defaults = {(name, self._management.describe(name)[0]["modelVersion"]) for name in names}
        except CommandError:
            versions, defaults = [], set()
        for version in versions:
            key = (version["modelName"], version["modelVersion"])
            for worker in version["workers"]:
                if worker["pid"] <= 0:  # not started yet
                    continue
                before = self._pids.get((*key, worker["id"]))
                self._restarts[key] += before is not None and before != worker["pid"]
                self._pids[*key, worker["id"]] = worker["pid"]
        self._versions, self._defaults = versions, defaults

    def problem(self) -> str:
        """Return why a prediction would not work, "" if it would; one real prediction a model, at most 2 s old."""
        with self._readiness_lock:
            asked, problem = self._readiness
            if time.monotonic() - asked >= READINESS_AGE:
                problem = self._ask()
                self._readiness = (time.monotonic(), problem)
        return problem

    def _ask(self) -> str:
        if not self.accepting.is_set():
            return "the server is starting or stopping"
        self.look()
        if not self._versions:
            return "no model is registered, or the management API does not answer"
        for version in self._versions:
            if (version["modelName"], version["modelVersion"]) not in self._defaults:
                continue  # one that is being rolled out, or that is kept: its state is no reason to send nobody here
            name = version["modelName"]
            states = [worker["status"] for worker in version["workers"]]
            if len(states) != version["minWorkers"] or any(state != "READY" for state in states):
                return f"the workers of {name} are {states}, and {version['minWorkers']} should be READY"
            if not states:
                continue  # scaled to no worker: somebody's wish
            try:
                url = f"{self._inference_url}/predictions/{name}"
                answer = requests.post(url, data=TINY_IMAGE, timeout=PREDICTION_TIMEOUT)
            except requests.RequestException as error:
                return f"{name} does not answer a prediction: {type(error).__name__}"
            if not answer.ok:
                return f"{name} answers a prediction with status {answer.status_code}"
        return ""

    def idle(self, name: str, version: str) -> bool:
        """Say whether nothing is in flight in a version."""
        return wait_idle(self._management, IDLE_TIMEOUT, name, version)

    def metrics(self) -> str:
        """Return the metrics in Prometheus' text format."""
        families = {
            "serving_queue_requests": ("gauge", "Requests that wait for a worker."),
            "serving_queue_capacity_requests": ("gauge", "Requests that may wait; more are answered 503."),
            "serving_workers_ready": ("gauge", "Workers that are READY."),
            "serving_workers_wanted": ("gauge", "Workers that there should be."),
            "serving_worker_restarts_total": ("counter", "Workers that were started again after they ended."),
        }
        lines = [
            "# HELP serving_accepting 1 while requests should be sent here.",
            "# TYPE serving_accepting gauge",
            f"serving_accepting {int(self.accepting.is_set())}",
        ]
        samples = list(self._samples())
        for name, (kind, text) in families.items():
            lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
            lines += [f"{name}{labels} {value}" for family, labels, value in samples if family == name]
        return "\n".join(lines) + "\n"

    def _samples(self) -> Iterator[tuple[str, str, int]]:
        for version in self._versions:
            key = (version["modelName"], version["modelVersion"])
            labels = f'{{model_name="{_escaped(key[0])}",model_version="{_escaped(key[1])}"}}'
            queue = version["jobQueueStatus"]
            ready = sum(worker["status"] == "READY" for worker in version["workers"])
            yield "serving_queue_requests", labels, queue["pendingRequests"]
            yield "serving_queue_capacity_requests", labels, queue["pendingRequests"] + queue["remainingCapacity"]
            yield "serving_workers_ready", labels, ready
            yield "serving_workers_wanted", labels, version["minWorkers"]
            yield "serving_worker_restarts_total", labels, self._restarts[key]


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about somebody who did not wait for the answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def serve(status: Readiness, address: str, port: int) -> ThreadingHTTPServer:
    """Answer for a status in threads of their own.

    Args:
        status: what to tell.
        address: the address to listen at.
        port: the port, 0 for any that is free.
    """

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            match self.path:
                case "/accepting":
                    accepting = status.accepting.is_set()
                    self._send(200 if accepting else 503, "text/plain", "yes\n" if accepting else "no\n")
                case "/readyz":
                    problem = status.problem()
                    body = json.dumps({"ready": not problem, **({"detail": problem} if problem else {})})
                    self._send(503 if problem else 200, "application/json", body + "\n")
                case path if re.fullmatch("/idle/[^/]+/[^/]+", path):
                    idle = status.idle(*map(unquote, path.split("/")[2:]))
                    self._send(200 if idle else 503, "application/json", json.dumps({"idle": idle}) + "\n")
                case "/metrics":
                    self._send(200, "text/plain; version=0.0.4; charset=utf-8", status.metrics())
                case "/registration":
                    self._registration()
                case _:
                    there = "/accepting, /readyz, /idle/<model>/<version>, /metrics and /registration"
                    self._send(404, "text/plain", f"there are {there}\n")

        def _registration(self) -> None:
            refusal = ""
            if self.headers.get("X-Original-Method") not in ("GET", "HEAD"):
                refusal = registration.refusal(self.headers.get("X-Original-URI", "").partition("?")[2], status.store)
            self._send(403 if refusal else 200, "text/plain", f"{refusal or 'yes'}\n", {"X-Refusal": refusal})

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
            """Say nothing: the gateway asks all the time."""

    server = _Server((address, port), Answer)
    for work in (server.serve_forever, status.watch):
        threading.Thread(target=work, daemon=True).start()
    return server


def check() -> None:
    """Ask a running server whether a prediction would work; STATUS_PORT names another port.

    Raises:
        CommandError: it would not.
    """
    url = f"http://127.0.0.1:{os.environ.get('STATUS_PORT', DEFAULT_PORT)}/readyz"
    try:
        response = requests.get(url, timeout=30)
    except requests.RequestException as error:
        raise CommandError(f"nothing answers at {url}") from error
    if not response.ok:
        raise CommandError(f"not ready: {response.text.strip()}")
