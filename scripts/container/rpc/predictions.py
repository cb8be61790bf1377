"""TorchServe's own service: one image a call, as a form with fields."""

import json
from typing import Any
from urllib.parse import quote

import grpc

from handler.protocols.native import IMAGE_FIELDS
from scripts.container.readiness import Readiness
from scripts.container.rpc.forwarding import Forwarder
from scripts.container.rpc.protos import PREDICTIONS, messages, unary

NAME = "org.pytorch.serve.grpc.inference.InferenceAPIsService"
IMAGES = (*IMAGE_FIELDS, "body")
OPTIONS = {"top_k": "X-Top-K", "threshold": "X-Threshold"}


class Predictions:
    """The service's calls.

    Args:
        readiness: what is known about the server.
        forwarder: to the inference API.
    """

    def __init__(self, readiness: Readiness, forwarder: Forwarder) -> None:
        self._readiness, self._forwarder = readiness, forwarder
        self._messages = messages(PREDICTIONS)

    def handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        """Return the handler of each call. The streaming ones are left out, so that gRPC says UNIMPLEMENTED."""
        empty = self._messages.google_dot_protobuf_dot_empty__pb2.Empty
        request, prediction = self._messages.PredictionsRequest, self._messages.PredictionResponse
        health = self._messages.TorchServeHealthResponse
        return {"Ping": unary(self._ping, empty, health), "Predictions": unary(self._predict, request, prediction)}

    def _ping(self, _request: Any, _context: grpc.ServicerContext) -> Any:
        health = "Unhealthy" if self._readiness.missing_workers() else "Healthy"
        return self._messages.TorchServeHealthResponse(health=json.dumps({"status": health}))

    def _predict(self, request: Any, context: grpc.ServicerContext) -> Any:
        images = [name for name in IMAGES if name in request.input]
        unknown = sorted(set(request.input) - {*IMAGES, *OPTIONS})
        if unknown or len(images) != 1:
            found = f"input has {', '.join(unknown)}" if unknown else f"input has {len(images)} images"
            context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"{found}: send one image as input['data'], and top_k and threshold if you like",
            )
        options = {OPTIONS[name]: _text(value) for name, value in request.input.items() if name in OPTIONS}
        path = f"/predictions/{quote(request.model_name, safe='')}"
        if request.model_version:
            path += f"/{quote(request.model_version, safe='')}"
        body = request.input[images[0]]
        response = self._forwarder.post(context, path, body, {"Content-Type": "application/octet-stream"} | options)
        return self._messages.PredictionResponse(prediction=response.content)


def _text(value: bytes) -> str:
    """Return what can stand in a header: other characters are escaped, and refused there."""
    return repr(value.strip(b" "))[2:-1]
