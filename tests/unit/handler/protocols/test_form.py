"""A multipart form that the gateway hands over whole is read as curl and browsers write it; anything else is a 400."""

import base64
import itertools
import quopri
import random

import pytest

from handler import errors
from handler.errors import Problem, RequestError
from handler.protocols.form import FORM, MULTIPART, form_fields
from handler.protocols.request import parse_request

PHOTO = b"\xff\xd8 a photo's \r\n bytes \r\n--b"
JPEG = b"\xff\xd8\xff\xe0 a photo"
BODY = (
    b'--bound\r\nContent-Disposition: form-data; name="data"; filename="caf\xe9.jpg"\r\n'
    b"Content-Type: image/jpeg\r\n\r\n" + PHOTO + b"\r\n"
    b'--bound\r\nContent-Disposition: form-data; name="top_k"\r\n\r\n3\r\n--bound--\r\n'
)
CONTENT_TYPE = f"{FORM}; boundary=bound"


def test_the_fields_of_a_form() -> None:
    for content_type in (CONTENT_TYPE, f'{FORM}; charset=utf-9; boundary="bound"'):
        assert form_fields(BODY, content_type) == [("data", PHOTO), ("top_k", b"3")]


@pytest.mark.parametrize("name", ["写真.jpg".encode(), b"caf\xc2\x8d.jpg", b"a\x01b\x7f.jpg", b"\xff\x80.jpg"])
def test_a_file_name_of_any_bytes(name: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("Control characters not allowed in headers")

    monkeypatch.setattr("multipart.Headers", refuse)  # as Python's do since 2026
    assert form_fields(BODY.replace(b"caf\xe9.jpg", name), CONTENT_TYPE)[0] == ("data", PHOTO)


def test_a_form_from_the_gateway_is_a_request() -> None:
    request = parse_request({"body": bytearray(BODY)}, {"Content-Type": CONTENT_TYPE}, classes=10, max_images=1)
    assert (request.images, request.top_k) == ([PHOTO], 3)


@pytest.mark.parametrize("content_type", [FORM, f"{FORM}; boundary=", f'{FORM}; boundary=""', MULTIPART])
def test_a_form_without_a_boundary_in_its_content_type(content_type: str) -> None:
    request = parse_request({"body": bytearray(BODY)}, {"Content-Type": content_type}, classes=10, max_images=1)
    assert (request.images, request.top_k) == ([PHOTO], 3)


def part(value: bytes, encoding: str) -> bytes:
    head = f'--bound\r\nContent-Disposition: form-data; name="data"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n'
    return head.encode() + value + b"\r\n--bound--\r\n"


@pytest.mark.parametrize(
    ("encoding", "value"),
    [
        ("binary", PHOTO),
        ("8BIT", PHOTO),
        ("base64", base64.b64encode(PHOTO)),
        ("Base64", base64.encodebytes(PHOTO * 9)),
        ("quoted-printable", quopri.encodestring(PHOTO)),
    ],
)
def test_a_part_in_an_encoding_of_mail(encoding: str, value: bytes) -> None:
    assert form_fields(part(value, encoding), CONTENT_TYPE)[0][1] in (PHOTO, PHOTO * 9)


@pytest.mark.parametrize(
    ("encoding", "value", "problem"),
    [("x-uuencode", PHOTO, errors.NO_IMAGE), ("base64", PHOTO, errors.INVALID_BASE64)],
)
def test_a_part_that_cannot_be_decoded(encoding: str, value: bytes, problem: Problem) -> None:
    with pytest.raises(RequestError, match="data") as raised:
        form_fields(part(value, encoding), CONTENT_TYPE)
    assert raised.value.problem is problem


@pytest.mark.parametrize("names", list(itertools.product(("data", "image", "file", "photo"), repeat=2)))
def test_two_images_in_a_form(names: tuple[str, str]) -> None:
    parts = [(f'--bound\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n').encode() + JPEG for name in names]
    with pytest.raises(RequestError, match=f"2 images .{', '.join(names)}.: send one") as raised:
        parse_request(
            {"body": b"\r\n".join([*parts, b"--bound--\r\n"])}, {"Content-Type": CONTENT_TYPE}, classes=10, max_images=9
        )
    assert raised.value.problem is errors.SEVERAL_IMAGES


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", CONTENT_TYPE),
        (b"--bound--\r\n", CONTENT_TYPE),
        (BODY[:-30], CONTENT_TYPE),
        (b"no form", FORM),
        (b"no form", f"{FORM}; boundary="),
        (BODY, f"{FORM}; boundary=another"),
        (BODY.replace(b"form-data", b"form\xff"), CONTENT_TYPE),
        (b'--bound\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 100 + b"--bound--\r\n", CONTENT_TYPE),
    ],
    ids=["empty", "no fields", "cut off", "no boundary", "empty boundary", "wrong boundary", "bytes", "many"],
)
def test_what_cannot_be_read_is_said(body: bytes, content_type: str) -> None:
    with pytest.raises(RequestError) as raised:
        form_fields(body, content_type)
    assert raised.value.problem is errors.NO_IMAGE
    assert "curl -F data=@photo.jpg" in raised.value.detail


def test_a_form_of_chance_is_read_or_refused() -> None:
    chance = random.Random(1)
    outcomes = set()
    for _ in range(2000):
        body = bytearray(BODY)
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(body))
            body[place : place + chance.randint(0, 9)] = chance.randbytes(chance.randint(0, 3))
        try:
            form_fields(bytes(body), CONTENT_TYPE)
            outcomes.add("read")
        except RequestError:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}
