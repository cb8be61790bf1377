"""The cluster's DNS for one headless Service: the addresses of its ready pods."""

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

PORT = 53
IP_FREEBIND = 15  # of ip(7): the network's address may appear later
A, AUTHORITATIVE, NO_SUCH_NAME, TTL = 1, 0x8400, 3, 5


class HeadlessService(socketserver.ThreadingUDPServer):
    """Responds to every name alike.

    Args:
        address: where to listen.
    """

    daemon_threads = True

    def __init__(self, address: str) -> None:
        self.ready: list[str] = []
        super().__init__((address, PORT), _Query)

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        super().server_bind()


class _Query(socketserver.BaseRequestHandler):
    server: HeadlessService

    def handle(self) -> None:
        query, client = self.request
        end = query.index(0, 12) + 5  # the name, its type and its class
        (kind,) = struct.unpack("!H", query[end - 4 : end - 2])
        ready = self.server.ready if kind == A else []
        flags = AUTHORITATIVE | (0 if self.server.ready else NO_SUCH_NAME)
        head = query[:2] + struct.pack("!5H", flags, 1, len(ready), 0, 0)
        records = [struct.pack("!3HIH", 0xC00C, A, 1, TTL, 4) + socket.inet_aton(address) for address in ready]
        client.sendto(head + query[12:end] + b"".join(records), self.client_address)


@contextmanager
def serving(address: str) -> Iterator[HeadlessService]:
    """Serve in a thread."""
    with HeadlessService(address) as service:
        thread = threading.Thread(target=service.serve_forever, daemon=True)
        thread.start()
        try:
            yield service
        finally:
            service.shutdown()
            thread.join()
