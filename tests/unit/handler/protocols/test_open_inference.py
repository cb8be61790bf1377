"""Requests and responses of the Open Inference Protocol: in JSON, and with binary tensors."""

import base64
import json
import struct
from typing import Any

import pytest

from handler import errors
from handler.errors import Problem, RequestError
from handler.protocols.encoding import ModelName, Response
from handler.protocols.open_inference import TensorRequest
from handler.protocols.predictions import Predictions
from handler.protocols.request import Request, parse_request

PHOTO = b"\xff\xd8 a photo's bytes"
B64 = base64.b64encode(PHOTO).decode()
MODEL = ModelName("resnet-50", "1.0")
PREDICTIONS: Predictions = [
    {"class_id": 967, "label": "café", "score": 0.75},
    {"class_id": 1, "label": "cup", "score": 0.25},
]


def tensor(**members: object) -> dict[str, Any]:
    return {"name": "image", "datatype": "BYTES", "shape": [1], "data": [B64]} | members


def parsed(body: bytes, headers: dict[str, str] | None = None) -> TensorRequest:
    request = parse_request({"body": bytearray(body)}, headers or {}, classes=10, max_images=3)
    assert isinstance(request, TensorRequest)
    return request


def classified(name: str, **parameters: object) -> dict[str, Any]:
    return {"name": name, "parameters": parameters}


def as_json(headers: dict[str, str] | None = None, **members: object) -> TensorRequest:
    return parsed(json.dumps({"inputs": [tensor()]} | members).encode(), headers)


def binary(raw: bytes, headers: dict[str, str] | None = None, **members: object) -> TensorRequest:
    """Send a binary tensor."""
    sent: dict[str, object] = {"name": "image", "datatype": "BYTES", "shape": [1]}
    sent |= {"parameters": {"binary_data_size": len(raw)}} | members
    head = json.dumps({"inputs": [sent]}).encode()
    return parsed(head + raw, {"Inference-Header-Content-Length": str(len(head))} | (headers or {}))


def element(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


def responded(request: TensorRequest, *predictions: Predictions, **failures: RequestError) -> Response:
    return request.respond(list(predictions), {int(place[1:]): error for place, error in failures.items()}, MODEL)


def outputs_of(response: Response) -> dict[str, dict[str, Any]]:
    return {output["name"]: output for output in json.loads(response.body)["outputs"]}


@pytest.mark.parametrize("content_type", ["application/json", "application/octet-stream", "text/plain", ""])
def test_json_whatever_its_content_type(content_type: str) -> None:
    request = as_json({"Content-Type": content_type, "Accept": "text/plain"})
    assert (request.images, request.top_k, request.threshold) == ([PHOTO], 5, 0.0)


def test_json_with_a_byte_order_mark() -> None:
    body = b"\xef\xbb\xbf\r\n " + json.dumps({"inputs": [tensor()]}).encode()
    assert parsed(body).images == [PHOTO]


def test_json_that_torchserve_has_already_read() -> None:
    request = parse_request({"body": {"inputs": [tensor()]}}, {}, classes=10, max_images=3)
    assert isinstance(request, TensorRequest)
    assert request.images == [PHOTO]


def test_instances_stay_kserve_v1() -> None:
    body = json.dumps({"instances": [{"b64": B64}], "parameters": {"top_k": 1}}).encode()
    request = parse_request({"body": body}, {"Content-Type": "application/json"}, classes=10, max_images=3)
    assert isinstance(request, Request)


@pytest.mark.parametrize(
    ("shape", "data"),
    [([2], [B64, B64]), ([2, 1], [B64, B64]), ([2, 1], [[B64], [B64]]), ([1], B64), ([1, 1], [[B64]])],
)
def test_shapes_of_several_images(shape: list[int], data: object) -> None:
    assert as_json(inputs=[tensor(shape=shape, data=data)]).images == [PHOTO] * shape[0]


def test_a_binary_tensor() -> None:
    raw = element(PHOTO) + element(PHOTO * 2)
    assert binary(raw, shape=[2, 1]).images == [PHOTO, PHOTO * 2]


def test_a_raw_binary_request_is_the_image() -> None:
    request = parsed(PHOTO, {"inference-header-content-length": "0", "X-Top-K": "2"})
    assert (request.images, request.top_k) == ([PHOTO], 2)


def test_parameters_beat_the_headers() -> None:
    headers = {"X-Top-K": "7", "X-Threshold": "0.5"}
    assert (as_json(headers).top_k, as_json(headers).threshold) == (7, 0.5)
    request = as_json(headers, parameters={"top_k": 2, "threshold": 0.25, "priority": 1, "timeout": 5})
    assert (request.top_k, request.threshold) == (2, 0.25)


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


def test_classification_of_more_classes_than_there_are() -> None:
    assert as_json(outputs=[{"name": "scores", "parameters": {"classification": 1000}}]).top_k == 10


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


def test_without_a_good_image_the_request_fails_with_the_first_error() -> None:
    request = as_json(inputs=[tensor(shape=[2], data=["no base64!", B64])])
    error = request.error({0: RequestError(errors.DAMAGED_IMAGE, "send it again")})
    assert error.problem is errors.INVALID_BASE64
    assert error.detail.startswith("image 0: ")


@pytest.mark.parametrize(
    ("members", "problem", "told"),
    [
        ({"inputs": []}, errors.INVALID_JSON, "one input, image"),
        ({"inputs": {}}, errors.INVALID_JSON, '"inputs" is no list'),
        ({"inputs": [3]}, errors.INVALID_JSON, '"inputs" is no list'),
        ({"inputs": [tensor(name="input-0")]}, errors.INVALID_JSON, "are input-0"),
        ({"inputs": [tensor(), tensor()]}, errors.INVALID_JSON, "are image, image"),
        ({"inputs": [tensor(datatype="UINT8")]}, errors.INVALID_JSON, "UINT8: send BYTES"),
        ({"inputs": [tensor(datatype="FP32", shape=[1, 3, 224, 224])]}, errors.INVALID_JSON, "FP32: send BYTES"),
        ({"inputs": [tensor(top_k=1)]}, errors.INVALID_PARAMETER, "no member of a tensor top_k"),
        ({"inputs": [tensor(parameters={"top_k": 1})]}, errors.INVALID_PARAMETER, "request's own"),
        ({"inputs": [tensor(parameters={"shared_memory_region": "r"})]}, errors.INVALID_PARAMETER, "shared memory"),
        ({"inputs": [tensor(parameters=3)]}, errors.INVALID_JSON, '"parameters" is no object'),
        ({"inputs": [tensor(parameters={"binary_data_size": 9})]}, errors.INVALID_JSON, "0 bytes follow the JSON"),
        ({"inputs": [tensor(shape=[1, 2])]}, errors.INVALID_JSON, "[1, 2]: send [n] or [n, 1]"),
        ({"inputs": [tensor(shape=[-1])]}, errors.INVALID_JSON, "send [n] or [n, 1]"),
        ({"inputs": [tensor(shape=[True])]}, errors.INVALID_JSON, "send [n] or [n, 1]"),
        ({"inputs": [tensor(shape=[])]}, errors.INVALID_JSON, "send [n] or [n, 1]"),
        ({"inputs": [tensor(shape=[[1]])]}, errors.INVALID_JSON, "send [n] or [n, 1]"),
        ({"inputs": [tensor(shape=None)]}, errors.INVALID_JSON, "send [n] or [n, 1]"),
        ({"inputs": [tensor(shape=[2])]}, errors.INVALID_JSON, "2 images, and its data has 1"),
        ({"inputs": [tensor(data=list(PHOTO))]}, errors.INVALID_JSON, f"its data has {len(PHOTO)}"),
        ({"inputs": [tensor(data=None)]}, errors.INVALID_JSON, 'no "data"'),
        ({"inputs": [tensor(shape=[0], data=[])]}, errors.NO_IMAGE, "no element"),
        ({"inputs": [tensor(shape=[4], data=[B64] * 4)]}, errors.TOO_MANY_IMAGES, "at most 3"),
        ({"inputs": [tensor(shape=[10**400])]}, errors.TOO_MANY_IMAGES, "at most 3"),
        ({"inputs": [tensor(data=[""])]}, errors.EMPTY_BODY, "no bytes"),
        ({"inputs": [tensor(data=[{"b64": B64}])]}, errors.INVALID_JSON, "as a text"),
        ({"inputs": [tensor(data=["é"])]}, errors.INVALID_BASE64, "not base64"),
        ({"id": 3}, errors.INVALID_JSON, '"id" is 3'),
        ({"top_k": 3}, errors.INVALID_PARAMETER, 'in "parameters"'),
        ({"parameters": {"topk": 3}}, errors.INVALID_PARAMETER, "no parameter topk"),
        ({"parameters": {"top_k": 11}}, errors.INVALID_PARAMETER, "1 to 10"),
        ({"parameters": {"binary_data_output": 1}}, errors.INVALID_PARAMETER, "true or false"),
        ({"outputs": {"name": "scores"}}, errors.INVALID_JSON, '"outputs" is no list'),
        ({"outputs": [{"name": "logits"}]}, errors.INVALID_PARAMETER, "scores, class_ids, labels, errors"),
        ({"outputs": [{"name": []}]}, errors.INVALID_PARAMETER, "scores, class_ids, labels, errors"),
        ({"outputs": [{"name": "labels"}] * 2}, errors.INVALID_PARAMETER, "each once"),
        ({"outputs": [classified("labels", classification=1)]}, errors.INVALID_PARAMETER, "ask for it with scores"),
        ({"outputs": [classified("scores", classification=0)]}, errors.INVALID_PARAMETER, "whole number from 1"),
        ({"outputs": [classified("scores", classification=True)]}, errors.INVALID_PARAMETER, "whole number from 1"),
        ({"outputs": [classified("scores", top_k=1)]}, errors.INVALID_PARAMETER, "parameter of an output"),
    ],
)  # fmt: skip
def test_bad_requests(members: dict[str, Any], problem: Problem, told: str) -> None:
    with pytest.raises(RequestError) as raised:
        as_json(**members)
    assert raised.value.problem is problem
    assert told in raised.value.detail
    assert len(raised.value.detail) < 500


@pytest.mark.parametrize(
    ("raw", "members", "told"),
    [
        (element(PHOTO)[:-1], {}, "element 0 of the binary tensor ends beyond"),
        (element(PHOTO) + b"\0\0", {}, "element 1 of the binary tensor ends beyond"),
        (b"\xff\xff\xff\xff" + PHOTO, {}, "element 0 of the binary tensor ends beyond"),
        (element(PHOTO) * 2, {}, "its data has 2 elements"),
        (element(PHOTO), {"data": [B64]}, 'both "data" and binary data'),
        (element(PHOTO), {"parameters": {"binary_data_size": 3}}, "binary_data_size is 3"),
        (element(PHOTO), {"parameters": {"binary_data_size": "24"}}, "send both the same"),
        (element(PHOTO), {"parameters": {}}, "binary_data_size is 0"),
    ],
)
def test_bad_binary_tensors(raw: bytes, members: dict[str, Any], told: str) -> None:
    with pytest.raises(RequestError) as raised:
        binary(raw, **members)
    assert raised.value.problem is errors.INVALID_JSON
    assert told in raised.value.detail


@pytest.mark.parametrize("length", ["", "-1", "1e3", "99999999999999999999", "5000", "x"])
def test_bad_lengths_of_the_json(length: str) -> None:
    with pytest.raises(RequestError) as raised:
        binary(element(PHOTO), {"Inference-Header-Content-Length": length})
    assert raised.value.problem is errors.INVALID_JSON
    assert "Inference-Header-Content-Length" in raised.value.detail


@pytest.mark.parametrize("body", [b'{"inputs": [', b'{"inputs": ' + b"[" * 50_000, b'{"inputs": []}x'])
def test_broken_json(body: bytes) -> None:
    with pytest.raises(RequestError) as raised:
        parsed(body)
    assert raised.value.problem is errors.INVALID_JSON


@pytest.mark.parametrize("row", [{}, {"body": b""}, {"data": PHOTO}])
def test_binary_tensors_without_a_body(row: dict[str, Any]) -> None:
    with pytest.raises(RequestError) as raised:
        parse_request(row, {"Inference-Header-Content-Length": "12"}, classes=10, max_images=3)
    assert raised.value.problem is errors.EMPTY_BODY


def test_text_that_is_no_unicode_is_repeated_all_the_same() -> None:
    response = responded(as_json(id="\ud800"), PREDICTIONS)
    assert json.loads(response.body)["id"] == "?"
