"""The inference API over HTTP, as docs/api.md describes it."""

import base64
import gzip
import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image

from handler import errors
from handler.errors import TABLE
from scripts.common.example import example_image
from scripts.server.torchserve import TorchServe
from tests.conftest import encoded, picture
from tests.integration.scraping import settled
from tests.unit.handler.decode.test_bombs import bomb

IMAGE = encoded(Image.open(example_image()), "JPEG", quality=95)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
B64 = base64.b64encode(IMAGE).decode()
JSON = {"Content-Type": "application/json"}


def curl(*arguments: str | Path) -> str:
    return subprocess.run(["curl", "-sS", *arguments], capture_output=True, text=True, check=True).stdout


def top_1(response: requests.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()[0]
    return found


def test_curl_commands_of_the_readme(classify: str) -> None:
    named = json.loads(curl("-T", example_image(), classify))
    assert [set(row) for row in named] == [{"class_id", "label", "score"}] * 5
    assert named[0]["label"] == "espresso"
    names = curl("-H", "Accept: text/plain", "-T", example_image(), classify)
    assert names.splitlines() == [row["label"] for row in named]
    form = curl("-F", f"data=@{example_image()}", "-F", "top_k=1", classify)
    assert json.loads(form) == named[:1]
    typed = curl("-H", "Content-Type: image/png", "--data-binary", f"@{example_image()}", classify)
    assert json.loads(typed) == named


def test_version_in_the_path(classify: str) -> None:
    assert top_1(requests.post(f"{classify}/1.0", data=IMAGE))["label"] == "espresso"


def test_kserve_v1(inference: str, classify: str) -> None:
    url = f"{inference}/v1/models/efficientnet-lite0:predict"
    body = {"instances": [{"b64": B64}, {"b64": base64.b64encode(encoded(picture(), "PNG")).decode()}]}
    predictions = requests.post(url, json=body).json()["predictions"]
    assert len(predictions) == 2
    assert predictions[0] == requests.post(classify, data=IMAGE).json()
    assert requests.post(classify, json=body).json()["predictions"] == predictions


def test_options(classify: str) -> None:
    everything = requests.post(classify, data=IMAGE, headers={"X-Top-K": "1000"}).json()
    assert len(everything) == 1000
    assert sum(row["score"] for row in everything) == pytest.approx(1, abs=1e-3)
    assert [row["score"] for row in everything] == sorted((row["score"] for row in everything), reverse=True)
    sure = requests.post(classify, data=IMAGE, headers={"X-Threshold": "0.2", "X-Top-K": "1000"}).json()
    assert sure == [row for row in everything if row["score"] >= 0.2]
    form = requests.post(classify, files={"image": IMAGE}, data={"top_k": "3", "threshold": "0.0"})
    assert form.json() == everything[:3]
    document = {"instances": [{"b64": B64}], "parameters": {"top_k": 2}}
    assert requests.post(classify, json=document).json() == {"predictions": [everything[:2]]}


def test_json_is_compact(classify: str) -> None:
    response = requests.post(classify, data=IMAGE)
    assert response.headers["Content-Type"] == "application/json"
    assert response.content == json.dumps(response.json(), separators=(",", ":"), ensure_ascii=False).encode()


def broken(data: bytes) -> bytes:
    return data[: len(data) // 2]


PIXELS = encoded(picture(), "PNG")
MANY = {"instances": [{"b64": base64.b64encode(PIXELS).decode()}] * 17}
SLOW = encoded(picture(8, 8), "JPEG")[:2] + (b"\xff\xe1\x00\x12Exif\0\0" + bytes(10)) * 600_000  # quadratic in Pillow
CASES: list[tuple[errors.Problem, dict[str, Any]]] = [
    (errors.EMPTY_BODY, {"data": b""}),
    (errors.EMPTY_BODY, {"data": b"", "headers": JSON}),
    (errors.PHOTO_SENT_AS_FORM, {"data": b"what is left of a photo", "headers": FORM}),
    (errors.INVALID_JSON, {"data": b"{broken", "headers": JSON}),
    (errors.INVALID_JSON, {"data": b"[" * 50_000, "headers": JSON}),
    (errors.INVALID_JSON, {"json": {"image": B64}}),
    (errors.INVALID_BASE64, {"json": {"instances": [{"b64": "no base64!"}]}}),
    (errors.INVALID_PARAMETER, {"data": IMAGE, "headers": {"X-Top-K": "0"}}),
    (errors.INVALID_PARAMETER, {"data": IMAGE, "headers": {"X-Top-K": "1001"}}),
    (errors.INVALID_PARAMETER, {"data": IMAGE, "headers": {"X-Threshold": "2"}}),
    (errors.INVALID_PARAMETER, {"files": {"data": IMAGE}, "data": {"top_k": "many"}}),
    (errors.INVALID_PARAMETER, {"data": IMAGE, "headers": {"X-Request-Timeout": "soon"}}),
    (errors.NO_IMAGE, {"files": {"photo": IMAGE}}),
    (errors.NO_IMAGE, {"json": {"instances": []}}),
    (errors.SEVERAL_IMAGES, {"files": {"data": IMAGE, "image": IMAGE}}),
    (errors.NOT_ACCEPTABLE, {"data": IMAGE, "headers": {"Accept": "image/png"}}),
    (errors.BODY_TOO_LARGE, {"data": gzip.compress(bytes(20_971_521)), "headers": {"Content-Encoding": "gzip"}}),
    (errors.TOO_MANY_PIXELS, {"data": bomb("PNG")}),
    (errors.TOO_MANY_PIXELS, {"data": bomb("WEBP")}),
    (errors.TOO_MANY_IMAGES, {"json": MANY}),
    (errors.TOO_MUCH_WORK, {"data": SLOW}),
    (errors.DEADLINE_EXCEEDED, {"data": IMAGE, "headers": {"X-Request-Timeout": "0.000001"}}),
    (errors.UNSUPPORTED_FORMAT, {"data": b"no image at all"}),
    (errors.UNSUPPORTED_FORMAT, {"data": encoded(picture(), "ICO")}),
    (errors.UNSUPPORTED_CONTENT_ENCODING, {"data": b"in Brotli", "headers": {"Content-Encoding": "br"}}),
    (errors.DAMAGED_IMAGE, {"data": broken(IMAGE)}),
    (errors.DAMAGED_IMAGE, {"json": {"instances": [{"b64": B64}, {"b64": base64.b64encode(broken(IMAGE)).decode()}]}}),
]


@pytest.mark.parametrize(("problem", "request_"), CASES, ids=[problem.slug for problem, _ in CASES])
def test_errors(classify: str, problem: errors.Problem, request_: dict[str, Any]) -> None:
    response = requests.post(classify, **request_)
    assert response.status_code == problem.status
    assert response.headers["Content-Type"] == "application/problem+json"
    document = response.json()
    assert (document["type"], document["title"]) == (f"/problems/{problem.slug}", problem.title)
    assert document["status"] == problem.status
    assert "send" in document["detail"] or "ask" in document["detail"]
    assert "Traceback" not in response.text


def test_a_client_whose_time_is_over(classify: str) -> None:
    stamped = {"X-Request-Timeout": "1", "X-Request-Start": f"t={time.time() - 30:.3f}"}
    response = requests.post(classify, data=b"", headers=stamped)  # refused before the body is looked at
    assert response.status_code == errors.DEADLINE_EXCEEDED.status
    assert response.json()["type"] == f"/problems/{errors.DEADLINE_EXCEEDED.slug}"


def test_a_client_that_waits_long_enough(classify: str) -> None:
    stamped = {"X-Request-Timeout": "60.5", "X-Request-Start": f"t={time.time() - 1:.3f}"}
    assert top_1(requests.post(classify, data=IMAGE, headers=stamped))["label"] == "espresso"


@pytest.mark.parametrize(
    "path",
    ["explanations/efficientnet-lite0", "explanations/efficientnet-lite0/1.0", "v1/models/efficientnet-lite0:explain"],
)
def test_explanations(inference: str, path: str) -> None:
    found = requests.post(f"{inference}/{path}", data=IMAGE).json()
    assert (found["label"], found["method"]) == ("espresso", "class-activation-map")
    assert np.array(found["grid"]).shape == (7, 7)
    cup = requests.post(f"{inference}/{path}", json={"instances": [{"b64": B64}] * 2, "parameters": {"class": "cup"}})
    assert [each["class_id"] for each in cup.json()["explanations"]] == [968, 968]
    picture = requests.post(f"{inference}/{path}", files={"data": IMAGE}, headers={"Accept": "image/png"})
    assert Image.open(BytesIO(picture.content)).format == "PNG"


def test_description_only_through_the_management_api(server: TorchServe, classify: str) -> None:
    described = requests.get(f"{server.management.url}/models/efficientnet-lite0?customized=true").json()[0]
    assert described["customizedMetadata"]["source"].startswith("PyPI")
    assert top_1(requests.post(classify, data=IMAGE, headers={"describe": "True"}))["label"] == "espresso"


def test_batch_of_requests_at_every_limit(inference: str, server: TorchServe) -> None:
    """Each of eight requests gets its response, and the worker goes on."""
    pids = server.management.version("patient").pids
    full = {"instances": [{"b64": B64}] * 16}
    asked: list[dict[str, Any]] = [{"json": full}] * 5 + [{"data": SLOW}] * 2 + [{"data": IMAGE}]
    with ThreadPoolExecutor(len(asked)) as pool:
        url = f"{inference}/predictions/patient"
        responses = list(pool.map(lambda request: requests.post(url, **request), asked))
    assert [response.status_code for response in responses] == [200] * 5 + [413] * 2 + [200]
    assert server.management.version("patient").pids == pids


def test_every_error_has_a_test() -> None:
    """The others are tested in tests/unit/handler/test_classifier.py: no request can cause them."""
    elsewhere = {errors.INTERNAL_ERROR, errors.OUT_OF_MEMORY, errors.STOPPING}
    elsewhere |= {errors.NO_EXPLANATIONS, errors.TOO_MANY_EXPLANATIONS}  # tests/unit/handler/explanations
    assert {problem for problem, _ in CASES} == set(TABLE) - elsewhere


def test_form_that_torchserve_cannot_parse(classify: str) -> None:
    """TorchServe responds without the handler; the gateway prevents it (docs/api.md)."""
    response = requests.post(classify, data=IMAGE, headers=FORM)
    assert (response.status_code, response.json()["type"]) == (500, "ErrorDataDecoderException")


def test_body_above_the_limit(classify: str) -> None:
    response = requests.post(classify, data=bytes(20_971_521))
    assert (response.status_code, response.content) == (413, b"")


def test_body_at_the_limit(classify: str) -> None:
    padded = IMAGE + bytes(20_971_520 - len(IMAGE))
    assert top_1(requests.post(classify, data=padded))["label"] == "espresso"


def test_batch_of_valid_and_invalid_requests(server: TorchServe, inference: str) -> None:
    """Five of eight requests are invalid; one call of the engine serves the other three."""
    batch: list[dict[str, Any]] = [
        {"data": IMAGE},
        {"data": broken(IMAGE)},
        {"data": bomb("JPEG")},
        {"data": b"text"},
        {"data": b""},
        {"data": IMAGE, "headers": {"X-Top-K": "0"}},
        {"data": IMAGE, "headers": {"X-Top-K": "1", "Accept": "text/plain"}},
        {"data": IMAGE},
    ]
    url = f"{inference}/predictions/patient"
    before = batches(server)
    with ThreadPoolExecutor(len(batch)) as pool:
        responses = list(pool.map(lambda request: requests.post(url, **request), batch))
    after = batches(server)
    assert [response.status_code for response in responses] == [200, 422, 413, 415, 400, 400, 200, 200]
    assert responses[0].json() == responses[7].json()
    assert responses[6].text == responses[0].json()[0]["label"] + "\n"
    assert (after[0] - before[0], after[1] - before[1]) == (1, 3)


def batches(server: TorchServe) -> tuple[float, float]:
    """Return how often the patient model's engine ran, and on how many images in all."""
    samples, labels = settled(server), (("model_name", "patient"),)
    count, total = (samples.get((f"classifier_batch_images_{figure}", labels), 0.0) for figure in ("count", "sum"))
    return count, total


def test_concurrent_valid_and_invalid_requests(classify: str) -> None:
    expected = requests.post(classify, data=IMAGE).json()
    bad = [b"", b"text", broken(IMAGE), bomb("PNG")]
    bodies = [IMAGE if index % 3 else bad[index // 3 % len(bad)] for index in range(60)]
    with ThreadPoolExecutor(16) as pool:
        responses = list(pool.map(lambda body: requests.post(classify, data=body), bodies))
    for body, response in zip(bodies, responses, strict=True):
        if body is IMAGE:
            assert response.json() == expected
        else:
            assert 400 <= response.status_code < 500


@pytest.mark.parametrize("header", ["X-Top-K", "Accept", "X-Request-Note"])
def test_header_that_is_not_ascii(classify: str, header: str) -> None:
    response = requests.post(classify, data=IMAGE, headers={header: b"\xff\xfe\x80"})
    assert response.status_code in (200, 400, 406)
    assert top_1(requests.post(classify, data=IMAGE))["label"] == "espresso"
