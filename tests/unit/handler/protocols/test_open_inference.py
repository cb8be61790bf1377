"""Requests of the Open Inference Protocol: in JSON, and with binary tensors."""

import json

import pytest

from handler.protocols.open_inference import TensorRequest
from handler.protocols.request import Request, parse_request
from tests.unit.handler.protocols.tensor_requests import (
    B64,
    PHOTO,
    as_json,
    binary,
    element,
    parsed,
    tensor,
)


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


def test_classification_of_more_classes_than_there_are() -> None:
    assert as_json(outputs=[{"name": "scores", "parameters": {"classification": 1000}}]).top_k == 10
