"""A request as it goes over the wire, byte for byte: an HTTP library would correct malformed requests."""

from dataclasses import dataclass

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Malformed:
    """One malformed request.

    Args:
        kind: its row in the report.
        data: what is sent.
        complete: whether it is a whole HTTP request, which needs a response; the server may drop an incomplete one.
        frontend: whether TorchServe's frontend parses this before the handler, and responds 500 to some of it.
    """

    kind: str
    data: bytes
    complete: bool = True
    frontend: bool = False


def encode(path: bytes, body: bytes, headers: Headers = (), method: bytes = b"POST", length: bytes = b"") -> bytes:
    """Return a request.

    Args:
        path: the address, as it is.
        body: the body, as it is.
        headers: beside Host, Connection and Content-Length.
        method: any word.
        length: the Content-Length, if not the true one.
    """
    lines = [method + b" " + path + b" HTTP/1.1", b"Host: fuzz", b"Connection: close"]
    lines += [name + b": " + value for name, value in headers]
    lines.append(b"Content-Length: " + (length or b"%d" % len(body)))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
