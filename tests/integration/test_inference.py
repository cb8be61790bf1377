"""The inference API over HTTP, as docs/api.md tells it."""

import base64
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from handler import errors
from handler.errors import TABLE
from scripts.common.example import example_image
from scripts.server.torchserve import TorchServe
from tests.conftest import encoded, picture, stored_as
from tests.integration.scraping import settled
from tests.unit.handler.decode.test_bombs import bomb

PHOTO = encoded(Image.open(example_image()), "JPEG", quality=95)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
B64 = base64.b64encode(PHOTO).decode()
JSON = {"Content-Type": "application/json"}


def curl(*arguments: str | Path) -> str:
    return subprocess.run(["curl", "-sS", *arguments], capture_output=True, text=True, check=True).stdout


def best(answer: requests.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()[0]
    return found


def test_the_readmes_curl_lines(classify: str) -> None:
    named = json.loads(curl("-T", example_image(), classify))
    assert [set(row) for row in named] == [{"class_id", "label", "score"}] * 5
    assert named[0]["label"] == "espresso"
    names = curl("-H", "Accept: text/plain", "-T", example_image(), classify)
    assert names.splitlines() == [row["label"] for row in named]
    form = curl("-F", f"data=@{example_image()}", "-F", "top_k=1", classify)
    assert json.loads(form) == named[:1]
    typed = curl("-H", "Content-Type: image/png", "--data-binary", f"@{example_image()}", classify)
    assert json.loads(typed) == named


def test_a_version_can_be_named(classify: str) -> None:
    assert best(requests.post(f"{classify}/1.0", data=PHOTO))["label"] == "espresso"


def test_kserve_v1(inference: str, classify: str) -> None:
    url = f"{inference}/v1/models/efficientnet-lite0:predict"
    body = {"instances": [{"b64": B64}, {"b64": base64.b64encode(encoded(picture(), "PNG")).decode()}]}
    predictions = requests.post(url, json=body).json()["predictions"]
    assert len(predictions) == 2
    assert predictions[0] == requests.post(classify, data=PHOTO).json()
    assert requests.post(classify, json=body).json()["predictions"] == predictions


def test_options(classify: str) -> None:
    everything = requests.post(classify, data=PHOTO, headers={"X-Top-K": "1000"}).json()
    assert len(everything) == 1000
    assert sum(row["score"] for row in everything) == pytest.approx(1, abs=1e-3)
    assert [row["score"] for row in everything] == sorted((row["score"] for row in everything), reverse=True)
    sure = requests.post(classify, data=PHOTO, headers={"X-Threshold": "0.2", "X-Top-K": "1000"}).json()
    assert sure == [row for row in everything if row["score"] >= 0.2]
    form = requests.post(classify, files={"image": PHOTO}, data={"top_k": "3", "threshold": "0.0"})
    assert form.json() == everything[:3]
    document = {"instances": [{"b64": B64}], "parameters": {"top_k": 2}}
    assert requests.post(classify, json=document).json() == {"predictions": [everything[:2]]}


def test_json_is_compact_and_says_its_type(classify: str) -> None:
    answer = requests.post(classify, data=PHOTO)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.content == json.dumps(answer.json(), separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000"])
def test_one_photo_in_every_format_is_the_same_class(classify: str, name: str) -> None:
    data = encoded(Image.open(example_image()).convert("RGB"), name)
    assert best(requests.post(classify, data=data))["label"] == "espresso"


@pytest.mark.parametrize("mode", ["CMYK", "P", "RGBA", "progressive"])
def test_the_photo_in_other_modes(classify: str, mode: str) -> None:
    photo = Image.open(example_image())
    data = {
        "CMYK": lambda: encoded(photo.convert("CMYK"), "JPEG"),
        "P": lambda: encoded(photo.convert("P", palette=Image.Palette.ADAPTIVE), "PNG"),
        "RGBA": lambda: encoded(photo.convert("RGBA"), "PNG"),
        "progressive": lambda: encoded(photo, "JPEG", progressive=True),
    }[mode]()
    assert best(requests.post(classify, data=data))["label"] == "espresso"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_with_the_tag_that_says_so(classify: str, orientation: int) -> None:
    upright = Image.open(example_image()).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = encoded(stored_as(upright, orientation), "PNG", exif=exif)
    assert requests.post(classify, data=turned).json() == requests.post(classify, data=encoded(upright, "PNG")).json()


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
    (errors.INVALID_PARAMETER, {"data": PHOTO, "headers": {"X-Top-K": "0"}}),
    (errors.INVALID_PARAMETER, {"data": PHOTO, "headers": {"X-Top-K": "1001"}}),
    (errors.INVALID_PARAMETER, {"data": PHOTO, "headers": {"X-Threshold": "2"}}),
    (errors.INVALID_PARAMETER, {"files": {"data": PHOTO}, "data": {"top_k": "many"}}),
    (errors.NO_IMAGE, {"files": {"photo": PHOTO}}),
    (errors.NO_IMAGE, {"json": {"instances": []}}),
    (errors.NOT_ACCEPTABLE, {"data": PHOTO, "headers": {"Accept": "image/png"}}),
    (errors.TOO_MANY_PIXELS, {"data": bomb("PNG")}),
    (errors.TOO_MANY_PIXELS, {"data": bomb("WEBP")}),
    (errors.TOO_MANY_IMAGES, {"json": MANY}),
    (errors.TOO_MUCH_WORK, {"data": SLOW}),
    (errors.UNSUPPORTED_FORMAT, {"data": b"no image at all"}),
    (errors.UNSUPPORTED_FORMAT, {"data": encoded(picture(), "ICO")}),
    (errors.DAMAGED_IMAGE, {"data": broken(PHOTO)}),
    (errors.DAMAGED_IMAGE, {"json": {"instances": [{"b64": B64}, {"b64": base64.b64encode(broken(PHOTO)).decode()}]}}),
]


@pytest.mark.parametrize(("problem", "request_"), CASES, ids=[problem.slug for problem, _ in CASES])
def test_every_error_of_the_table(classify: str, problem: errors.Problem, request_: dict[str, Any]) -> None:
    answer = requests.post(classify, **request_)
    assert answer.status_code == problem.status
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json()
    assert (document["type"], document["title"]) == (f"/problems/{problem.slug}", problem.title)
    assert document["status"] == problem.status
    assert "send" in document["detail"] or "ask" in document["detail"]
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("path", ["explanations/efficientnet-lite0", "v1/models/efficientnet-lite0:explain"])
def test_predictions_never_pose_as_explanations(inference: str, path: str) -> None:
    answer = requests.post(f"{inference}/{path}", data=PHOTO)
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-explanations")


def test_the_model_describes_itself_to_management_alone(server: TorchServe, classify: str) -> None:
    described = requests.get(f"{server.management.url}/models/efficientnet-lite0?customized=true").json()[0]
    assert described["customizedMetadata"]["source"].startswith("PyPI")
    assert best(requests.post(classify, data=PHOTO, headers={"describe": "True"}))["label"] == "espresso"


def test_the_largest_requests_allowed_in_one_batch_harm_nobody(inference: str, server: TorchServe) -> None:
    """Eight requests at every limit at once: each is answered, and the worker lives on."""
    pids = server.management.version("patient").pids
    full = {"instances": [{"b64": B64}] * 16}
    asked: list[dict[str, Any]] = [{"json": full}] * 5 + [{"data": SLOW}] * 2 + [{"data": PHOTO}]
    with ThreadPoolExecutor(len(asked)) as pool:
        url = f"{inference}/predictions/patient"
        answers = list(pool.map(lambda request: requests.post(url, **request), asked))
    assert [answer.status_code for answer in answers] == [200] * 5 + [413] * 2 + [200]
    assert server.management.version("patient").pids == pids


def test_every_error_has_a_case() -> None:
    """All but those that have a test elsewhere: tests/unit/handler/test_classifier.py provokes what no request does."""
    elsewhere = {errors.INTERNAL_ERROR, errors.OUT_OF_MEMORY, errors.STOPPING, errors.NO_EXPLANATIONS}
    assert {problem for problem, _ in CASES} == set(TABLE) - elsewhere


def test_a_photo_that_torchserves_own_form_parser_cannot_read(classify: str) -> None:
    """TorchServe answers before the handler is asked; the gateway prevents it (docs/api.md)."""
    answer = requests.post(classify, data=PHOTO, headers=FORM)
    assert (answer.status_code, answer.json()["type"]) == (500, "ErrorDataDecoderException")


def test_more_bytes_than_the_limit(classify: str) -> None:
    answer = requests.post(classify, data=bytes(20_971_521))
    assert (answer.status_code, answer.content) == (413, b"")


def test_just_the_limit_reaches_the_handler(classify: str) -> None:
    padded = PHOTO + bytes(20_971_520 - len(PHOTO))
    assert best(requests.post(classify, data=padded))["label"] == "espresso"


def test_eight_requests_in_one_batch_are_answered_each_on_its_own(server: TorchServe, inference: str) -> None:
    """The model waits for eight; five of them are bad. One call of the engine answers the other three together."""
    batch: list[dict[str, Any]] = [
        {"data": PHOTO},
        {"data": broken(PHOTO)},
        {"data": bomb("JPEG")},
        {"data": b"text"},
        {"data": b""},
        {"data": PHOTO, "headers": {"X-Top-K": "0"}},
        {"data": PHOTO, "headers": {"X-Top-K": "1", "Accept": "text/plain"}},
        {"data": PHOTO},
    ]
    url = f"{inference}/predictions/patient"
    before = batches(server)
    with ThreadPoolExecutor(len(batch)) as pool:
        answers = list(pool.map(lambda request: requests.post(url, **request), batch))
    after = batches(server)
    assert [answer.status_code for answer in answers] == [200, 422, 413, 415, 400, 400, 200, 200]
    assert answers[0].json() == answers[7].json()
    assert answers[6].text == answers[0].json()[0]["label"] + "\n"
    assert (after[0] - before[0], after[1] - before[1]) == (1, 3)


def batches(server: TorchServe) -> tuple[float, float]:
    """Return how often the patient model's engine ran, and on how many images in all."""
    samples, labels = settled(server), (("model_name", "patient"),)
    count, total = (samples.get((f"classifier_batch_images_{figure}", labels), 0.0) for figure in ("count", "sum"))
    return count, total


def test_a_storm_of_good_and_bad_requests_harms_nobody(classify: str) -> None:
    expected = requests.post(classify, data=PHOTO).json()
    bad = [b"", b"text", broken(PHOTO), bomb("PNG")]
    bodies = [PHOTO if index % 3 else bad[index // 3 % len(bad)] for index in range(60)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda body: requests.post(classify, data=body), bodies))
    for body, answer in zip(bodies, answers, strict=True):
        if body is PHOTO:
            assert answer.json() == expected
        else:
            assert 400 <= answer.status_code < 500


@pytest.mark.parametrize("header", ["X-Top-K", "Accept", "X-Request-Note"])
def test_a_header_of_stray_bytes_kills_no_worker(classify: str, header: str) -> None:
    answer = requests.post(classify, data=PHOTO, headers={header: b"\xff\xfe\x80"})
    assert answer.status_code in (200, 400, 406)
    assert best(requests.post(classify, data=PHOTO))["label"] == "espresso"
