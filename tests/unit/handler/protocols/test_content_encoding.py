"""Compressed bodies are read within the limits, or refused with what may be sent."""

import base64
import gzip
import json
import re
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from handler import errors
from handler.errors import RequestError
from handler.protocols.content_encoding import CODINGS, MAX_BYTES
from handler.protocols.request import Request, parse_request
from scripts.common.paths import CONFIG
from tests.conftest import encoded, picture

IMAGE = encoded(picture(), "JPEG")
JSON = json.dumps({"instances": [{"b64": base64.b64encode(IMAGE).decode()}]}).encode()
FORM = b'--x\r\nContent-Disposition: form-data; name="data"\r\n\r\n' + IMAGE + b"\r\n--x--\r\n"
FORM_TYPE = "application/x-multipart-form-data; boundary=x"

Compress = Callable[[bytes], bytes]


def without_header(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


COMPRESSED: list[tuple[str, Compress]] = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    (" GZip ", lambda data: gzip.compress(data[:40]) + gzip.compress(data[40:])),
    ("deflate", zlib.compress),
    ("deflate", without_header),
]


def parsed(body: bytes, coding: str, content_type: str = "") -> Request:
    headers = {"Content-Encoding": coding, "Content-Type": content_type}
    request = parse_request({"body": bytearray(body)}, headers, classes=10, max_images=2)
    assert isinstance(request, Request)
    return request


def refused(body: bytes, coding: str) -> RequestError:
    with pytest.raises(RequestError) as caught:
        parsed(body, coding)
    return caught.value


@pytest.mark.parametrize(("coding", "compress"), COMPRESSED)
@pytest.mark.parametrize(("body", "content_type"), [(IMAGE, "image/jpeg"), (JSON, ""), (JSON, "application/json")])
def test_compressed(coding: str, compress: Compress, body: bytes, content_type: str) -> None:
    assert parsed(compress(body), coding, content_type).images == [IMAGE]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "utf-8", "identity", "gzip, gzip"])
@pytest.mark.parametrize(("body", "content_type"), [(IMAGE, ""), (JSON, ""), (FORM, FORM_TYPE)])
def test_a_wrong_header_on_what_is_not_compressed(coding: str, body: bytes, content_type: str) -> None:
    assert parsed(body, coding, content_type).images == [IMAGE]


@pytest.mark.parametrize(
    ("row", "content_type"),
    [({"body": gzip.compress(FORM)}, FORM_TYPE), ({}, FORM_TYPE.replace("x-multipart", "multipart"))],
    ids=["from the gateway", "from TorchServe"],
)
def test_a_compressed_form(row: dict[str, bytes], content_type: str) -> None:
    with pytest.raises(RequestError, match="send it without") as caught:
        parse_request(row, {"Content-Encoding": "gzip", "Content-Type": content_type}, classes=10, max_images=2)
    assert caught.value.problem is errors.UNSUPPORTED_CONTENT_ENCODING


def test_an_empty_body_is_not_called_compressed() -> None:
    assert refused(b"", "gzip").problem is errors.EMPTY_BODY


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "aes128gcm", "gzip, gzip", "nonsense" * 99])
@pytest.mark.parametrize("first", [b"\x1b", b"[", b"{", b"-"])
def test_other_codings(coding: str, first: bytes) -> None:
    error = refused(first + b"\x9c\x00 something compressed", coding)
    assert error.problem is errors.UNSUPPORTED_CONTENT_ENCODING
    assert error.problem.headers == {"Accept-Encoding": "gzip, deflate"}
    assert "send it" in error.detail


@pytest.mark.parametrize(("coding", "compress"), COMPRESSED)
@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: b"text" + data, lambda data: data[:3]])
def test_a_body_that_is_not_in_its_coding(coding: str, compress: Compress, damage: Compress) -> None:
    assert refused(damage(compress(IMAGE)), coding).problem is errors.UNSUPPORTED_CONTENT_ENCODING


@pytest.mark.parametrize(("coding", "compress"), COMPRESSED)
def test_the_limit_is_that_of_the_body(coding: str, compress: Compress) -> None:
    at_the_limit = IMAGE + bytes(MAX_BYTES - len(IMAGE))
    assert len(parsed(compress(at_the_limit), coding).images[0]) == MAX_BYTES
    assert refused(compress(at_the_limit + b"0"), coding).problem is errors.BODY_TOO_LARGE


@pytest.mark.parametrize(("coding", "compress"), COMPRESSED)
def test_a_bomb_costs_no_more_than_the_limit(coding: str, compress: Compress) -> None:
    bomb = compress(bytes(5 * MAX_BYTES))
    tracemalloc.start()
    try:
        assert refused(bomb, coding).problem is errors.BODY_TOO_LARGE
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3.5 * MAX_BYTES


def test_the_limit_is_torchserves() -> None:
    (limit,) = re.findall(r"^max_request_size=(\d+)$", (CONFIG / "config.properties").read_text(), re.MULTILINE)
    assert int(limit) == MAX_BYTES


def test_every_coding_is_offered() -> None:
    offered = errors.UNSUPPORTED_CONTENT_ENCODING.accept_encoding.split(", ")
    assert set(offered) == {name.removeprefix("x-") for name in CODINGS}
