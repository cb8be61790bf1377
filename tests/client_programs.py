"""Clients that others wrote, each sending an image in the ways that its documentation shows.

A server's error fails them too: each checks the top-1 class of every response.
"""

import asyncio
import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import requests

from tests.client_cases import B64, IMAGE, JSON, LABEL
from tests.njs import node

Program = Callable[[str, str], None]  # takes a server's address and the model's name

DOCUMENT = {"instances": [{"b64": B64}], "parameters": {"top_k": 1}}


def with_requests(url: str, model: str) -> None:
    """Send bytes, a form and JSON, also as TensorFlow Serving's pages do: a text without a content type."""
    predictions, kserve = f"{url}/predictions/{model}", f"{url}/v1/models/{model}:predict"
    check(requests.post(predictions, data=IMAGE, timeout=60).json())
    check(
        requests.post(predictions, files={"file": ("a.jpg", IMAGE, "image/jpeg")}, data={"top_k": 1}, timeout=60).json()
    )
    check(requests.post(kserve, json=DOCUMENT, timeout=60).json())
    check(requests.post(kserve, data=json.dumps(DOCUMENT), timeout=60).json())


def with_httpx(url: str, model: str) -> None:
    """Send bytes, a form and JSON."""
    with httpx.Client(base_url=url, timeout=60) as client:
        check(client.post(f"/predictions/{model}", content=IMAGE).json())
        check(client.post(f"/predictions/{model}", files={"image": IMAGE}, data={"top_k": "1"}).json())
        check(client.post(f"/v1/models/{model}:predict", json=DOCUMENT).json())


def with_aiohttp(url: str, model: str) -> None:
    """Send bytes, which it labels as an octet stream, a form and JSON."""

    async def send() -> list[Any]:
        form = aiohttp.FormData({"top_k": "1"})
        form.add_field("data", IMAGE, filename="a.jpg", content_type="image/jpeg")
        async with aiohttp.ClientSession(url) as session:
            responses = [
                await session.post(f"/predictions/{model}", data=IMAGE),
                await session.post(f"/predictions/{model}", data=form),
                await session.post(f"/v1/models/{model}:predict", json=DOCUMENT),
                await session.post(f"/v1/models/{model}:predict", data=json.dumps(DOCUMENT)),
            ]
            return [await response.json() for response in responses]

    for document in asyncio.run(send()):
        check(document)


def with_curl(url: str, model: str) -> None:
    """Send a file, a form and JSON, with the content types that curl chooses."""
    with tempfile.TemporaryDirectory() as folder:
        photo, request = Path(folder) / "photo.jpg", Path(folder) / "request.json"
        photo.write_bytes(IMAGE)
        request.write_bytes(JSON)
        for options in (
            ["-T", photo],
            ["-F", f"data=@{photo}", "-F", "top_k=1"],
            ["-d", f"@{request}"],
            ["--json", f"@{request}"],
        ):
            command = ["curl", "--silent", "--show-error", *options, f"{url}/predictions/{model}"]
            result = subprocess.run(command, capture_output=True, check=True, timeout=60)
            check(json.loads(result.stdout))


def with_fetch(url: str, model: str) -> None:
    """Send a Blob, a FormData and a text with Node.js' fetch."""
    script = Path(__file__).with_name("fetch.mjs")
    command = [node(), str(script), url, model]
    result = subprocess.run(command, input=IMAGE, capture_output=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr.decode()
    documents = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(documents) == 5
    for document in documents:
        check(document)


def check(document: Any) -> None:
    """Fail unless a response names the image's class first."""
    classes = document["predictions"][0] if "predictions" in document else document
    assert isinstance(classes, list), document
    assert classes[0]["label"] == LABEL


PROGRAMS: list[Program] = [with_requests, with_httpx, with_aiohttp, with_curl, with_fetch]
