"""The malformed requests: drawn from one seed, in the proportions of KINDS."""

import random
from collections.abc import Callable
from urllib.parse import quote_plus

from scripts.fuzz import documents, images, values
from scripts.fuzz.wire import Malformed, encode

# The gateway's name for a multipart form (handler/protocols/form.py): TorchServe forwards such a body unparsed.
FORM = b"application/x-multipart-form-data"


class Corpus:
    """Draws malformed requests.

    Args:
        model: the served name.
        seed: the same seed draws the same requests.
    """

    def __init__(self, model: str, seed: int) -> None:
        self.model = model.encode()
        self.valid_images = images.valid_images()
        self._random = random.Random(seed)  # noqa: S311 - reproducible
        self._bodies = list(self.valid_images.values())
        self._bombs = images.bombs()
        self._path = b"/predictions/" + self.model

    def draw(self, count: int) -> list[Malformed]:
        """Return this many requests, in random order."""
        kinds = [self._random.choices(list(KINDS), list(KINDS.values()))[0] for _ in range(count)]
        return [kind(self) for kind in kinds]

    def image(self) -> Malformed:
        """Return a damaged or deceptive image."""
        image, rng = self._image(), self._random
        match rng.randrange(5):
            case 0 | 1:
                return self._posted("bits flipped", images.flipped(image, rng))
            case 2:
                return self._posted("cut off", images.cut(image, rng))
            case 3:
                return self._posted("spliced", images.spliced(image, self._image(), rng))
            case _:
                return self._posted("false header", images.deceptive(image, rng))

    def bomb(self) -> Malformed:
        """Return a small file that decodes to a large image."""
        return self._posted("bomb", self._random.choice(self._bombs))

    def json(self) -> Malformed:
        """Return what is sent as JSON."""
        body = documents.json_body(self._image(), self._random)
        path = self._random.choice((self._path, b"/v1/models/%s:predict" % self.model))
        return self._posted("JSON", body, self._random.choice(documents.JSON_TYPES), path=path)

    def tensors(self) -> Malformed:
        """Return a request of the Open Inference Protocol, in JSON or with a binary tensor."""
        body, length = documents.tensor_body(self._image(), self._random)
        path = self._random.choice((self._path, b"/v2/models/%s/infer" % self.model))
        headers = ((b"Inference-Header-Content-Length", length),) if length else ()
        return Malformed("tensors", encode(path, body, headers))

    def form(self) -> Malformed:
        """Return a multipart form as a client sends it."""
        body, parameters = documents.form_body(self._image(), self._random)
        return self._posted("multipart form", body, b"multipart/form-data" + parameters, frontend=True)

    def relabelled(self) -> Malformed:
        """Return a multipart form as the gateway forwards it."""
        body, parameters = documents.form_body(self._image(), self._random)
        return self._posted("multipart, as forwarded by the gateway", body, FORM + parameters)

    def urlencoded(self) -> Malformed:
        """Return an image, or worse, with a form's content type."""
        body = documents.urlencoded_body(self._image(), self._random)
        return self._posted("image sent as a form", body, b"application/x-www-form-urlencoded", frontend=True)

    def compressed(self) -> Malformed:
        """Return an image, JSON or a bomb, more or less compressed."""
        body = self._random.choice((self._image(), documents.json_body(self._image(), self._random)))
        data, coding = documents.compressed_body(body, self._random)
        return Malformed("compressed", encode(self._path, data, ((b"Content-Encoding", coding),)))

    def explanation(self) -> Malformed:
        """Return an image, JSON, a form or tensors to be explained, for a class or an odd one."""
        rng, image = self._random, self._image()
        path = rng.choice((b"/explanations/%s", b"/explanations/%s/1.0", b"/v1/models/%s:explain")) % self.model
        if rng.random() < 0.3:
            path += b"?class=" + quote_plus(rng.choice(values.CLASSES), safe="%").encode()
        form, parameters = documents.form_body(image, rng)
        bodies = (
            (image, b""),
            (images.flipped(image, rng), b""),
            (documents.json_body(image, rng), b"application/json"),
            (documents.tensor_body(image, rng)[0], b""),
            (form, FORM + parameters),
        )
        body, content_type = rng.choice(bodies)
        given = ((b"X-Class", rng.choice(values.CLASSES)), (b"Accept", rng.choice(values.ACCEPTS)))
        headers = (*given[: rng.randrange(3)], *(((b"Content-Type", content_type),) if content_type else ()))
        return Malformed("explanations", encode(path, body, headers))

    def page(self) -> Malformed:
        """Return a browser's request for the page, with an odd header."""
        rng = self._random
        path = rng.choice((self._path, b"/explanations/%s" % self.model, self._path + b"/1.0?a=%00"))
        odd = rng.choice(values.NAMES)
        data = encode(
            path,
            rng.choice((b"", b"", self._image())),
            ((b"Accept", b"text/html"), (odd, rng.choice(values.VALUES))),
            method=rng.choice((b"GET", b"HEAD")),
        )
        return Malformed("page", data, complete=odd != b"Expect")

    def headers(self) -> Malformed:
        """Return a valid image with a malformed header."""
        rng = self._random
        given = tuple((rng.choice(values.NAMES), rng.choice(values.VALUES)) for _ in range(rng.choice((1, 1, 2, 5))))
        expects = any(name == b"Expect" for name, _ in given)  # the server may close instead of a 100
        return Malformed("headers", encode(self._path, self._image(), given), complete=not expects)

    def deadline(self) -> Malformed:
        """Return a valid image from a client that says how long it waits."""
        rng = self._random
        given = ((b"X-Request-Timeout", rng.choice(values.TIMEOUTS)), (b"X-Request-Start", rng.choice(values.STARTS)))
        return Malformed("deadlines", encode(self._path, self._image(), given[: rng.choice((1, 2))]))

    def trace(self) -> Malformed:
        """Return a valid image that belongs to a trace, or to what claims to be one."""
        rng = self._random
        given = (
            (b"traceparent", rng.choice(values.TRACEPARENTS)),
            (b"tracestate", rng.choice(values.TRACESTATES)),
            (b"X-Request-Parent", rng.choice((b"none", values.SPAN, *values.VALUES))),
            (b"X-Request-Forwarded", rng.choice(values.STARTS)),
        )
        return Malformed("traces", encode(self._path, self._image(), given[: rng.randrange(1, 5)]))

    def address(self) -> Malformed:
        """Return another method, or an address that does not exist."""
        rng, body = self._random, self._image()
        if rng.random() < 0.05:
            return Malformed("addresses", encode(b"*", body), frontend=True)
        if rng.random() < 0.4:
            return Malformed("methods", encode(self._path, body, method=rng.choice(values.METHODS)))
        path = rng.choice(values.PATHS)
        return Malformed("addresses", encode(path % self.model if b"%s" in path else path.replace(b"%%", b"%"), body))

    def framing(self) -> Malformed:
        """Return a request with a false length or framing."""
        rng, body, path = self._random, self._image(), self._path
        head = b"POST " + path + b" HTTP/1.1\r\nHost: fuzz\r\nConnection: close\r\n"
        size, chunked = b"%x\r\n" % len(body), b"Transfer-Encoding: chunked\r\n"
        whole = size + body + b"\r\n0\r\n\r\n"
        data = rng.choice(
            (
                *(head + chunked + b"\r\n" + whole, head + chunked + b"\r\n" + b"zz\r\n" + body),
                *(head + chunked + b"\r\n" + b"f" * 16 + b"\r\n" + body, head + chunked + b"\r\n" + size + body),
                *(head + chunked + b"Content-Length: 3\r\n\r\n" + whole, head + chunked * 2 + b"\r\n" + whole),
                *(
                    head + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + whole,
                    head + b"Transfer-Encoding: nope\r\n\r\n",
                ),
                *(
                    encode(path, body, length=b"%d" % (len(body) + 9)),
                    encode(path, body, length=b"%d" % (len(body) // 2)),
                ),
                *(
                    encode(path, body, length=b"-5"),
                    encode(path, body, length=b"1e3"),
                    encode(path, body, length=b"9" * 40),
                ),
                *(encode(path, body, length=b"999999999"), encode(path, body, ((b"Content-Length", b"7"),))),
                *(head + b"\r\n", head + b"X Y: 1\r\n\r\n", head + b"nothing\r\n\r\n", head + b": x\r\n\r\n", head),
                *(head.replace(b"1.1", b"1.0") + b"\r\n" + body, head.replace(b"1.1", b"9.9") + b"\r\n", b"\r\n" * 9),
                *(
                    b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
                    b"GET /\r\n\r\n",
                    b"\0" * 300,
                ),
            )
        )
        return Malformed("framing", data, complete=False)

    def _image(self) -> bytes:
        return self._random.choice(self._bodies)

    def _posted(
        self, kind: str, body: bytes, content_type: bytes = b"", *, path: bytes = b"", frontend: bool = False
    ) -> Malformed:
        odd = self._random.choice((b"image/jpeg", b"text/html", b"x", b"/", b"application/octet-stream; a=b"))
        given = content_type or (odd if self._random.random() < 0.3 else b"")
        headers = ((b"Content-Type", given),) if given else ()
        return Malformed(kind, encode(path or self._path, body, headers), frontend=frontend)


# Weights: most malformed requests are images.
KINDS: dict[Callable[[Corpus], Malformed], int] = {
    Corpus.image: 34,
    Corpus.bomb: 3,
    Corpus.json: 12,
    Corpus.tensors: 10,
    Corpus.form: 6,
    Corpus.relabelled: 8,
    Corpus.urlencoded: 3,
    Corpus.compressed: 5,
    Corpus.explanation: 6,
    Corpus.page: 2,
    Corpus.headers: 10,
    Corpus.deadline: 3,
    Corpus.trace: 3,
    Corpus.address: 7,
    Corpus.framing: 7,
}
