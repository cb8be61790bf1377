"""gRPC calls by clients that others wrote: stubs compiled from TorchServe's own proto, and Triton's client."""

import base64
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from tests.conftest import encoded, picture
from tests.open_inference import run

PHOTO = encoded(picture(), "JPEG")
PROTOS = (
    "inference.proto",
    "google/rpc/status.proto",
    "google/protobuf/any.proto",
    "google/protobuf/empty.proto",
)
OPEN_INFERENCE = "open_inference_grpc.proto"


@dataclass(frozen=True)
class Call:
    """A call of TorchServe's own service.

    Args:
        inputs: of each message.
        method: its name.
        model: the model's name; empty stands for the one that is served.
        version: of the model.
        seconds: its deadline.
        metadata: sent beside the messages.
    """

    inputs: Sequence[Mapping[str, bytes]] = ({"data": PHOTO},)
    method: str = "Predictions"
    model: str = ""
    version: str = ""
    seconds: float = 60.0
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a call ended."""

    code: str
    details: str
    problem: str
    predictions: list[bytes]


def protos(folder: Path, *names: str) -> Path:
    """Put protos that are in TorchServe's jar into a folder and return it; by default those of its own service."""
    with zipfile.ZipFile(str(files("ts") / "frontend" / "model-server.jar")) as jar:
        jar.extractall(folder, names or PROTOS)
    return folder


@dataclass(frozen=True)
class Calls:
    """Makes calls of TorchServe's own service.

    Args:
        address: of the server.
        model: that calls name unless they name another.
        protos: the directory of the service's protos.
    """

    address: str
    model: str
    protos: Path

    def __call__(self, *calls: Call) -> list[Outcome]:
        """Make all calls at once, and return how each ended."""
        described = [
            {
                "method": call.method,
                "model": call.model or self.model,
                "version": call.version,
                "seconds": call.seconds,
                "inputs": [{name: _text(value) for name, value in message.items()} for message in call.inputs],
                "metadata": dict(call.metadata),
            }
            for call in calls
        ]
        outcomes = run("torchserve_grpc.py", self.address, str(self.protos), sent=json.dumps(described))
        return [
            Outcome(**outcome | {"predictions": [base64.b64decode(each) for each in outcome["predictions"]]})
            for outcome in outcomes
        ]


@dataclass(frozen=True)
class Triton:
    """Makes ModelInfer calls with Triton's client.

    Args:
        address: of the server.
        model: the model's name.
    """

    address: str
    model: str

    def __call__(self, *requests: Mapping[str, Any]) -> dict[str, Any]:
        """Send requests one after the other; return what the server says about itself too."""
        defaults: dict[str, Any] = {"raw": True, "outputs": []}
        described = [
            defaults | {**request, "images": [_text(image) for image in request["images"]]} for request in requests
        ]
        said: dict[str, Any] = run("triton_grpc.py", self.address, self.model, sent=json.dumps(described))
        return said


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
