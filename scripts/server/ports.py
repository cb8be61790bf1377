"""The ports of one TorchServe."""

import socket
from dataclasses import dataclass

from scripts.common.errors import CommandError


@dataclass(frozen=True)
class Ports:
    """The ports of a server; all follow from the first, as TorchServe's defaults do from 8080.

    Args:
        inference: the first.
    """

    inference: int = 8080

    @property
    def management(self) -> int:
        """Port of the management API."""
        return self.inference + 1

    @property
    def metrics(self) -> int:
        """Port of the Prometheus endpoint."""
        return self.inference + 2

    @property
    def grpc(self) -> int:
        """Port of gRPC (scripts/container/rpc), where it is on; 8083 beside 8080 is the status service's."""
        return self.inference + 4

    def url(self, port: int) -> str:
        """Return the address of one of them."""
        return f"http://127.0.0.1:{port}"

    def require_free(self) -> None:
        """Make sure that all ports are free.

        Raises:
            CommandError: the first port that is taken or out of range.
        """
        if not 1024 <= self.inference <= 65_531:
            raise CommandError(f"port {self.inference} is out of range: give one from 1024 to 65531")
        for port in (self.inference, self.management, self.metrics):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError as error:
                    raise CommandError(
                        f"port {port} is taken: stop what listens there, or serve elsewhere with PORT=9080"
                    ) from error
