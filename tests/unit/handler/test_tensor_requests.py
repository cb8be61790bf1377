"""Requests in tensors, handled whole: several images, of which each one succeeds or fails alone."""

import base64
import json
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ts.context import Context

from handler.classifier import ImageClassifier
from tests.conftest import encoded, picture
from tests.unit.handler.batches import PHOTO, handled, loaded, new_context
from tests.unit.handler.decode.test_bombs import bomb

PNG = encoded(picture(), "PNG")


def tensor_request(*images: bytes, **members: object) -> tuple[dict[str, Any], dict[str, str]]:
    data = [base64.b64encode(image).decode() for image in images]
    tensor = {"name": "image", "datatype": "BYTES", "shape": [len(images)], "data": data}
    return {"body": json.dumps({"inputs": [tensor]} | members).encode()}, {"Content-Type": "application/json"}


def outputs_of(body: bytes) -> dict[str, Any]:
    return {output["name"]: output["data"] for output in json.loads(body)["outputs"]}


def test_tensors_hold_what_the_native_protocol_returns(classifier: ImageClassifier, context: Context) -> None:
    native, tensors = handled(classifier, context, ({"body": PHOTO}, {}), tensor_request(PHOTO, id="mine"))
    classes = json.loads(native[2])
    document = json.loads(tensors[2])
    assert (document["id"], document["model_name"], document["model_version"]) == ("mine", "tiny-resnet", "1.0")
    outputs = outputs_of(tensors[2])
    assert outputs["scores"] == [row["score"] for row in classes]
    assert outputs["class_ids"] == [row["class_id"] for row in classes]
    assert outputs["labels"] == [row["label"] for row in classes]


def test_a_binary_response_says_where_its_json_ends(classifier: ImageClassifier, context: Context) -> None:
    request = tensor_request(PHOTO, PNG, parameters={"binary_data_output": True, "top_k": 10})
    ((status, content_type, body),) = handled(classifier, context, request)
    assert (status, content_type) == (200, "application/octet-stream")
    size = int(context.get_response_headers(0)["Inference-Header-Content-Length"])
    assert [output["name"] for output in json.loads(body[:size])["outputs"]] == ["scores", "class_ids", "labels"]
    scores = struct.unpack_from("<20f", body, size)
    assert [sum(scores[:10]), sum(scores[10:])] == pytest.approx([1, 1], abs=1e-4)


def test_a_bad_image_harms_none_of_the_others(classifier: ImageClassifier, context: Context) -> None:
    request = tensor_request(PNG, PHOTO[:-300], bomb("PNG"), b"text", PHOTO)
    mates = [({"body": PHOTO}, {}), request, ({"body": b"text"}, {}), tensor_request(PNG, PHOTO)]
    responses = handled(classifier, context, *mates)
    assert [status for status, _, _ in responses] == [200, 200, 415, 200]
    outputs, alone = outputs_of(responses[1][2]), outputs_of(responses[3][2])
    reasons = ["", "422 damaged-image", "413 too-many-pixels", "415 unsupported-format", ""]
    assert [text.partition(":")[0] for text in outputs["errors"]] == reasons
    assert outputs["labels"][:5] == alone["labels"][:5]
    assert outputs["labels"][20:] == alone["labels"][5:]
    assert outputs["class_ids"][5:20] == [-1] * 15
    assert "errors" not in alone


def test_a_request_without_a_good_image_is_its_first_error(classifier: ImageClassifier, context: Context) -> None:
    responses = handled(classifier, context, tensor_request(b"text", PHOTO[:-300]), tensor_request(b"text"))
    assert [status for status, _, _ in responses] == [415, 415]
    details = [json.loads(body)["detail"] for _, _, body in responses]
    assert details[0] == f"image 0: {details[1]}"


def test_the_images_of_a_request_share_its_limit_of_pixels(tiny_model: Path) -> None:
    context = new_context(tiny_model, {"handler": {"max_pixels": 2 * 64 * 48}})
    classifier = loaded(context)
    responses = handled(classifier, context, tensor_request(PHOTO, PHOTO, PHOTO), tensor_request(PHOTO, PHOTO))
    errors = [outputs_of(body).get("errors", []) for _, _, body in responses]
    assert [text[:19] for text in errors[0]] == ["", "", "413 too-many-pixels"]
    assert errors[1] == []


def test_the_images_of_a_request_share_its_limit_of_time(
    classifier: ImageClassifier, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed: list[float] = []

    def watched(seconds: float, function: Any) -> Any:
        allowed.append(seconds)
        return function()

    monkeypatch.setattr("handler.decode.deadline.call_within", watched)
    clock = map(float, range(1000))  # each call takes 1 s
    monkeypatch.setattr("handler.decode.deadline.time", SimpleNamespace(monotonic=lambda: next(clock)))
    without_end = PHOTO[:-2]  # of which libjpeg warns, so that it is decoded once more
    responses = handled(classifier, context, tensor_request(without_end, without_end))
    assert responses[0][0] == 200
    assert allowed == [4, 3, 2, 1]  # opened, opened, decoded, decoded
