"""Images in base64: what is read, and what an error says of the rest."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from handler import errors
from handler.decode.formats import FORMATS
from handler.errors import RequestError
from handler.protocols.kserve_v1 import IMAGE_NAMES
from tests.conftest import encoded, picture
from tests.unit.handler.decode.heif_files import heic
from tests.unit.handler.protocols.test_request import B64, PHOTO, as_json, parsed


@pytest.mark.parametrize(
    "shape",
    [
        lambda text: text,
        *(
            lambda text, name=name, inner=inner: {name: inner(text)}
            for name in IMAGE_NAMES
            for inner in (lambda text: text, lambda text: {"b64": text})
        ),
        lambda text: {"any_input": {"b64": text}},
        lambda text: {"b64": text, "key": "7", "name": "photo.jpg", "image": None},
    ],
)
@pytest.mark.parametrize("prefix", ["", "data:image/jpeg;base64,", "data:;base64,", "DATA:image/png;charset=x;Base64,"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes])
def test_an_instance(shape: Callable[[str], Any], prefix: str, encode: Callable[[bytes], bytes]) -> None:
    digits = b"\xfb\xff\xbf" * 30  # all that the alphabets write differently
    for image in (digits[:1], digits[:2], digits[:3], digits[:70]):  # with and without padding
        text = prefix + encode(image).decode()
        request = as_json({"instances": [shape(text), shape(text.rstrip("=\n"))]})
        assert request.images == [image, image]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("https://example.org/photo.jpg", "address"),
        ("gs://bucket/photo.jpg", "address"),
        (repr(base64.b64encode(PHOTO)), "Python"),
        (B64 + "==" + B64, "padding"),
        (B64[:4] + "%2B" + B64[4:], "percent-encoded"),
        ("AAAAA", "cut off"),
        ("data:image/jpeg," + B64, ";base64,"),
        ("data:image/jpeg", ";base64,"),
        ("data:image/jpeg;base64,*", "other characters"),
        ("ÿØÿà", "none of its characters"),
    ],
)
def test_what_is_not_base64_has_its_cause_named(text: str, cause: str) -> None:
    with pytest.raises(RequestError, match=r"instance 0 is not base64 \(") as caught:
        as_json({"instances": [{"b64": text}]})
    assert caught.value.problem is errors.INVALID_BASE64
    assert cause in caught.value.detail


def test_a_data_url_as_the_body_or_in_a_form() -> None:
    url = f"data:image/jpeg;base64,{B64}".encode()
    assert parsed({"body": bytearray(url)}, {"Content-Type": "text/plain"}).images == [PHOTO]
    assert parsed({"image": url}, {"Content-Type": "multipart/form-data"}).images == [PHOTO]


@pytest.mark.parametrize("name", FORMATS)
def test_a_field_in_base64_that_torchserve_read(name: str) -> None:
    """A part in Content-Transfer-Encoding: base64 without a file name; the header that says so does not come here."""
    image = heic() if name == "HEIF" else encoded(picture(), name)
    for text in (base64.b64encode(image), base64.encodebytes(image), base64.urlsafe_b64encode(image)):
        assert parsed({"data": text}, {"Content-Type": "multipart/form-data"}).images == [image]


def test_a_field_in_base64_that_is_damaged() -> None:
    with pytest.raises(RequestError, match="the image is not base64") as caught:
        parsed({"data": base64.encodebytes(encoded(picture(), "JPEG")) + b"!"}, {"Content-Type": "multipart/form-data"})
    assert caught.value.problem is errors.INVALID_BASE64


def test_base64_may_be_broken_into_lines() -> None:
    assert as_json({"instances": [{"b64": base64.encodebytes(PHOTO * 20).decode()}]}).images == [PHOTO * 20]
