"""The handler with TorchServe's own context and metrics, in this process."""

import base64
import json
import logging
import struct
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor
from ts.context import Context, RequestProcessor
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl

from handler.classifier import ImageClassifier
from handler.deadline import deadline
from handler.decode import Jpeg, decode_jpeg, decode_opened
from handler.gpu import GpuDecoder
from handler.intake import Job
from handler.manifest import InputSpec
from handler.stopping import STOPPING_FILE
from handler.transform import to_input
from tests.conftest import PROJECT, encoded, picture
from tests.unit.handler.test_decode import bomb

PHOTO = encoded(picture(), "JPEG")


def new_context(model: Path, model_config: dict[str, Any] | None = None) -> Context:
    metrics = MetricsCacheYamlImpl(str(PROJECT / "config" / "metrics.yaml"))
    metrics.initialize_cache()
    return Context("tiny-resnet", str(model), {}, 8, None, "0.12.0", True, metrics, model_config or {})


@pytest.fixture
def context(tiny_model: Path) -> Context:
    return new_context(tiny_model)


@pytest.fixture
def classifier(context: Context) -> ImageClassifier:
    handler = ImageClassifier()
    handler.initialize(context)
    return handler


def handled(handler: ImageClassifier, context: Context, *requests: tuple[dict[str, Any], dict[str, str]]) -> list[Any]:
    """Hand a batch over as TorchServe does and return (status, content type, body) of each."""
    context.request_processor = [RequestProcessor(headers) for _, headers in requests]
    context.request_ids = {index: f"id-{index}" for index in range(len(requests))}
    bodies = handler.handle([row for row, _ in requests], context)
    assert all(type(body) is bytes for body in bodies)
    return [
        (context.get_response_status(index)[0], context.get_response_content_type(index), body)
        for index, body in enumerate(bodies)
    ]


def test_a_bad_request_never_harms_its_batch_mates(classifier: ImageClassifier, context: Context) -> None:
    batch: list[tuple[dict[str, Any], dict[str, str]]] = [
        ({"body": PHOTO}, {}),
        ({"body": PHOTO[:-300]}, {}),
        ({"body": bomb("PNG")}, {}),
        ({"body": b"text"}, {}),
        ({}, {}),
        ({"body": PHOTO}, {"X-Top-K": "0"}),
        ({"body": PHOTO}, {"Accept": "text/plain", "X-Top-K": "1"}),
        ({"body": PHOTO}, {}),
    ]
    answers = handled(classifier, context, *batch)
    assert [status for status, _, _ in answers] == [200, 422, 413, 415, 400, 400, 200, 200]
    for status, content_type, body in answers:
        if status >= 400:
            assert content_type == "application/problem+json"
            assert json.loads(body)["status"] == status
    alone = handled(classifier, context, ({"body": PHOTO}, {}))[0]
    assert answers[0] == answers[7] == alone
    assert answers[6][1:] == ("text/plain; charset=utf-8", f"{json.loads(alone[2])[0]['label']}\n".encode())


def test_an_error_in_one_of_several_images_names_it(classifier: ImageClassifier, context: Context) -> None:
    instances = [{"b64": base64.b64encode(data).decode()} for data in (PHOTO, PHOTO[:-300])]
    row = {"body": json.dumps({"instances": instances}).encode()}
    ((status, _, body),) = handled(classifier, context, (row, {"Content-Type": "application/json"}))
    assert (status, json.loads(body)["detail"].split(":")[0]) == (422, "instance 1")


def test_the_pixel_limit_is_of_a_request_not_of_an_image(tiny_model: Path) -> None:
    context = new_context(tiny_model, {"handler": {"max_pixels": 5000}})  # one picture has 3072
    handler = ImageClassifier()
    handler.initialize(context)
    instances = [{"b64": base64.b64encode(PHOTO).decode()}] * 2
    row = {"body": json.dumps({"instances": instances}).encode()}
    ((status, _, _),) = handled(handler, context, (row, {"Content-Type": "application/json"}))
    assert status == 413
    assert handled(handler, context, ({"body": PHOTO}, {}))[0][0] == 200


@pytest.mark.parametrize(("setting", "decoded"), [("exact", (1024, 1536)), ("scaled", (256, 384))])
def test_large_jpegs_are_decoded_as_the_setting_says(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, setting: str, decoded: tuple[int, int]
) -> None:
    seen: list[tuple[int, ...]] = []

    def watched(photo: Tensor, spec: InputSpec) -> Tensor:
        seen.append(tuple(photo.shape[1:]))
        return to_input(photo, spec)

    monkeypatch.setattr("handler.transform.to_input", watched)
    context = new_context(tiny_model, {"handler": {"large_jpegs": setting}})
    handler = ImageClassifier()
    handler.initialize(context)
    photo = encoded(picture(1536, 1024), "JPEG")
    assert handled(handler, context, ({"body": photo}, {}))[0][0] == 200
    assert seen == [decoded]


def test_a_failing_engine_is_a_500_that_leaks_nothing(
    classifier: ImageClassifier, context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        name = "broken"

        def run(self, batch: Tensor) -> Tensor:
            raise ZeroDivisionError("a secret of the server")

    classifier.engine = Broken()
    with caplog.at_level(logging.ERROR):
        answers = handled(classifier, context, ({"body": PHOTO}, {}), ({"body": b"text"}, {}))
    assert [status for status, _, _ in answers] == [500, 415]
    assert b"secret" not in answers[0][2]
    assert "id-0" in caplog.text
    assert "inference" in caplog.text
    assert "a secret of the server" in caplog.text


@pytest.mark.parametrize("alone", [True, False])
def test_a_bug_in_a_step_is_a_500_for_its_request_alone(
    classifier: ImageClassifier,
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    alone: bool,
) -> None:
    def buggy(image: Image.Image, data: bytes, short_side: int) -> Tensor:
        if data != PHOTO:
            raise ZeroDivisionError("a secret of the server")
        return decode_opened(image, data, short_side)

    def buggy_elsewhere(jpeg: Jpeg) -> Tensor:
        if jpeg.data != PHOTO:
            raise ZeroDivisionError("a secret of the server")
        return decode_jpeg(jpeg)

    monkeypatch.setattr("handler.intake.decode_opened", buggy)
    monkeypatch.setattr("handler.intake.decode_jpeg", buggy_elsewhere)
    bodies = [PHOTO + b" "] if alone else [PHOTO + b" ", PHOTO]
    answers = handled(classifier, context, *[({"body": body}, {}) for body in bodies])
    assert [status for status, _, _ in answers] == ([500] if alone else [500, 200])
    assert b"secret" not in answers[0][2]
    assert "request id-0 failed in stage accept" in caplog.text


def test_a_hostile_header_costs_its_request_and_no_other(
    classifier: ImageClassifier, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow reads 200,000 rationals of one EXIF tag at once, and then works on them in Python."""
    count, header = 200_000, 38
    entries = struct.pack("<HHII", 0x011A, 5, count, header) + struct.pack("<HHII", 0x0128, 3, 1, 2)
    tiff = b"II*\0\x08\0\0\0\x02\0" + entries + bytes(4) + struct.pack("<II", 7, 3) * count
    pieces = [tiff[start : start + 65_000] for start in range(0, len(tiff), 65_000)]
    exif = b"".join(b"\xff\xe1" + struct.pack(">H", len(piece) + 8) + b"Exif\0\0" + piece for piece in pieces)
    hostile = PHOTO[:2] + exif + PHOTO[20:]  # without its JFIF header, which says the resolution too
    monkeypatch.setattr("handler.intake.deadline", lambda seconds: deadline(seconds / 100))  # 4 s by default
    for batch in ([hostile], [hostile, PHOTO]):
        start = time.monotonic()
        answers = handled(classifier, context, *[({"body": data}, {}) for data in batch])
        assert [status for status, _, _ in answers] == [413, 200][: len(batch)]
        assert time.monotonic() - start < 2


def test_a_request_has_one_budget_of_time(classifier: ImageClassifier, context: Context) -> None:
    """What reading a header took is not to be had again for a JPEG that simplejpeg refuses."""
    job = Job(spent=100.0)
    with classifier.intake._guarded(job, context, 0):
        end = time.monotonic() + 5
        while time.monotonic() < end:
            sum(range(1000))
    assert job.error
    assert job.error.problem.slug == "too-much-work"
    assert 100.05 < job.spent < 104


def test_a_gpu_decodes_what_it_takes(
    context: Context, classifier: ImageClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torchvision's decoder on the CPU stands in for the GPU's."""
    monkeypatch.setattr(
        "handler.intake.open_gpu_decoder", lambda spec, *_: GpuDecoder(spec, torch.device("cpu"), 64_000_000)
    )
    with_gpu = ImageClassifier()
    with_gpu.initialize(context)
    instances = [{"b64": base64.b64encode(data).decode()} for data in (encoded(picture(), "PNG"), PHOTO)]
    several = ({"body": json.dumps({"instances": instances}).encode()}, {"Content-Type": "application/json"})
    batch = [({"body": PHOTO}, {}), ({"body": PHOTO[:-300]}, {}), several, ({"body": b"text"}, {})]
    answers, expected = (handled(one, context, *batch) for one in (with_gpu, classifier))
    assert [status for status, _, _ in answers] == [200, 422, 200, 415]
    assert answers[1] == expected[1]
    for found, known in zip(answers[::2], expected[::2], strict=True):
        assert _scores(found[2]) == pytest.approx(_scores(known[2]), abs=0.01)


def _scores(body: bytes) -> list[float]:
    """Return all scores of an answer."""
    document = json.loads(body)
    rows = document if isinstance(document, list) else [row for rows in document["predictions"] for row in rows]
    return [row["score"] for row in rows]


def test_photos_are_decoded_together_but_large_ones_one_at_a_time(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, working, most = threading.Lock(), 0, 0

    def slow(jpeg: Jpeg) -> Tensor:
        nonlocal working, most
        with lock:
            working += 1
            most = max(most, working)
        time.sleep(0.1)  # as a decoder that has let go of Python's lock
        with lock:
            working -= 1
        return decode_jpeg(jpeg)

    monkeypatch.setattr("handler.intake.decode_jpeg", slow)
    for max_pixels, expected in ((3 * 64 * 48, 3), (3 * 64 * 48 - 3, 1)):
        context = new_context(tiny_model, {"handler": {"threads": 3, "max_pixels": max_pixels}})
        classifier = ImageClassifier()
        classifier.initialize(context)
        most = 0
        answers = handled(classifier, context, *[({"body": PHOTO}, {})] * 3)
        assert [status for status, _, _ in answers] == [200] * 3
        assert most == expected


def test_a_request_with_more_images_than_the_engine_takes_at_once(
    classifier: ImageClassifier, context: Context
) -> None:
    """Three requests of 16 images each are 48 in one batch of TorchServe's; the engine takes 16."""
    instances = [{"b64": base64.b64encode(PHOTO).decode()}] * 16
    row = {"body": json.dumps({"instances": instances}).encode()}
    answers = handled(classifier, context, *[(row, {"Content-Type": "application/json"})] * 3)
    alone = json.loads(handled(classifier, context, ({"body": PHOTO}, {}))[0][2])
    for status, _, body in answers:
        predictions = json.loads(body)["predictions"]
        assert (status, len(predictions)) == (200, 16)
        for classes in predictions:
            assert [row["class_id"] for row in classes] == [row["class_id"] for row in alone]
            assert [row["score"] for row in classes] == pytest.approx([row["score"] for row in alone], abs=1e-5)


def test_metrics_of_a_batch(classifier: ImageClassifier, context: Context, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="ts.metrics.caching_metric"):
        handled(classifier, context, ({"body": PHOTO}, {}), ({"body": PHOTO}, {}), ({"body": b"text"}, {}))
    lines = [record.getMessage().split("|#hostname")[0] for record in caplog.records]
    assert (
        "[METRICS]classifier_requests_total.requests:2|#model_name:tiny-resnet,outcome:answered|#type:COUNTER" in lines
    )
    assert (
        "[METRICS]classifier_rejected_total.requests:1|#model_name:tiny-resnet,reason:unsupported-format|#type:COUNTER"
        in lines
    )
    assert "[METRICS]classifier_batch_images.images:2|#model_name:tiny-resnet|#type:HISTOGRAM" in lines
    stages = [line.split("stage:")[1].split("|")[0] for line in lines if "stage_seconds" in line]
    assert sorted(stages) == ["decode", "decode", "inference", "transform", "transform"]


def test_no_metric_is_written_while_the_network_runs(
    classifier: ImageClassifier, context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    run, written = classifier.engine.run, []

    def watched(batch: torch.Tensor) -> torch.Tensor:
        written.append(len(caplog.records))
        return run(batch)

    classifier.engine.run = watched  # type: ignore[method-assign]
    with caplog.at_level(logging.INFO, logger="ts.metrics.caching_metric"):
        for _ in range(2):
            caplog.clear()
            handled(classifier, context, ({"body": PHOTO}, {}), ({"body": PHOTO}, {}))
            assert written.pop() == 0
            assert sum("classifier_stage_seconds" in record.getMessage() for record in caplog.records) == 5


def test_the_model_describes_itself(classifier: ImageClassifier, context: Context) -> None:
    described, predicted = handled(
        classifier, context, ({}, {"describe": "True"}), ({"body": PHOTO}, {"describe": "True"})
    )  # fmt: skip
    assert json.loads(described[2])["name"] == "tiny-resnet"
    assert "class_id" in json.loads(predicted[2])[0]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"engine": "tensorrt"}, "set auto, onnx or torch"),
        ({"threads": -1}, "at least 0"),
        ({"max_pixels": "many"}, "a whole number"),
        ({"max_pixel": 5}, "handler.max_pixel is no setting"),
    ],
)
def test_a_wrong_setting_is_a_load_error(tiny_model: Path, section: dict[str, Any], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        ImageClassifier().initialize(new_context(tiny_model, {"handler": section}))


def test_an_archive_without_a_manifest_is_a_load_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"model\.json"):
        ImageClassifier().initialize(new_context(tmp_path))
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(RuntimeError, match="not a manifest"):
        ImageClassifier().initialize(new_context(tmp_path))


def test_a_server_that_is_stopping_says_so(
    classifier: ImageClassifier, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "stopping"
    monkeypatch.setenv(STOPPING_FILE, str(marker))
    assert [status for status, _, _ in handled(classifier, context, ({"body": PHOTO}, {}))] == [200]
    marker.touch()
    for status, _, body in handled(classifier, context, ({"body": PHOTO}, {}), ({}, {})):
        assert (status, json.loads(body)["type"]) == (503, "/problems/stopping")
    assert context.get_response_headers(1)["Retry-After"] == "10"


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")]
)
@pytest.mark.parametrize("stage", ["decode", "inference"])
def test_missing_memory_is_no_damaged_image(
    classifier: ImageClassifier, context: Context, monkeypatch: pytest.MonkeyPatch, error: Exception, stage: str
) -> None:
    def fail(*_: object) -> Tensor:
        raise error

    with monkeypatch.context() as patch:
        if stage == "decode":
            patch.setattr("handler.intake.decode_jpeg", fail)
            patch.setattr("handler.intake.decode_opened", fail)
        else:
            patch.setattr(classifier.engine, "run", fail)
        alone = handled(classifier, context, ({"body": PHOTO}, {}))
        together = handled(classifier, context, *[({"body": PHOTO}, {})] * 2)
    for status, _, body in (*alone, *together):
        assert (status, json.loads(body)["type"]) == (503, "/problems/out-of-memory")
    assert handled(classifier, context, ({"body": PHOTO}, {}))[0][0] == 200
