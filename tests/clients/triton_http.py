"""Calls the Open Inference Protocol over REST with Triton's client; runs in build/clients.

Arguments: the address, the model's name, and its version where the server knows it. Input: a JSON list of requests,
each with images in base64, whether they go as binary data, the outputs (name, binary, classes) and options. Output:
what the server says about itself, and the outputs or the error of each request.
"""

import base64
import json
import sys
from typing import Any

import numpy as np
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException


def main() -> None:
    address, model, *version = sys.argv[1:]
    with InferenceServerClient(address.removeprefix("http://"), network_timeout=60) as client:
        about = [*described(client, model), *described(client, model, *version)] if version else []
        outcomes = [infer(client, model, **request) for request in json.load(sys.stdin)]
    json.dump({"about": about, "outcomes": outcomes}, sys.stdout)


def described(client: Any, *model: str) -> list[Any]:
    ready = [client.is_server_live(), client.is_server_ready(), client.is_model_ready(*model)]
    return [ready, client.get_server_metadata(), client.get_model_metadata(*model)]


def infer(
    client: Any, model: str, images: list[str], binary: bool, outputs: list[Any], **options: Any
) -> dict[str, Any]:
    elements = [base64.b64decode(image) if binary else image.encode() for image in images]
    tensor = InferInput("image", [len(elements)], "BYTES")
    tensor.set_data_from_numpy(np.array(elements, dtype=object), binary_data=binary)
    wanted = [InferRequestedOutput(name, is_binary, classes) for name, is_binary, classes in outputs]
    try:
        result = client.infer(model, [tensor], outputs=wanted or None, **options)
    except InferenceServerException as error:
        return {"status": error.status(), "message": error.message()}
    response = result.get_response()
    return {
        "status": "200",
        "id": response.get("id"),
        "model": [response["model_name"], response["model_version"]],
        "binary": ["data" not in output for output in response["outputs"]],
        "outputs": {output["name"]: tolist(result.as_numpy(output["name"])) for output in response["outputs"]},
    }


def tolist(array: Any) -> Any:
    if array.dtype != object:
        return array.tolist()
    texts = [element.decode() if isinstance(element, bytes) else element for element in array.flatten()]
    return np.array(texts, dtype=object).reshape(array.shape).tolist()


if __name__ == "__main__":
    main()
