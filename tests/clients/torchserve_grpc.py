"""Calls TorchServe's own gRPC service with stubs compiled from its proto; runs in build/clients.

Arguments: the address, and the directory of the protos. Input: a JSON list of calls, all of which start at once; each
has a method, model, version, seconds, metadata and the inputs of its messages in base64. Output: for each its status,
the message of the status, the type of the problem, and the predictions in base64.
"""

import base64
import json
import sys
from collections.abc import Iterator
from typing import Any

import grpc

STREAM_STREAM = "StreamPredictions2"


def main() -> None:
    address, protos = sys.argv[1:]
    sys.path.insert(0, protos)
    messages, services = grpc.protos_and_services("inference.proto")
    with grpc.insecure_channel(address) as channel:
        stub = services.InferenceAPIsServiceStub(channel)
        started = [(call, start(stub, messages, call)) for call in json.load(sys.stdin)]
        json.dump([outcome(call["method"], calling) for call, calling in started], sys.stdout)


def start(stub: Any, messages: Any, call: dict[str, Any]) -> Any:
    requests = [
        messages.PredictionsRequest(
            model_name=call["model"],
            model_version=call["version"],
            input={name: base64.b64decode(value) for name, value in inputs.items()},
            **({"sequence_id": "1"} if call["method"] == STREAM_STREAM else {}),
        )
        for inputs in call["inputs"]
    ]
    method, options = (
        getattr(stub, call["method"]),
        {"timeout": call["seconds"], "metadata": list(call["metadata"].items())},
    )
    if call["method"] == STREAM_STREAM:
        return method(iter(requests), **options)
    if call["method"] == "StreamPredictions":
        return method(requests[0], **options)
    return method.future(requests[0], **options)


def outcome(method: str, calling: Any) -> dict[str, Any]:
    predictions: list[str] = []
    try:
        responses: Iterator[Any] = iter(calling if method.startswith("Stream") else [calling.result()])
        predictions += (base64.b64encode(response.prediction).decode() for response in responses)
    except grpc.RpcError as error:
        problem = dict(error.trailing_metadata() or ()).get("problem-type", "")
        return {"code": error.code().name, "details": error.details(), "problem": problem, "predictions": predictions}
    return {"code": "OK", "details": "", "problem": "", "predictions": predictions}


if __name__ == "__main__":
    main()
