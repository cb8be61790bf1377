"""Asks a running server what is in a photo; curl does the same (see the README)."""

import argparse
import base64
import sys
from pathlib import Path

import requests

from scripts.failure import Failure, run

DEFAULT_URL = "http://127.0.0.1:8080"
TIMEOUT = 120.0  # s for one answer, as long as TorchServe's own responseTimeout and a full queue need

# One grey pixel as a PNG: enough to ask whether a prediction works.
TINY_PHOTO = base64.b64decode(
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
        Failure: nobody answers there.
    """
    headers = {"Accept": "text/plain" if text else "application/json"}
    if top_k is not None:
        headers["X-Top-K"] = str(top_k)
    try:
        return requests.post(f"{url}/predictions/{name}", data=photo, headers=headers, timeout=TIMEOUT)
    except requests.RequestException as error:
        raise Failure(
            f"no inference API answers at {url}: start the server with make serve, or name it with --url"
        ) from error


def check_prediction(url: str, name: str) -> None:
    """Ask for one real prediction.

    Raises:
        Failure: the server does not answer it.
    """
    answer = predict(url, name, TINY_PHOTO)
    if not answer.ok:
        raise Failure(f"{name} is loaded but does not predict (status {answer.status_code}): {answer.text.strip()}")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m scripts.predict", description=__doc__)
    parser.add_argument("name", help="the served name, such as resnet-50")
    parser.add_argument("photo", type=Path)
    parser.add_argument("--url", default=DEFAULT_URL, help="(default %(default)s)")
    parser.add_argument("--text", action="store_true", help="the class names alone, one a line")
    parser.add_argument("--top-k", type=int, default=None, help="how many classes")
    given = parser.parse_args()
    try:
        photo = given.photo.read_bytes()
    except OSError as error:
        raise Failure(f"{given.photo} cannot be read ({error.strerror}): name a photo") from error
    answer = predict(given.url.rstrip("/"), given.name, photo, text=given.text, top_k=given.top_k)
    if not answer.ok:
        raise Failure(f"the server refused (status {answer.status_code}): {answer.text.strip()}")
    sys.stdout.write(answer.text if given.text else answer.text + "\n")


if __name__ == "__main__":
    run(main)
