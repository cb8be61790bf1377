"""gRPC on a real TorchServe, by clients that others wrote: stubs of TorchServe's proto, and Triton's client."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts.container.rpc.server import beside
from scripts.server.torchserve import TorchServe
from tests.clients import run_example
from tests.grpc_calls import OPEN_INFERENCE, PHOTO, Call, Calls, Triton, protos
from tests.integration.conftest import STORE, free_ports, stored
from tests.pages import COMMANDS, Command

HERE = "tests/integration/test_grpc.py"
MODEL, PATIENT = "tiny-resnet", "patient"


@pytest.fixture(scope="module")
def running(tiny_directory: Path, patient: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TorchServe]:
    """The tiny network, and once more with batches that wait, with gRPC."""
    models = {MODEL: stored(str(tiny_directory), MODEL).name, PATIENT: patient.name}
    folder = tmp_path_factory.mktemp("serve")
    with TorchServe(models, STORE, free_ports(), folder) as server, beside(server.ports):
        yield server


@pytest.fixture(scope="module")
def address(running: TorchServe) -> str:
    return f"127.0.0.1:{running.ports.grpc}"


@pytest.fixture(scope="module")
def calls(address: str, tmp_path_factory: pytest.TempPathFactory) -> Calls:
    return Calls(address, MODEL, protos(tmp_path_factory.mktemp("protos")))


@pytest.fixture(scope="module")
def triton(address: str) -> Triton:
    return Triton(address, MODEL)


def over_http(server: TorchServe, image: bytes = PHOTO, model: str = MODEL) -> requests.Response:
    return requests.post(f"{server.ports.url(server.ports.inference)}/predictions/{model}", data=image, timeout=60)


@pytest.mark.parametrize("name", ["data", "image", "file", "body"])
def test_predictions(running: TorchServe, calls: Calls, name: str) -> None:
    (outcome,) = calls(Call([{name: PHOTO}]))
    assert (outcome.code, outcome.details, outcome.predictions) == ("OK", "", [over_http(running).content])


def test_version_and_options(calls: Calls) -> None:
    (outcome,) = calls(Call([{"data": PHOTO, "top_k": b"2", "threshold": b"0"}], version="1.0"))
    assert outcome.code == "OK"
    assert len(json.loads(outcome.predictions[0])) == 2


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({"data": b"text"}, "/problems/unsupported-format"),
        ({"data": PHOTO[:300]}, "/problems/damaged-image"),
        ({"data": PHOTO, "top_k": b"0"}, "/problems/invalid-parameter"),
        ({"data": PHOTO, "top_k": b"1\r\nX-Other: 1"}, "/problems/invalid-parameter"),
        ({"data": PHOTO, "threshold": b"\xff"}, "/problems/invalid-parameter"),
        ({"data": b""}, "/problems/empty-body"),
        ({}, ""),
        ({"data": PHOTO, "image": PHOTO}, ""),
        ({"data": PHOTO, "topk": b"1"}, ""),
    ],
)
def test_an_error_has_a_status_of_its_own(calls: Calls, inputs: dict[str, bytes], problem: str) -> None:
    (outcome,) = calls(Call([inputs]))
    assert (outcome.code, outcome.problem, outcome.predictions) == ("INVALID_ARGUMENT", problem, [])
    assert "send" in outcome.details


@pytest.mark.parametrize("call", [Call(model="none"), Call(version="9.9"), Call(model="../models"), Call(model="ö")])
def test_a_model_that_is_not_there(calls: Calls, call: Call) -> None:
    (outcome,) = calls(call)
    assert outcome.code == "NOT_FOUND"


def test_errors_of_one_batch_harm_nobody_else(running: TorchServe, calls: Calls) -> None:
    """The batches of this model wait two seconds to fill up."""
    with ThreadPoolExecutor(2) as pool:
        good, bad = (pool.submit(over_http, running, image, PATIENT) for image in (PHOTO, b"text"))
        inputs = {"data": PHOTO}, {"data": b"text"}, {"data": PHOTO, "top_k": b"99"}, {"data": PHOTO}
        outcomes = calls(*(Call([each], model=PATIENT) for each in inputs))
        assert (good.result().status_code, bad.result().status_code) == (200, 415)
    assert [outcome.code for outcome in outcomes] == ["OK", "INVALID_ARGUMENT", "INVALID_ARGUMENT", "OK"]


def test_a_deadline(calls: Calls) -> None:
    (outcome,) = calls(Call(model=PATIENT, seconds=0.2))
    assert outcome.code == "DEADLINE_EXCEEDED"


@pytest.mark.parametrize("method", ["StreamPredictions", "StreamPredictions2"])
def test_streaming_calls_are_refused_and_harm_nobody(running: TorchServe, calls: Calls, method: str) -> None:
    before = running.management.version(MODEL).pids
    (outcome,) = calls(Call(method=method))
    assert (outcome.code, outcome.predictions) == ("UNIMPLEMENTED", [])
    assert over_http(running).status_code == 200
    assert running.management.version(MODEL).pids == before


def test_triton_asks_about_the_server(running: TorchServe, triton: Triton) -> None:
    said = triton()
    assert said["ready"] == [True, True, True]
    assert said["server"]["name"] == "torchserve"
    assert said["model"]["name"] == MODEL
    assert [(each["name"], each["datatype"]) for each in said["model"]["inputs"]] == [("image", "BYTES")]
    assert "StatusCode.NOT_FOUND" in said["unknown"]


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "contents"])
def test_triton_infers(running: TorchServe, triton: Triton, raw: bool) -> None:
    said = triton({"images": [PHOTO, PHOTO], "raw": raw, "request_id": "my-1", "parameters": {"top_k": 2}})
    (outcome,) = said["outcomes"]
    expected = over_http(running).json()[:2]
    assert outcome == {
        "status": "OK",
        "id": "my-1",
        "model": [MODEL, "1.0"],
        "raw": 3,
        "datatypes": {"scores": "FP32", "class_ids": "INT64", "labels": "BYTES"},
        "outputs": {
            "scores": [pytest.approx([each["score"] for each in expected], abs=1e-6)] * 2,
            "class_ids": 2 * [[each["class_id"] for each in expected]],
            "labels": 2 * [[each["label"] for each in expected]],
        },
    }


def test_tritons_classification(running: TorchServe, triton: Triton) -> None:
    (outcome,) = triton({"images": [PHOTO], "outputs": [["scores", 1]]})["outcomes"]
    (best, *_) = over_http(running).json()
    ((found,),) = outcome["outputs"]["scores"]
    score, class_id, label = found.split(":", 2)
    assert float(score) == pytest.approx(best["score"], abs=1e-5)
    assert (int(class_id), label) == (best["class_id"], best["label"])


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"images": [b"text"]}, "not an image of a supported format"),
        ({"images": [b"text"], "raw": False}, "not an image of a supported format"),
        ({"images": [PHOTO], "parameters": {"top_k": 0}}, "top_k"),
        ({"images": [PHOTO], "outputs": [["logits", 0]]}, "logits"),
        ({"images": [PHOTO], "parameters": {"threshold": 0.5}}, "send it as a text"),
        ({"images": []}, "no image"),
    ],
)
def test_errors_of_model_infer(triton: Triton, request_: dict[str, Any], sentence: str) -> None:
    (outcome,) = triton(request_)["outcomes"]
    assert outcome["status"] == "StatusCode.INVALID_ARGUMENT"
    assert sentence in outcome["message"]


def test_a_bad_image_beside_a_good_one(triton: Triton) -> None:
    (outcome,) = triton({"images": [PHOTO, b"text"], "parameters": {"top_k": 1}})["outcomes"]
    assert outcome["status"] == "OK"
    good, bad = outcome["outputs"]["errors"]
    assert (good, bad.split(":")[0]) == ("", "415 unsupported-format")


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.run_by == HERE], ids=["Python", "JavaScript"])
def test_the_example_on_the_page(running: TorchServe, address: str, command: Command, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(PHOTO)
    protos(tmp_path, OPEN_INFERENCE)
    # .venv/bin/python and node on the page
    printed = run_example(command.line, tmp_path, {"127.0.0.1:8084": address, "resnet-50": MODEL})
    assert printed == over_http(running).json()[0]["label"]
