"""Asks a running server what is in a photo; curl does the same (docs/api.md)."""

import base64

import requests

from scripts.common.errors import CommandError

DEFAULT_URL = "http://127.0.0.1:8080"
TIMEOUT = 120.0  # s for one answer, as long as TorchServe's own responseTimeout and a full queue need

# One grey pixel as a PNG: enough to ask whether a prediction works.
TINY_IMAGE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGOor68HAAL+AX66JXAlAAAAAElFTkSuQmCC"
)


def predict(url: str, name: str, photo: bytes, *, text: bool = False, top_k: int | None = None) -> requests.Response:
    """Send one photo.

    Args:
        url: the server's inference address.
        name: the served name, or `name/version`.
        photo: the encoded image.
        text: ask for the class names alone, one a line.
        top_k: how many classes, None for the server's default.

    Raises:
        CommandError: nobody answers there.
    """
    headers = {"Accept": "text/plain" if text else "application/json"}
    if top_k is not None:
        headers["X-Top-K"] = str(top_k)
    try:
        return requests.post(f"{url}/predictions/{name}", data=photo, headers=headers, timeout=TIMEOUT)
    except requests.RequestException as error:
        raise CommandError(
            f"no inference API answers at {url}: start the server with make serve, or name it with --url"
        ) from error


def check_prediction(url: str, name: str) -> None:
    """Ask for one real prediction.

    Raises:
        CommandError: the server does not answer it.
    """
    answer = predict(url, name, TINY_IMAGE)
    if not answer.ok:
        raise CommandError(f"{name} does not predict (status {answer.status_code}): {answer.text.strip()}")
