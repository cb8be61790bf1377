"""Malformed JSON, tensors, forms and compressed bodies."""

import base64
import gzip
import json
import random
import struct
import zlib

from scripts.fuzz.images import cut, flipped

BOUNDARY = b"fuzz-boundary"
ODD: tuple[object, ...] = (
    *(None, True, False, 0, -1, 1.5, 10**400, -(10**400), 1e308, "", "3", "٣", "NaN", "\u0000", "\ud800"),
    *([], {}, [[]], {"": {}}, ["a"], {"b64": None}, {"b64": 3}, {"b64": []}, "=", "====", "a" * 70_000),
)
# Documents that no JSON library writes.
RAW = (
    *(b"", b" ", b"{", b"[", b'"', b"nul", b"NaN", b"-Infinity", b"{}{}", b"{}x", b"\xff\xfe{}", b"\xef\xbb\xbf{}"),
    *(b"[" * 50_000, b'{"a":' * 50_000, b"[" * 100_000 + b"]" * 100_000, b'{"instances":' * 3000 + b"1" + b"}" * 3000),
    *(b'{"instances": [{"b64": "YQ=="}], "parameters": {"top_k": ' + b"9" * 5000 + b"}}",),
    *(b'{"instances": [{"b64": "YQ=="}], "parameters": {"top_k": 1e999}}',),
    *(b'{"instances": [{"b64": "YQ=="}], "parameters": {"threshold": NaN}}',),
    *(b'{"instances": [{"b64": "YQ=="}], "parameters": {"threshold": -Infinity}}',),
    *(b'{"instances": [], "instances": [{"b64": "\\ud800"}]}', b'{"instances": [{"b64": "\xff\xfe"}]}'),
    *('{"instances": [{"b64": "aé"}]}'.encode("utf-16"), '{"instances": []}'.encode("utf-32")),
    *(b'{"instances": [' + b'{"b64": ""},' * 20_000 + b'{"b64": ""}]}',),
)
JSON_TYPES = (
    *(b"application/json", b"application/json; charset=utf-16", b"application/json; charset=nope"),
    *(b"APPLICATION/JSON", b"application/vnd.x+json", b'application/json; a="', b"text/plain", b""),
)


def json_body(image: bytes, rng: random.Random) -> bytes:
    """Return a body that claims to be JSON."""
    if rng.random() < 0.3:
        return rng.choice(RAW)
    text = base64.b64encode(image[: rng.choice((0, 1, 100, len(image)))]).decode()
    url = f"data:{rng.choice(('', 'image/jpeg', '%ff', ',', ';base64'))};base64,{text}"
    instance = rng.choice(
        ({"b64": text}, {"image": {"b64": text}}, {"data": url}, text.rstrip("="), {"x": {"b64": url}})
    )
    document: dict[str, object] = {"instances": [instance], "parameters": {"top_k": 1}}
    match rng.randrange(5):
        case 0:
            document[rng.choice(("instances", "parameters", "other"))] = rng.choice(ODD)
        case 1:
            document["instances"] = [instance, rng.choice(ODD)]
        case 2:
            key = rng.choice(("top_k", "threshold", "top-k", "é"))
            document["parameters"] = {key: rng.choice(ODD)}
        case 3:
            document["instances"] = [instance] * rng.choice((0, 17, 300))
        case _:
            return flipped(json.dumps(document).encode(), rng)
    return json.dumps(document).encode()


def tensor_body(image: bytes, rng: random.Random) -> tuple[bytes, bytes]:
    """Return a request of the Open Inference Protocol and its Inference-Header-Content-Length; none for JSON alone."""
    if rng.random() < 0.1:
        body = rng.choice((*RAW, image))
        return body.replace(b"instances", b"inputs"), rng.choice((b"", b"0", b"%d" % len(body)))
    element, elements = image[: rng.choice((0, 1, 100, *[len(image)] * 5))], rng.choice((1, 1, 1, 2, 16, 17, 0))
    count: object = elements if rng.random() < 0.9 else rng.choice(ODD)
    tensor: dict[str, object] = {"name": "image", "datatype": "BYTES", "shape": [count]}
    raw, binary = b"", rng.random() < 0.5
    if binary:
        size = len(element) if rng.random() < 0.9 else rng.choice((0, 1, 0xFFFFFFFF))
        raw = (struct.pack("<I", size) + element) * elements
        tensor["parameters"] = {"binary_data_size": len(raw) if rng.random() < 0.9 else rng.choice((0, -1, 10**400))}
    else:
        tensor["data"] = [base64.b64encode(element).decode()] * elements
    document: dict[str, object] = {"inputs": [tensor], "parameters": {"top_k": 1}}
    match rng.randrange(6):
        case 0:
            tensor[rng.choice(("name", "datatype", "shape", "data", "parameters", "other"))] = rng.choice(ODD)
        case 1:
            document[rng.choice(("id", "inputs", "outputs", "parameters", "other"))] = rng.choice(ODD)
        case 2:
            wish = rng.choice(("binary_data", "classification", "other"))
            name = rng.choice(("scores", "labels", "errors", "é"))
            document["outputs"] = [{"name": name, "parameters": {wish: rng.choice((*ODD, True, 3))}}] * rng.choice(
                (1, 2)
            )
        case 3:
            key = rng.choice(("top_k", "threshold", "binary_data_output", "priority", "é"))
            document["parameters"] = {key: rng.choice(ODD)}
        case _:
            pass
    head = json.dumps(document).encode()
    length = len(head) if rng.random() < 0.9 else rng.choice((len(head) - 1, len(head) + len(raw), 10**30))
    body = flipped(head + raw, rng) if rng.random() < 0.3 else head + raw
    return body, b"%d" % length if binary else b""


def form_body(image: bytes, rng: random.Random) -> tuple[bytes, bytes]:
    """Return a form's body and the parameters of its content type."""
    disposition = rng.choice(
        (
            *(b'form-data; name="data"; filename="x"', b"form-data", b'form-data; name=""', b'attachment; name="data"'),
            *(b"form-data; name=data; name=image", b"form-data; name=\"data\"; filename*=utf-9''%ff", b""),
            *(b'form-data; name="' + b"d" * 9000 + b'"', b'form-data; name="d\xe4ta"', b'form-data; name="top_k'),
        )
    )
    more = rng.choice(
        (
            *(b"", b"\r\nContent-Type: image/jpeg; charset=nope", b"\r\nContent-Transfer-Encoding: nope"),
            *(
                b"\r\nContent-Type: multipart/mixed; boundary=inner",
                b"\r\nContent-Length: 99999999",
                b"\r\n: x",
                b"\r\nx",
            ),
            *(b"\r\nContent-Transfer-Encoding: base64", b"\r\nA: b" * 200, b"\nA: b", b"\r\n\0: \0"),
        )
    )
    part = b"--" + BOUNDARY + b"\r\nContent-Disposition: " + disposition + more + b"\r\n\r\n" + image + b"\r\n"
    option = b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="top_k"\r\n\r\n'
    body = part * rng.choice((0, 1, 1, 1, 3, 200 if len(image) < 5000 else 2))
    body += (option + rng.choice((b"", b"0", b"\xff", b"9" * 5000)) + b"\r\n") * rng.choice((0, 1, 2))
    body += b"--" + BOUNDARY + rng.choice((b"--\r\n", b"--\r\n", b"--", b"", b"\r\n", b"--trailing"))
    damage = rng.random()
    if damage < 0.2:
        body = cut(body, rng)
    elif damage < 0.4:
        body = flipped(body, rng)
    boundary = rng.choice(
        (
            *(b"; boundary=" + BOUNDARY, b'; boundary="' + BOUNDARY + b'"', b"; boundary=" + BOUNDARY) * 3,
            *(
                b"",
                b"; boundary",
                b"; boundary=",
                b'; boundary=""',
                b"; boundary=another",
                b"; boundary=" + b"x" * 3000,
            ),
            *(b"; boundary=\xff", b"; charset=nope; boundary=" + BOUNDARY, b'; boundary="' + BOUNDARY),
        )
    )
    return body, boundary


def compressed_body(body: bytes, rng: random.Random) -> tuple[bytes, bytes]:
    """Return a body that claims to be compressed, and its coding."""
    body = rng.choice((body, body, bytes(30_000_000)))
    data = gzip.compress(body, 1, mtime=0) if rng.random() < 0.5 else zlib.compress(body, 1)
    match rng.randrange(4):
        case 0:
            data = flipped(data, rng)
        case 1:
            data = cut(data, rng)
        case 2:
            data += rng.choice((data, b"x", bytes(9)))
    return data, rng.choice((b"gzip", b"deflate", b"x-gzip", b"br", b"GZIP", b"gzip, gzip", b"identity", b"\xff"))


def urlencoded_body(image: bytes, rng: random.Random) -> bytes:
    """Return what curl's --data-binary sends, and worse."""
    return rng.choice((image, b"a=%zz", b"%", b"data=" + image, b"&" * 5000, b"a" * 5000, b"=", b"\0", b"data=%ff"))
