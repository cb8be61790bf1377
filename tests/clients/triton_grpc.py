"""Calls the Open Inference Protocol's gRPC service with Triton's client; runs in build/clients.

Arguments: the address, and the model's name. Input: a JSON list of requests, each with images in base64, whether they
go as raw contents, and options. Output: what the server says about itself and the model, and the outputs or the status
of each request.
"""

import base64
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException


def main() -> None:
    address, model = sys.argv[1:]
    with InferenceServerClient(address) as client:
        said = {
            "ready": [client.is_server_live(), client.is_server_ready(), client.is_model_ready(model)],
            "server": client.get_server_metadata(as_json=True),
            "model": client.get_model_metadata(model, as_json=True),
            "unknown": refusal(lambda: client.get_model_metadata("none")),
            "outcomes": [infer(client, model, **request) for request in json.load(sys.stdin)],
        }
    json.dump(said, sys.stdout)


def refusal(call: Callable[[], Any]) -> str:
    try:
        return str(call())
    except InferenceServerException as error:
        return str(error)


def infer(client: Any, model: str, images: list[str], raw: bool, outputs: list[Any], **options: Any) -> dict[str, Any]:
    files = [base64.b64decode(image) for image in images]
    tensor = InferInput("image", [len(files)], "BYTES")
    if raw:
        tensor.set_data_from_numpy(np.array(files, dtype=object))
    else:
        tensor._get_tensor().contents.bytes_contents.extend(files)
    wanted = [InferRequestedOutput(name, classes) for name, classes in outputs]
    try:
        result = client.infer(model, [tensor], outputs=wanted or None, client_timeout=60, **options)
    except InferenceServerException as error:
        return {"status": error.status(), "message": error.message()}
    response = result.get_response()
    return {
        "status": "OK",
        "id": response.id,
        "model": [response.model_name, response.model_version],
        "raw": len(response.raw_output_contents),
        "datatypes": {output.name: output.datatype for output in response.outputs},
        "outputs": {output.name: tolist(result.as_numpy(output.name)) for output in response.outputs},
    }


def tolist(array: Any) -> Any:
    return np.char.decode(array.astype(bytes)).tolist() if array.dtype == object else array.tolist()


if __name__ == "__main__":
    main()
