"""Requests of the Open Inference Protocol that are refused, each with a sentence."""

from typing import Any

import pytest

from handler import errors
from handler.errors import Problem, RequestError
from handler.protocols.request import parse_request
from tests.unit.handler.protocols.tensor_requests import (
    B64,
    PHOTO,
    as_json,
    binary,
    classified,
    element,
    parsed,
    tensor,
)


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
