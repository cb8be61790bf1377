"""The media type of a response is the one that the client prefers."""

import pytest

from handler.errors import RequestError
from handler.protocols.accept import negotiate


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/json"),
        ("", "application/json"),
        ("application/json", "application/json"),
        ("text/plain", "text/plain"),
        ("text/*", "text/plain"),
        ("text/plain;charset=utf-8", "text/plain"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "application/json"),
        ("application/json;q=0.1, text/plain;q=0.9", "text/plain"),
        ("application/json;q=0, */*", "text/plain"),
        ("TEXT/PLAIN", "text/plain"),
    ],
)
def test_accept(accept: str, media_type: str) -> None:
    assert negotiate(accept) == media_type


@pytest.mark.parametrize("accept", ["image/png", "text/plain;q=0", "application/json;q=nonsense", "nonsense"])
def test_accept_that_nothing_satisfies(accept: str) -> None:
    with pytest.raises(RequestError, match="application/json or text/plain"):
        negotiate(accept)
