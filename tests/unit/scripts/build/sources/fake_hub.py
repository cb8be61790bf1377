"""A fake Hugging Face Hub: an HTTP server with the part of the API that a download needs."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from scripts.build.sources.hub import REPOSITORY, REVISION


class FakeHub:
    """Serves a model directory under the pinned repository and revision.

    Args:
        directory: the files to serve.
        status: the status of every response if it is not 200.
        corrupt: flip the last byte of every large file.
    """

    def __init__(self, directory: Path, status: int = 200, corrupt: bool = False) -> None:
        self.directory = directory
        self.status = status
        self.corrupt = corrupt
        self.requests: list[str] = []
        self.url = ""

    @contextmanager
    def serving(self) -> Iterator["FakeHub"]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.serve(with_body=False)

            def do_GET(self) -> None:
                self.serve(with_body=True)

            def serve(self, with_body: bool) -> None:
                hub.requests.append(f"{self.command} {self.path}")
                prefix = f"/{REPOSITORY}/resolve/{REVISION}/"
                if self.path == "/":
                    self.respond(200, b"", {})
                elif hub.status != 200:
                    self.respond(hub.status, b"{}", {})
                elif not self.path.startswith(prefix):
                    self.respond(404, b"", {"X-Error-Code": "EntryNotFound"})
                else:
                    body = (hub.directory / self.path.removeprefix(prefix)).read_bytes()
                    digest = hashlib.sha256(body).hexdigest()
                    if hub.corrupt and self.path.endswith(".safetensors"):
                        body = body[:-1] + bytes([body[-1] ^ 1])
                    headers = {"ETag": f'"{digest}"', "X-Linked-Etag": f'"{digest}"', "X-Repo-Commit": REVISION}
                    self.respond(200, body if with_body else b"", headers, length=len(body))

            def respond(self, status: int, body: bytes, headers: dict[str, str], length: int | None = None) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body) if length is None else length))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
