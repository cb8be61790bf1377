"""The Open Inference Protocol over gRPC: the same tensors as over REST, where raw contents stand behind the JSON."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import grpc

from handler.protocols.tensors import HEADER_LENGTH
from scripts.container import kserve
from scripts.container.readiness import Readiness
from scripts.container.rpc.forwarding import CODES, Forwarder
from scripts.container.rpc.protos import OPEN_INFERENCE, messages, unary

# As the protocol says and its clients call it, and as TorchServe calls it.
NAMES = ("inference.GRPCInferenceService", "org.pytorch.serve.grpc.openinference.GRPCInferenceService")


class OpenInference:
    """The service's calls.

    Args:
        readiness: what is known about the server.
        forwarder: to the inference API.
    """

    def __init__(self, readiness: Readiness, forwarder: Forwarder) -> None:
        self._readiness, self._forwarder = readiness, forwarder
        self._messages = messages(OPEN_INFERENCE)

    def handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        """Return the handler of each call."""
        calls = {
            "ServerLive": self._server_live,
            "ServerReady": self._server_ready,
            "ServerMetadata": self._server_metadata,
            "ModelReady": self._model_ready,
            "ModelMetadata": self._model_metadata,
            "ModelInfer": self._model_infer,
        }
        return {
            name: unary(call, getattr(self._messages, f"{name}Request"), getattr(self._messages, f"{name}Response"))
            for name, call in calls.items()
        }

    def _server_live(self, _request: Any, context: grpc.ServicerContext) -> Any:
        return self._messages.ServerLiveResponse(live=self._ask(context, "/v2/health/live")["live"])

    def _server_ready(self, _request: Any, context: grpc.ServicerContext) -> Any:
        return self._messages.ServerReadyResponse(ready=self._ask(context, "/v2/health/ready")["ready"])

    def _server_metadata(self, _request: Any, context: grpc.ServicerContext) -> Any:
        return self._messages.ServerMetadataResponse(**self._ask(context, "/v2"))

    def _model_ready(self, request: Any, context: grpc.ServicerContext) -> Any:
        path = f"{_path(request.name, request.version)}/ready"
        return self._messages.ModelReadyResponse(ready=self._ask(context, path)["ready"])

    def _model_metadata(self, request: Any, context: grpc.ServicerContext) -> Any:
        found = self._ask(context, _path(request.name, request.version))
        found.pop("labels")  # the message has no place for them
        return self._messages.ModelMetadataResponse(**found)

    def _model_infer(self, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            head, tail = _to_rest(request)
        except ValueError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        encoded = json.dumps(head).encode()
        headers = {"Content-Type": "application/octet-stream", HEADER_LENGTH: str(len(encoded))}
        path = f"{_path(request.model_name, request.model_version)}/infer"
        found = self._forwarder.post(context, path, encoded + tail, headers)
        size = int(found.headers.get(HEADER_LENGTH, len(found.content)))
        return self._message(json.loads(found.content[:size]), found.content[size:])

    def _ask(self, context: grpc.ServicerContext, path: str) -> dict[str, Any]:
        """Return what the status service says, without asking it over HTTP; `false` is an answer, too."""
        response = kserve.respond(path, self._readiness)
        document: dict[str, Any] = json.loads(response.body) if response else {"status": 404, "error": "no such model"}
        if "error" in document:
            context.abort(CODES.get(document["status"], grpc.StatusCode.INTERNAL), document["error"])
        return document

    def _message(self, document: Mapping[str, Any], tail: bytes) -> Any:
        """Return a response over REST as a message."""
        message = self._messages.ModelInferResponse(
            model_name=document["model_name"], model_version=document["model_version"], id=document.get("id", "")
        )
        for output in document["outputs"]:
            message.outputs.add(name=output["name"], datatype=output["datatype"], shape=output["shape"])
            size = output["parameters"]["binary_data_size"]
            message.raw_output_contents.append(tail[:size])
            tail = tail[size:]
        return message


def _path(name: str, version: str) -> str:
    return f"/v2/models/{quote(name, safe='')}" + (f"/versions/{quote(version, safe='')}" if version else "")


def _to_rest(request: Any) -> tuple[dict[str, Any], bytes]:
    """Return a ModelInferRequest as JSON with raw contents behind it; outputs are to be raw, as Triton's are.

    Triton's client reads no other numbers.

    Raises:
        ValueError: a parameter without a value.
    """
    tails: list[bytes] = []
    inputs = []
    for index, tensor in enumerate(request.inputs):
        head = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
        if request.raw_input_contents:
            tail = b"".join(request.raw_input_contents[index : index + 1])
        else:  # other datatypes than BYTES are refused there
            tail = b"".join(_with_length(tensor.contents.bytes_contents))
        inputs.append(head | {"parameters": _parameters(tensor.parameters) | {"binary_data_size": len(tail)}})
        tails.append(tail)
    outputs = [
        {"name": output.name, "parameters": _parameters(output.parameters) | {"binary_data": True}}
        for output in request.outputs
    ]
    document: dict[str, Any] = {
        "inputs": inputs,
        "parameters": _parameters(request.parameters) | {"binary_data_output": True},
    }
    if request.id:
        document["id"] = request.id
    return document | ({"outputs": outputs} if outputs else {}), b"".join(tails)


def _with_length(elements: list[bytes]) -> Iterator[bytes]:
    for element in elements:
        yield len(element).to_bytes(4, "little")
        yield element


def _parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters by name.

    Raises:
        ValueError: a kind that TorchServe's proto does not have, such as Triton's double.
    """
    found = {}
    for name, value in parameters.items():
        kind = value.WhichOneof("parameter_choice")
        if kind is None:
            raise ValueError(f"parameter {name} has no value of a known kind: send it as a text, such as '0.5'")
        found[name] = getattr(value, kind)
    return found
