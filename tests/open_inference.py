"""The Open Inference Protocol by clients that others wrote: what they send, and what they get from every server."""

import base64
import json
import subprocess
from typing import Any

import pytest

from tests.clients import ENVIRONMENT
from tests.conftest import PROJECT

FOLDER = PROJECT / "tests" / "clients"


def run(script: str, *arguments: str, sent: str) -> Any:
    """Run a program of the clients' environment and return the JSON that it prints."""
    command = [str(ENVIRONMENT.ensure()), str(FOLDER / script), *arguments]
    done = subprocess.run(command, input=sent, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def encoded(*images: bytes) -> list[str]:
    """Return images in base64."""
    return [base64.b64encode(image).decode() for image in images]


def check_triton(url: str, model: str, image: bytes, expected: list[dict[str, Any]], *version: str) -> list[Any]:
    """Send images with Triton's client and check its outputs; return what the server says about itself.

    Args:
        url: the server's address.
        model: the served name.
        image: an image.
        expected: its five classes, as the native protocol returns them.
        version: the served version, where the server has addresses for it.
    """
    plain = [[name, False, 0] for name in ("labels", "scores")]
    requests: list[dict[str, Any]] = [
        {"images": encoded(image), "binary": True, "outputs": [], "request_id": "mine"},
        {"images": encoded(image, image), "binary": False, "outputs": plain, "parameters": {"top_k": 2}},
        {"images": encoded(image), "binary": True, "outputs": [["scores", True, 3]]},
        {"images": encoded(image, b"no image", image), "binary": True, "outputs": []},
        {"images": encoded(b"no image"), "binary": True, "outputs": []},
        *(
            {"images": encoded(image), "binary": True, "outputs": [], "request_compression_algorithm": coding}
            for coding in ("gzip", "deflate")
        ),
        *({"images": encoded(image), "binary": True, "outputs": [], "model_version": each} for each in version),
    ]
    found = run("triton_http.py", url, model, *version, sent=json.dumps(requests))
    whole, several, classified, mixed, refused, *others = found["outcomes"]
    assert (whole["id"], whole["model"], whole["binary"]) == ("mine", [model, "1.0"], [True] * 3)
    check_outputs(whole["outputs"], expected)
    assert several["binary"] == [False, False]
    assert several["outputs"]["labels"] == [[row["label"] for row in expected[:2]]] * 2
    assert classified["outputs"]["scores"] == [
        [f"{row['score']:f}:{row['class_id']}:{row['label']}" for row in expected[:3]]
    ]
    assert [labels[0] for labels in mixed["outputs"]["labels"]] == [expected[0]["label"], "", expected[0]["label"]]
    assert [text[:22] for text in mixed["outputs"]["errors"]] == ["", "415 unsupported-format", ""]
    assert refused["status"] == "415"
    assert refused["message"].startswith("The body is not an image of a supported format: ")
    for each in others:
        check_outputs(each["outputs"], expected)
    about: list[Any] = found["about"]
    return about


def check_outputs(outputs: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    """Fail unless the tensors of one image hold these classes."""
    assert outputs["labels"] == [[row["label"] for row in expected]]
    assert outputs["class_ids"] == [[row["class_id"] for row in expected]]
    assert outputs["scores"][0] == pytest.approx([row["score"] for row in expected], abs=1e-6)


def check_kserve(url: str, model: str, image: bytes, expected: list[dict[str, Any]], *about: str) -> dict[str, Any]:
    """Send images with KServe's client and check what it returns; return that by name.

    Args:
        url: the server's address.
        model: the served name.
        image: an image.
        expected: its classes, as the native protocol returns them.
        about: `about`, where the server describes itself.
    """
    found: dict[str, Any] = run("kserve_rest.py", url, model, *about, sent=encoded(image)[0])
    assert found["v1"] == {"predictions": [expected[:1]]}
    in_json, binary = found["v2 JSON"], found["v2 binary"]
    assert (in_json["id"], in_json["model"]) == ("mine", model)
    assert in_json["outputs"]["labels"] == [[1, 1], [expected[0]["label"]]]
    assert binary["outputs"]["labels"] == [[2, 2], [*(row["label"] for row in expected[:2]), "", ""]]
    assert binary["outputs"]["errors"][1][1].startswith("415 unsupported-format: ")
    status, error = found["v2 error"]
    assert status == 400
    assert "top_k is 0: send a whole number from 1" in error
    return found
