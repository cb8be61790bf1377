"""Requests of the Open Inference Protocol, and what the responses to them contain."""

import base64
import json
import struct
from typing import Any

from handler.errors import RequestError
from handler.protocols.encoding import ModelName, Response
from handler.protocols.open_inference import TensorRequest
from handler.protocols.predictions import Predictions
from handler.protocols.request import parse_request

PHOTO = b"\xff\xd8 a photo's bytes"
B64 = base64.b64encode(PHOTO).decode()
MODEL = ModelName("resnet-50", "1.0")
PREDICTIONS: Predictions = [
    {"class_id": 967, "label": "café", "score": 0.75},
    {"class_id": 1, "label": "cup", "score": 0.25},
]


def tensor(**members: object) -> dict[str, Any]:
    return {"name": "image", "datatype": "BYTES", "shape": [1], "data": [B64]} | members


def parsed(body: bytes, headers: dict[str, str] | None = None) -> TensorRequest:
    request = parse_request({"body": bytearray(body)}, headers or {}, classes=10, max_images=3)
    assert isinstance(request, TensorRequest)
    return request


def classified(name: str, **parameters: object) -> dict[str, Any]:
    return {"name": name, "parameters": parameters}


def as_json(headers: dict[str, str] | None = None, **members: object) -> TensorRequest:
    return parsed(json.dumps({"inputs": [tensor()]} | members).encode(), headers)


def binary(raw: bytes, headers: dict[str, str] | None = None, **members: object) -> TensorRequest:
    """Send a binary tensor."""
    sent: dict[str, object] = {"name": "image", "datatype": "BYTES", "shape": [1]}
    sent |= {"parameters": {"binary_data_size": len(raw)}} | members
    head = json.dumps({"inputs": [sent]}).encode()
    return parsed(head + raw, {"Inference-Header-Content-Length": str(len(head))} | (headers or {}))


def element(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


def responded(request: TensorRequest, *predictions: Predictions, **failures: RequestError) -> Response:
    return request.respond(list(predictions), {int(place[1:]): error for place, error in failures.items()}, MODEL)


def outputs_of(response: Response) -> dict[str, dict[str, Any]]:
    return {output["name"]: output for output in json.loads(response.body)["outputs"]}
