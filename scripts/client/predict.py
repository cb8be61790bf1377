"""Sends images to a running server; curl does the same (docs/api.md)."""

import base64

import requests

from scripts.common.errors import CommandError

DEFAULT_URL = "http://127.0.0.1:8080"
TIMEOUT = 120.0  # s for one response, as long as TorchServe's own responseTimeout and a full queue need

# One grey pixel as a PNG: enough to check that a prediction works.
TINY_IMAGE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGOor68HAAL+AX66JXAlAAAAAElFTkSuQmCC"
)


def predict(url: str, name: str, image: bytes, *, text: bool = False, top_k: int | None = None) -> requests.Response:
    """Send one image.

    Args:
        url: the server's inference address.
        name: the served name, or `name/version`.
        image: the encoded image.
        text: request plain text, with one class name a line.
        top_k: number of classes; None takes the server's default.

    Raises:
        CommandError: no server responds there.
    """
    headers = {"Accept": "text/plain" if text else "application/json"}
    if top_k is not None:
        headers["X-Top-K"] = str(top_k)
    try:
        return requests.post(f"{url}/predictions/{name}", data=image, headers=headers, timeout=TIMEOUT)
    except requests.RequestException as error:
        raise CommandError(
            f"no inference API responds at {url}: start the server with make serve, or name it with --url"
        ) from error


def check_prediction(url: str, name: str) -> None:
    """Make sure that a prediction succeeds.

    Raises:
        CommandError: it fails.
    """
    response = predict(url, name, TINY_IMAGE)
    if not response.ok:
        raise CommandError(f"{name} does not predict (status {response.status_code}): {response.text.strip()}")
