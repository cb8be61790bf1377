"""Malformed gRPC calls, sent as bytes to the server of scripts/container/rpc, and the status that each one gets."""

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc

from scripts.container.rpc import open_inference, predictions
from scripts.container.rpc.protos import OPEN_INFERENCE, PREDICTIONS, messages
from scripts.fuzz import values
from scripts.fuzz.documents import ODD
from scripts.fuzz.images import cut, flipped
from scripts.fuzz.wire import Malformed

KIND = "gRPC"
CLIENTS = 8
TIMEOUT = 60.0  # s for a call that sets no deadline
# What a call may end with, and what that is over HTTP.
STATUSES = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.UNIMPLEMENTED: 404,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 413,
}
MODELS = ("", ".", "..", "../models", "nobody", "é", "a b", "a" * 3000, "%00", "\n", "\u0000", "m/1.0", "m?x=1", "m#x")
METHODS = ("Predictions", "StreamPredictions", "StreamPredictions2", "Ping", "Nothing")
KEYS = ("data", "image", "file", "body", "top_k", "threshold", "topk", "", "é", "\u0000")
METADATA = ("x-request-id", "x-request-parent", "traceparent", "tracestate", "x-odd")


@dataclass(frozen=True)
class Call:
    """One call.

    Args:
        method: its path.
        message: the request as it goes over the wire.
        metadata: names and values.
        seconds: its deadline.
    """

    method: str
    message: bytes
    metadata: tuple[tuple[str, str], ...] = ()
    seconds: float = TIMEOUT


class Calls:
    """Draws malformed calls.

    Args:
        model: the served name.
        valid_images: to start from.
        seed: the same seed draws the same calls.
    """

    def __init__(self, model: str, valid_images: list[bytes], seed: int) -> None:
        self._model, self._images = model, valid_images
        self._random = random.Random(seed)  # noqa: S311 - reproducible
        self._predictions, self._open_inference = messages(PREDICTIONS), messages(OPEN_INFERENCE)

    def draw(self, count: int) -> Iterator[Call]:
        """Yield this many calls."""
        rng = self._random
        for _ in range(count):
            method, message = rng.choice((self._prediction, self._inference, self._about_the_model))()
            match rng.randrange(6):
                case 0:
                    message = flipped(message, rng) if message else b"\xff"
                case 1:
                    message = cut(message, rng) if len(message) > 1 else b"\x80"
                case 2:
                    message = rng.choice(values.VALUES)
                case _:
                    pass
            seconds = rng.choice((TIMEOUT, TIMEOUT, TIMEOUT, 0.05))
            yield Call(method, message, self._metadata(), seconds)

    def _prediction(self) -> tuple[str, bytes]:
        rng = self._random
        given = {"data": self._image()} if rng.random() < 0.8 else {}
        given |= {rng.choice(KEYS): rng.choice((*values.VALUES, b" 1", b"2")) for _ in range(rng.randrange(3))}
        request = self._predictions.PredictionsRequest(model_name=self._name(), model_version=self._version())
        for name, value in given.items():
            request.input[name] = value
        return f"/{predictions.NAME}/{rng.choice((METHODS[0], METHODS[0], *METHODS))}", request.SerializeToString()

    def _inference(self) -> tuple[str, bytes]:
        rng, found = self._random, self._open_inference
        request = found.ModelInferRequest(
            model_name=self._name(), model_version=self._version(), id=rng.choice(("", "mine", "é\n", "a" * 9000))
        )
        for _ in range(rng.choice((0, 1, 1, 1, 1, 2))):
            elements = rng.choice((1, 1, 2, 17))
            tensor = request.inputs.add(
                name=rng.choice(("image", "image", "", "é")), datatype=rng.choice(("BYTES", "BYTES", "FP32", ""))
            )
            tensor.shape.extend([rng.choice((elements, elements, 0, -1, 2**62))])
            image = self._image()
            if rng.random() < 0.5:
                tensor.contents.bytes_contents.extend([image] * elements)
            else:
                raw = (len(image).to_bytes(4, "little") + image) * elements
                request.raw_input_contents.append(flipped(raw, rng) if rng.random() < 0.3 else raw)
            self._parametrise(tensor.parameters)
        self._parametrise(request.parameters)
        for _ in range(rng.choice((0, 0, 1, 2))):
            self._parametrise(request.outputs.add(name=rng.choice(("scores", "labels", "errors", "é"))).parameters)
        return f"/{rng.choice(open_inference.NAMES)}/ModelInfer", request.SerializeToString()

    def _about_the_model(self) -> tuple[str, bytes]:
        name = self._random.choice(
            ("ServerLive", "ServerReady", "ServerMetadata", "ModelReady", "ModelMetadata", "RepositoryIndex")
        )
        message = b""
        if name.startswith("Model"):
            request = getattr(self._open_inference, f"{name}Request")(name=self._name(), version=self._version())
            message = request.SerializeToString()
        return f"/{self._random.choice(open_inference.NAMES)}/{name}", message

    def _parametrise(self, parameters: Any) -> None:
        rng = self._random
        for _ in range(rng.choice((0, 0, 1))):
            name = rng.choice(
                ("top_k", "threshold", "classification", "binary_data", "binary_data_size", "binary_data_output", "é")
            )
            value = rng.choice(ODD)
            if isinstance(value, bool):
                parameters[name].bool_param = value
            elif isinstance(value, int) and abs(value) < 2**63:
                parameters[name].int64_param = value
            else:
                parameters[name].string_param = str(value).encode(errors="replace").decode()

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        rng = self._random
        printable = [
            value.decode() for value in values.TRACEPARENTS if value.isascii() and value.decode().isprintable()
        ]
        return tuple((rng.choice(METADATA), rng.choice(printable)) for _ in range(rng.choice((0, 0, 1, 3))))

    def _image(self) -> bytes:
        image = self._random.choice(self._images)
        return self._random.choice((image, image, b"", b"text", flipped(image, self._random), cut(image, self._random)))

    def _name(self) -> str:
        return self._random.choice((*[self._model] * 30, *MODELS))

    def _version(self) -> str:
        return self._random.choice((*[""] * 30, "1.0", "9.9", *MODELS))


def send(address: str, calls: Iterator[Call]) -> tuple[Counter[int], list[tuple[Malformed, str]]]:
    """Send calls, and return how often each status came, and the calls that ended with any other.

    Args:
        address: of the gRPC server.
        calls: to send, eight at a time.
    """
    counts: Counter[int] = Counter()
    failed = []
    with grpc.insecure_channel(address) as channel, ThreadPoolExecutor(CLIENTS) as pool:

        def outcome(call: Call) -> tuple[Call, grpc.StatusCode, str]:
            method = channel.unary_unary(call.method)
            try:
                method(call.message, timeout=call.seconds, metadata=call.metadata)
            except grpc.RpcError as error:
                return call, error.code(), error.details() or ""
            return call, grpc.StatusCode.OK, ""

        for call, code, details in pool.map(outcome, calls):
            late = code is grpc.StatusCode.DEADLINE_EXCEEDED and call.seconds < TIMEOUT
            status = 504 if late else STATUSES.get(code, 500)
            counts[status] += 1
            if status == 500:
                failed.append((Malformed(KIND, call.method.encode() + b"\n" + call.message), f"{code.name} {details}"))
    return counts, failed
