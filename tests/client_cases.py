"""Requests as clients send them, with the status that they get directly and through the gateway."""

import base64
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from PIL import Image

from handler.errors import TABLE
from scripts.common.example import example_image
from tests.conftest import encoded

IMAGE = encoded(Image.open(example_image()).convert("RGB"), "JPEG", quality=95)
LABEL = "espresso"
B64 = base64.b64encode(IMAGE).decode()
JSON = json.dumps({"instances": [{"b64": B64}]}).encode()
BOUNDARY = "----boundary"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
FILE_NAME = b'; filename="a.jpg"'
URL_ENCODED = "application/x-www-form-urlencoded"
STATUSES = {problem.slug: problem.status for problem in TABLE}


@dataclass(frozen=True)
class ClientCase:
    """A request and what it gets.

    Args:
        name: of the test.
        body: the request's.
        headers: the request's.
        problem: the slug of its problem; empty for a prediction.
        directly: the status without the gateway where TorchServe itself makes another one of it.
        route: of the address, before the model's name, and after a colon what follows it.
    """

    name: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    directly: int | None = None
    route: str = "predictions"

    @property
    def status(self) -> int:
        """The status through the gateway."""
        return STATUSES[self.problem] if self.problem else 200

    def send(self, url: str, model: str) -> requests.Response:
        """Send it to a server."""
        before, _, after = self.route.partition(":")
        address = f"{url}/{before}/{model}" + (f":{after}" if after else "")
        return requests.post(address, data=self.body, headers=dict(self.headers), timeout=60)

    def check(self, response: requests.Response) -> None:
        """Fail unless a response is this case's."""
        document = response.json()
        assert response.status_code == self.status, document
        if not self.problem:
            classes = document["predictions"][0] if isinstance(document, dict) else document
            assert classes[0]["label"] == LABEL
            return
        assert document["type"] == f"/problems/{self.problem}"
        assert document["error"] == f"{document['title']}: {document['detail']}"
        accepted = response.headers.get("Accept-Encoding")
        assert accepted == ("gzip, deflate" if self.problem == "unsupported-content-encoding" else None)


def form(*parts: tuple[str, bytes], **headers: str) -> bytes:
    """Return a multipart form of files.

    Args:
        parts: name and bytes of each.
        headers: of each part, with _ for -.
    """
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    heads = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{FILE_NAME.decode()}\r\n{lines}\r\n'
        for name, _ in parts
    )
    body = b"".join(head.encode() + value + b"\r\n" for head, (_, value) in zip(heads, parts, strict=True))
    return body + f"--{BOUNDARY}--\r\n".encode()


def instances(*found: Any, **beside: Any) -> bytes:
    """Return a JSON body."""
    return json.dumps({"instances": found, **beside}).encode()


def _json_cases() -> Iterator[ClientCase]:
    for content_type in ("", "text/plain", "application/octet-stream", "text/json", "application/json", URL_ENCODED):
        headers = {"Content-Type": content_type} if content_type else {}
        for route in ("predictions", "v1/models:predict"):
            yield ClientCase(f"JSON as {content_type or 'nothing'} to {route}", JSON, headers, route=route)
    yield ClientCase("an image as JSON", IMAGE, {"Content-Type": "application/json"})
    url_safe = base64.urlsafe_b64encode(IMAGE).decode()
    for name, text in (("a data URL", f"data:image/jpeg;base64,{B64}"), ("the URL-safe alphabet", url_safe)):
        yield ClientCase(f"base64 in {name}", instances({"b64": text}))
        yield ClientCase(f"base64 in {name} without padding", instances({"b64": text.rstrip("=")}))
    for instance in ({"data": B64}, {"image": {"b64": B64}}, {"image_bytes": {"b64": B64}}, {"input_1": {"b64": B64}}):
        yield ClientCase(f"an instance with {next(iter(instance))}", instances(instance))
    yield ClientCase("an instance that is a text", instances(B64))
    yield ClientCase(
        "an address instead of an image", instances({"b64": "https://example.org/a"}), {}, "invalid-base64"
    )
    for name in ("top_k", "topk", "threshold"):
        beside = instances({"b64": B64}, **{name: 1})
        inside = instances({"b64": B64, name: 1})
        yield ClientCase(f"{name} beside instances", beside, {}, "invalid-parameter")
        yield ClientCase(f"{name} in an instance", inside, {}, "invalid-parameter")


def _forms() -> Iterator[ClientCase]:
    headers = {"Content-Type": MULTIPART}
    yield ClientCase("a form", form(("data", IMAGE), ("top_k", b"1"), ("csrf_token", b"x")), headers)
    yield ClientCase("two images", form(("data", IMAGE), ("image", IMAGE)), headers, "several-images")
    yield ClientCase("two images, one unknown", form(("data", IMAGE), ("photo", IMAGE)), headers, "several-images")
    yield ClientCase("two images of one name", form(("data", IMAGE), ("data", IMAGE)), headers, "several-images")
    yield ClientCase("no boundary", form(("data", IMAGE)), {"Content-Type": "multipart/form-data"})
    wrong = {"Content-Type": "multipart/form-data; boundary=wrong"}
    yield ClientCase("another boundary", form(("data", IMAGE)), wrong, "no-image")
    yield ClientCase("a topk", form(("data", IMAGE), ("topk", b"1")), headers, "invalid-parameter")
    yield ClientCase("binary parts", form(("data", IMAGE), Content_Transfer_Encoding="binary"), headers)
    lines = base64.encodebytes(IMAGE)
    mail, wrong_mail = (form(("data", text), Content_Transfer_Encoding="base64") for text in (lines, lines + b"!"))
    # TorchServe's parser of forms knows no file in base64, and responds by itself.
    yield ClientCase("a file in base64", mail, headers, directly=500)
    yield ClientCase("a part in base64", mail.replace(FILE_NAME, b""), headers)
    yield ClientCase("a part that is no base64", wrong_mail.replace(FILE_NAME, b""), headers, "invalid-base64")
    yield ClientCase("a field of base64 text", form(("data", B64.encode())), headers)


def _compressed() -> Iterator[ClientCase]:
    for coding, compress in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        encoding = {"Content-Encoding": coding}
        yield ClientCase(f"an image in {coding}", compress(IMAGE), encoding)
        yield ClientCase(f"JSON in {coding}", compress(JSON), {**encoding, "Content-Type": "application/json"})
        yield ClientCase(f"a bomb in {coding}", compress(bytes(30_000_000)), encoding, "body-too-large")
        yield ClientCase(f"an image that is not in {coding}", IMAGE, encoding)
        yield ClientCase(f"a text that is not in {coding}", b"text", encoding, "unsupported-content-encoding")
        form_headers = {**encoding, "Content-Type": MULTIPART}
        compressed = compress(form(("data", IMAGE)))
        yield ClientCase(f"a form in {coding}", compressed, form_headers, "unsupported-content-encoding")
    for coding in ("br", "zstd"):
        yield ClientCase(
            f"in {coding}", b"[\x9c compressed", {"Content-Encoding": coding}, "unsupported-content-encoding"
        )


# Forms by the names of their fields, and what is in them.
FORMS = (
    *("data=image data=image", "data=image data=nothing", "data=nothing data=image", "data=image data=text"),
    *("data=image image=image data=text", "photo=image photo=image", "data=image photo=image", "photo=image"),
    *("data=image tag=text tag=text", "data=image top_k=one top_k=one", "data=image top_k=one top_k=text"),
    *("body=image", "body=image data=image", "data=image body=text", "body=text body=text data=image", "tag=text"),
    *("data=text", "data=nothing", "data=image topk=one", "data=image topk=one topk=one"),
)

CASES = [*_json_cases(), *_forms(), *_compressed()]
