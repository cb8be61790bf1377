"""Calls KServe's protocols, V1 and V2, with KServe's own client; runs in build/clients.

Arguments: the address, the model's name, and `about` where the server describes itself. Input: an image in base64.
Output: what each call returned, by name.
"""

import asyncio
import base64
import json
import sys
from typing import Any

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig


async def main() -> None:
    url, model, *about = sys.argv[1:]
    image = sys.stdin.read()
    found: dict[str, Any] = {}
    async with InferenceRESTClient(RESTConfig(protocol="v1")) as client:
        document = {"instances": [{"b64": image}], "parameters": {"top_k": 1}}
        found["v1"] = await client.infer(url, document, model)
        if about:
            found["v1 ready"] = await client.is_model_ready(url, model)
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        in_json = InferInput("image", [1], "BYTES", data=[image])
        binary = InferInput("image", [2], "BYTES")
        binary.set_data_from_numpy(np.array([base64.b64decode(image), b"no image"], dtype=object))
        found["v2 JSON"] = outputs_of(await client.infer(url, request(model, in_json, top_k=1), model))
        found["v2 binary"] = outputs_of(
            await client.infer(url, request(model, binary, top_k=2, binary_data_output=True), model)
        )
        found["v2 error"] = await error_of(client, url, model, request(model, in_json, top_k=0))
        if about:
            ready = [await client.is_server_live(url), await client.is_server_ready(url)]
            found["v2 ready"] = [*ready, await client.is_model_ready(url, model)]
    json.dump(found, sys.stdout)


def request(model: str, tensor: InferInput, **parameters: Any) -> InferRequest:
    return InferRequest(model_name=model, infer_inputs=[tensor], request_id="mine", parameters=parameters)


def outputs_of(response: Any) -> dict[str, Any]:
    outputs = {output.name: [output.shape, output.as_numpy().flatten().tolist()] for output in response.outputs}
    return {"id": response.id, "model": response.model_name, "outputs": outputs}


async def error_of(client: Any, url: str, model: str, asked: InferRequest) -> list[Any]:
    try:
        await client.infer(url, asked, model)
    except httpx.HTTPStatusError as error:
        return [error.response.status_code, error.response.json()["error"]]
    return []


if __name__ == "__main__":
    asyncio.run(main())
