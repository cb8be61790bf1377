"""Valid and invalid requests, each with a check of the response that docs/api.md describes."""

import json
import zlib
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import requests

from handler import errors
from handler.errors import Problem
from scripts.client.predict import predict
from scripts.common.errors import CommandError
from scripts.load.load import Request, Response

# A PNG whose header claims 30,000 x 30,000 pixels; the server refuses it before it reads what follows.
HEADER = b"IHDR\0\0\x75\x30\0\0\x75\x30\x08\x02\0\0\0"
TOO_LARGE = b"\x89PNG\r\n\x1a\n\0\0\0\r" + HEADER + zlib.crc32(HEADER).to_bytes(4, "big") + b"\0\0\0\0IDAT"
INSTANCES = 2  # images in a JSON request

Check = Callable[[Response], str | None]


def valid_and_invalid(url: str, model: str, image: bytes) -> list[Request]:
    """Return one request of each kind, a raw image first.

    Each valid request must return the top-1 class of a first prediction.

    Args:
        url: the inference address.
        model: the served name.
        image: an encoded image.

    Raises:
        CommandError: the server does not classify the image.
    """
    first = predict(url, model, image)
    if not first.ok:
        raise CommandError(f"{model} does not predict (status {first.status_code}): {first.text.strip()}")
    top1 = _class(first.json()[0])
    predictions = f"{url}/predictions/{model}"

    def request(name: str, check: Check, address: str = predictions, **content: Any) -> Request:
        prepared = requests.Request("POST", address, **content).prepare()
        body = prepared.body or b""
        headers = {key: value for key, value in prepared.headers.items() if key != "Content-Length"}
        return Request(name, address, body.encode() if isinstance(body, str) else body, headers, check)

    ranked, text, batch = succeeds(_ranked, top1), succeeds(_text, top1[1]), succeeds(_batch, [top1] * INSTANCES)
    instances = {"instances": [{"b64": b64encode(image).decode()}] * INSTANCES}
    truncated_json: dict[str, Any] = {"data": b'{"instances":', "headers": {"Content-Type": "application/json"}}
    return [
        request("image", ranked, data=image),
        request("image, labels only", text, data=image, headers={"Accept": "text/plain"}),
        request("form", ranked, files={"data": image}),
        request("JSON", batch, address=f"{url}/v1/models/{model}:predict", json=instances),
        request("empty body", fails(errors.EMPTY_BODY), data=b""),
        request("text", fails(errors.UNSUPPORTED_FORMAT), data=b"hello"),
        request("truncated image", fails(errors.DAMAGED_IMAGE), data=image[: len(image) // 2]),
        request("too many pixels", fails(errors.TOO_MANY_PIXELS), data=TOO_LARGE),
        request("top-k of 0", fails(errors.INVALID_PARAMETER), data=image, headers={"X-Top-K": "0"}),
        request("truncated JSON", fails(errors.INVALID_JSON), **truncated_json),
        request("audio requested", fails(errors.NOT_ACCEPTABLE), data=image, headers={"Accept": "audio/*"}),
    ]


def succeeds(top1_of: Callable[[bytes], Any], expected: object) -> Check:
    """Return a check for status 200 and the expected top-1 class."""

    def check(response: Response) -> str | None:
        if response.status != 200:
            return f"status {response.status}"
        try:
            found = top1_of(response.body)
        except (ValueError, LookupError, TypeError):
            return f"not a prediction: {response.body[:200]!r}"
        return None if found == expected else f"top-1 is {found}, not {expected}"

    return check


def fails(problem: Problem) -> Check:
    """Return a check for an error's status and type."""

    def check(response: Response) -> str | None:
        slug = ""
        if "problem+json" in response.headers.get("content-type", ""):
            try:
                slug = json.loads(response.body)["type"].rpartition("/")[2]
            except (ValueError, LookupError, TypeError):
                return f"not a problem document: {response.body[:200]!r}"
        if (response.status, slug) == (problem.status, problem.slug):
            return None
        return f"status {response.status} {slug}".rstrip()

    return check


def _ranked(body: bytes) -> Any:
    return _class(json.loads(body)[0])


def _text(body: bytes) -> str:
    return body.decode().splitlines()[0]


def _batch(body: bytes) -> Any:
    return [_class(ranked[0]) for ranked in json.loads(body)["predictions"]]


def _class(row: Any) -> tuple[int, str]:
    return row["class_id"], row["label"]
