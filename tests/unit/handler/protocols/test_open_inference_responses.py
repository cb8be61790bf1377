"""Responses of the Open Inference Protocol: in JSON, and with binary tensors."""

import json
import struct
from typing import Any

import pytest

from handler import errors
from handler.errors import RequestError
from handler.protocols.open_inference import TensorRequest
from handler.protocols.request import parse_request
from tests.unit.handler.protocols.tensor_requests import (
    B64,
    PHOTO,
    PREDICTIONS,
    as_json,
    element,
    outputs_of,
    responded,
    tensor,
)


def test_a_response_has_id_model_and_three_tensors() -> None:
    response = responded(as_json(id="mine", parameters={"top_k": 2}), PREDICTIONS)
    assert (response.content_type, dict(response.headers)) == ("application/json", {})
    assert json.loads(response.body) == {
        "id": "mine",
        "model_name": "resnet-50",
        "model_version": "1.0",
        "outputs": [
            {"name": "scores", "datatype": "FP32", "shape": [1, 2], "data": [0.75, 0.25]},
            {"name": "class_ids", "datatype": "INT64", "shape": [1, 2], "data": [967, 1]},
            {"name": "labels", "datatype": "BYTES", "shape": [1, 2], "data": ["café", "cup"]},
        ],
    }


def test_a_response_without_an_id() -> None:
    assert "id" not in json.loads(responded(as_json(), PREDICTIONS).body)


def test_only_the_outputs_that_are_asked_for_in_their_order() -> None:
    request = as_json(outputs=[{"name": "labels"}, {"name": "scores"}])
    assert list(outputs_of(responded(request, PREDICTIONS))) == ["labels", "scores"]


def test_missing_classes_are_filled_up() -> None:
    request = as_json(parameters={"top_k": 3, "threshold": 0.5}, inputs=[tensor(shape=[2], data=[B64, B64])])
    outputs = outputs_of(responded(request, PREDICTIONS[:1], []))
    assert outputs["scores"]["shape"] == [2, 3]
    assert outputs["scores"]["data"] == [0.75, 0, 0, 0, 0, 0]
    assert outputs["class_ids"]["data"] == [967, -1, -1, -1, -1, -1]
    assert outputs["labels"]["data"] == ["café", "", "", "", "", ""]


def test_classification_as_triton_writes_it() -> None:
    wanted = [{"name": "scores", "parameters": {"classification": 2}}, {"name": "labels"}]
    request = as_json(outputs=wanted, parameters={"top_k": 1})
    assert request.top_k == 2
    outputs = outputs_of(responded(request, PREDICTIONS))
    assert outputs["scores"] == {
        "name": "scores",
        "datatype": "BYTES",
        "shape": [1, 2],
        "data": ["0.750000:967:café", "0.250000:1:cup"],
    }
    assert outputs["labels"]["data"] == ["café"]


@pytest.mark.parametrize(
    "wish",
    [
        {"parameters": {"binary_data_output": True, "top_k": 2}},
        {
            "parameters": {"top_k": 2},
            "outputs": [
                {"name": name, "parameters": {"binary_data": True}} for name in ("scores", "class_ids", "labels")
            ],
        },
    ],
)
def test_binary_outputs(wish: dict[str, Any]) -> None:
    response = responded(as_json(**wish), PREDICTIONS)
    assert response.content_type == "application/octet-stream"
    size = int(response.headers["Inference-Header-Content-Length"])
    outputs = json.loads(response.body[:size])["outputs"]
    assert all("data" not in output for output in outputs)
    raw = response.body[size:]
    sizes = [output["parameters"]["binary_data_size"] for output in outputs]
    assert sizes == [8, 16, 4 + 5 + 4 + 3]
    assert struct.unpack("<2f", raw[:8]) == (0.75, 0.25)
    assert struct.unpack("<2q", raw[8:24]) == (967, 1)
    assert raw[24:] == element("café".encode()) + element(b"cup")


def test_an_output_may_be_json_beside_binary_ones() -> None:
    wanted = [{"name": "labels", "parameters": {"binary_data": False}}, {"name": "scores"}]
    response = responded(as_json(outputs=wanted, parameters={"binary_data_output": True, "top_k": 2}), PREDICTIONS)
    size = int(response.headers["Inference-Header-Content-Length"])
    labels, scores = json.loads(response.body[:size])["outputs"]
    assert labels["data"] == ["café", "cup"]
    assert scores["parameters"] == {"binary_data_size": len(response.body) - size}


def test_a_bad_image_is_reported_beside_the_others() -> None:
    inputs = [tensor(shape=[4], data=["no base64!", B64, B64, None])]
    request = parse_request({"body": json.dumps({"inputs": inputs}).encode()}, {}, classes=10, max_images=4)
    assert isinstance(request, TensorRequest)
    assert request.groups == [[PHOTO], [PHOTO]]
    damaged = RequestError(errors.DAMAGED_IMAGE, "it is cut off: send it again")
    outputs = outputs_of(responded(request, PREDICTIONS, _1=damaged))
    assert [label != "" for label in outputs["labels"]["data"][::5]] == [False, True, False, False]
    reasons = outputs["errors"]["data"]
    assert outputs["errors"]["shape"] == [4]
    assert reasons[0].startswith("400 invalid-base64: ")
    assert reasons[1:3] == ["", "422 damaged-image: it is cut off: send it again"]
    assert reasons[3].startswith("400 invalid-json: ")


def test_errors_are_empty_where_they_are_asked_for_and_there_are_none() -> None:
    assert outputs_of(responded(as_json(outputs=[{"name": "errors"}]), PREDICTIONS))["errors"]["data"] == [""]


def test_text_that_is_no_unicode_is_repeated_all_the_same() -> None:
    response = responded(as_json(id="\ud800"), PREDICTIONS)
    assert json.loads(response.body)["id"] == "?"
