"""The gRPC server."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc

from scripts.client.management import Management
from scripts.common.errors import CommandError
from scripts.container.readiness import Readiness
from scripts.container.rpc import open_inference, predictions
from scripts.container.rpc.forwarding import Forwarder
from scripts.server.ports import Ports

MAX_REQUEST = 20_971_520 + 65_536  # bytes: max_request_size of config.properties, and what stands around the images
MAX_CALLS = 100  # at a time, as many as TorchServe queues; each waits in a thread
GRACE_PERIOD = 5.0  # s for the last responses once TorchServe has stopped


@contextmanager
def serving(readiness: Readiness, inference_url: str, address: str) -> Iterator[None]:
    """Serve while the body runs.

    Args:
        readiness: what is known about the server.
        inference_url: TorchServe's inference API.
        address: where to listen, with a port.

    Raises:
        CommandError: the port is taken.
    """
    server = grpc.server(
        ThreadPoolExecutor(MAX_CALLS, "grpc"),
        options=[("grpc.max_receive_message_length", MAX_REQUEST), ("grpc.so_reuseport", 0)],
        maximum_concurrent_rpcs=MAX_CALLS,  # further ones are RESOURCE_EXHAUSTED
    )
    forwarder = Forwarder(inference_url)
    services = {name: open_inference.OpenInference(readiness, forwarder).handlers() for name in open_inference.NAMES}
    services[predictions.NAME] = predictions.Predictions(readiness, forwarder).handlers()
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(name, handlers) for name, handlers in services.items()]
    )
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise CommandError(f"gRPC cannot listen at {address}: free its port, or turn gRPC off") from error
    server.start()
    try:
        yield
    finally:
        server.stop(GRACE_PERIOD).wait()


@contextmanager
def beside(ports: Ports) -> Iterator[None]:
    """Serve on this machine alone, beside a TorchServe that is ready, while the body runs.

    Raises:
        CommandError: the port is taken.
    """
    readiness, stopped = (
        Readiness(Management(ports.url(ports.management)), ports.url(ports.inference)),
        threading.Event(),
    )
    readiness.accepting.set()
    watching = threading.Thread(target=readiness.watch, args=[stopped], daemon=True)
    watching.start()
    try:
        with serving(readiness, ports.url(ports.inference), f"127.0.0.1:{ports.grpc}"):
            yield
    finally:
        stopped.set()
        watching.join()
