"""The malformed requests: drawn from one seed, in the proportions of KINDS."""

import random
from collections.abc import Callable

from scripts.fuzz import documents, images
from scripts.fuzz.wire import Malformed, encode

# The gateway's name for a multipart form (handler/protocols/form.py): TorchServe hands such a body over unparsed.
FORM = b"application/x-multipart-form-data"
VALUES = (
    *(b"", b" ", b"0", b"-1", b"1.5", b"1e999", b"NaN", b"inf", b"0x10", b"1_0", b"9" * 3000, b"null", b"true"),
    *("٣".encode(), "\uff11".encode(), b"\xff\xfe\x80", b"\xc3\x28", b"\x01\x02", b"\x7f", b"\t", b"%00", b"a\x00b"),
    *(b'"', b"'; DROP", b"${jndi:ldap://127.0.0.1:1/a}", b"{{7*7}}", b"../../etc/passwd", b"*/*;q=nope", b",,,;;;"),
    *(b"text/plain;q=0, application/json;q=0", b"application/json;" * 400, b"True", b"a" * 7000, "é".encode("latin-1")),
)
NAMES = (
    *(b"X-Top-K", b"X-Threshold", b"Accept", b"Content-Type", b"X-Request-Id", b"Accept-Encoding", b"Content-Encoding"),
    *(b"Expect", b"Cookie", b"Authorization", b"Range", b"Upgrade", b"describe", b"explain", b"X-Forwarded-For", b"TE"),
)
METHODS = (b"GET", b"HEAD", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"PROPFIND", b"FOO", b"post", b"PUT")
PATHS = (
    *(
        b"/predictions/%s?%%zz",
        b"/predictions/%s/%%zz",
        b"/predictions/%s%%00",
        b"/predictions/%s/9.9",
        b"//predictions/%s",
    ),
    *(b"/predictions/../models", b"/predictions/%%2e%%2e/models", b"/predictions/%s/../../models", b"/predictions/"),
    *(b"/predictions/%%ff%%fe", "/predictions/é".encode(), b"/predictions/%s;x=1", b"/predictions/%s/1.0/x/y/z"),
    *(b"/predictions/%s?top_k=" + b"9" * 3000, b"/predictions/%s?top_k=\xff&threshold=%%00", b"/predictions/nobody"),
    *(
        b"/v1/models/%s:predict?x",
        b"/v1/models/%s:explain",
        b"/v1/models/:predict",
        b"/v2/models/%s/infer",
        b"/v1/models",
    ),
    *(b"/explanations/%s", b"/explanations/nobody", b"/api-description", b"/models", b"/metrics", b"/invocations"),
    *(b"/predictions/" + b"a" * 3000, b"/predictions/" + b"a" * 9000, b"/" + b"%%41" * 500, b"http://x/predictions/%s"),
)


class Corpus:
    """Draws malformed requests.

    Args:
        model: the served name.
        seed: the same seed draws the same requests.
    """

    def __init__(self, model: str, seed: int) -> None:
        self.model = model.encode()
        self.photos = images.photos()
        self._chance = random.Random(seed)  # noqa: S311 - the same every time is what is wanted
        self._bodies = list(self.photos.values())
        self._bombs = images.bombs()
        self._path = b"/predictions/" + self.model

    def draw(self, count: int) -> list[Malformed]:
        """Return this many requests, in an order of chance."""
        kinds = [self._chance.choices(list(KINDS), list(KINDS.values()))[0] for _ in range(count)]
        return [kind(self) for kind in kinds]

    def image(self) -> Malformed:
        """Return a photo with damage or lies."""
        photo, chance = self._photo(), self._chance
        match chance.randrange(5):
            case 0 | 1:
                return self._posted("bits turned", images.flipped(photo, chance))
            case 2:
                return self._posted("cut off", images.cut(photo, chance))
            case 3:
                return self._posted("spliced", images.spliced(photo, self._photo(), chance))
            case _:
                return self._posted("lying header", images.lying(photo, chance))

    def bomb(self) -> Malformed:
        """Return a small file that would be large."""
        return self._posted("bomb", self._chance.choice(self._bombs))

    def json(self) -> Malformed:
        """Return what is sent as JSON."""
        body = documents.json_body(self._photo(), self._chance)
        return self._posted("JSON", body, self._chance.choice(documents.JSON_TYPES))

    def form(self) -> Malformed:
        """Return a multipart form as a client sends it."""
        body, parameters = documents.form_body(self._photo(), self._chance)
        return self._posted("multipart form", body, b"multipart/form-data" + parameters, front_end=True)

    def relabelled(self) -> Malformed:
        """Return a multipart form as the gateway sends it on."""
        body, parameters = documents.form_body(self._photo(), self._chance)
        return self._posted("multipart, as the gateway sends it", body, FORM + parameters)

    def urlencoded(self) -> Malformed:
        """Return a photo, or worse, that is called a form."""
        body = documents.urlencoded_body(self._photo(), self._chance)
        return self._posted("photo called a form", body, b"application/x-www-form-urlencoded", front_end=True)

    def headers(self) -> Malformed:
        """Return a good photo with a header of stray bytes."""
        chance = self._chance
        given = tuple((chance.choice(NAMES), chance.choice(VALUES)) for _ in range(chance.choice((1, 1, 2, 5))))
        asks = any(name == b"Expect" for name, _ in given)  # whoever expects a 100 may be hung up on
        return Malformed("headers", encode(self._path, self._photo(), given), complete=not asks)

    def address(self) -> Malformed:
        """Return another method, or an address that leads nowhere."""
        chance, body = self._chance, self._photo()
        if chance.random() < 0.05:
            return Malformed("addresses", encode(b"*", body), front_end=True)
        if chance.random() < 0.4:
            return Malformed("methods", encode(self._path, body, method=chance.choice(METHODS)))
        path = chance.choice(PATHS)
        return Malformed("addresses", encode(path % self.model if b"%s" in path else path.replace(b"%%", b"%"), body))

    def framing(self) -> Malformed:
        """Return a request whose length or form is a lie."""
        chance, body, path = self._chance, self._photo(), self._path
        head = b"POST " + path + b" HTTP/1.1\r\nHost: fuzz\r\nConnection: close\r\n"
        size, chunked = b"%x\r\n" % len(body), b"Transfer-Encoding: chunked\r\n"
        whole = size + body + b"\r\n0\r\n\r\n"
        data = chance.choice(
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

    def _photo(self) -> bytes:
        return self._chance.choice(self._bodies)

    def _posted(self, kind: str, body: bytes, content_type: bytes = b"", front_end: bool = False) -> Malformed:
        odd = self._chance.choice((b"image/jpeg", b"text/html", b"x", b"/", b"application/octet-stream; a=b"))
        given = content_type or (odd if self._chance.random() < 0.3 else b"")
        headers = ((b"Content-Type", given),) if given else ()
        return Malformed(kind, encode(self._path, body, headers), front_end=front_end)


# Weights: most of what arrives broken is a photo.
KINDS: dict[Callable[[Corpus], Malformed], int] = {
    Corpus.image: 42,
    Corpus.bomb: 3,
    Corpus.json: 14,
    Corpus.form: 6,
    Corpus.relabelled: 8,
    Corpus.urlencoded: 3,
    Corpus.headers: 10,
    Corpus.address: 7,
    Corpus.framing: 7,
}
