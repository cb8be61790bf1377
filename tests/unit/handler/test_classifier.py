"""The handler with TorchServe's own context and metrics, in this process."""

import base64
import inspect
import json
import logging
import os
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor
from ts.context import Context
from ts.protocol import otf_message_handler

from handler.classifier import ImageClassifier
from handler.decode.formats import open_image
from handler.lifecycle import RUN_DIRECTORY, STOPPING_FILE, activity_of
from tests.conftest import encoded, picture
from tests.unit.handler.batches import PHOTO, handled, loaded, new_context
from tests.unit.handler.decode.test_bombs import bomb
from tests.unit.handler.engines.fake import FakeEngine


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
    responses = handled(classifier, context, *batch)
    assert [status for status, _, _ in responses] == [200, 422, 413, 415, 400, 400, 200, 200]
    for status, content_type, body in responses:
        if status >= 400:
            assert content_type == "application/problem+json"
            assert json.loads(body)["status"] == status
    alone = handled(classifier, context, ({"body": PHOTO}, {}))[0]
    assert responses[0] == responses[7] == alone
    assert responses[6][1:] == ("text/plain; charset=utf-8", f"{json.loads(alone[2])[0]['label']}\n".encode())


def test_a_failing_engine_is_a_500_that_leaks_nothing(
    classifier: ImageClassifier, context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(FakeEngine):
        def run(self, batch: Tensor) -> Tensor:
            raise ZeroDivisionError("a secret of the server")

    classifier.model.engine = Broken()
    with caplog.at_level(logging.ERROR):
        responses = handled(classifier, context, ({"body": PHOTO}, {}), ({"body": b"text"}, {}))
    assert [status for status, _, _ in responses] == [500, 415]
    assert b"secret" not in responses[0][2]
    assert "id-0" in caplog.text
    assert "inference" in caplog.text
    assert "a secret of the server" in caplog.text


def test_a_request_with_more_images_than_the_engine_takes_at_once(
    classifier: ImageClassifier, context: Context
) -> None:
    """Three requests of 16 images each are 48 in one batch of TorchServe's; the engine takes 16."""
    instances = [{"b64": base64.b64encode(PHOTO).decode()}] * 16
    row = {"body": json.dumps({"instances": instances}).encode()}
    responses = handled(classifier, context, *[(row, {"Content-Type": "application/json"})] * 3)
    alone = json.loads(handled(classifier, context, ({"body": PHOTO}, {}))[0][2])
    for status, _, body in responses:
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
    run, written = classifier.model.engine.run_with, []

    def watched(batch: torch.Tensor, outputs: Sequence[str]) -> dict[str, torch.Tensor]:
        written.append(len(caplog.records))
        return run(batch, outputs)

    classifier.model.engine.run_with = watched  # type: ignore[method-assign]
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
        ({"engine": "tensorrt"}, "set auto, onnx, openvino or torch"),
        ({"threads": -1}, "at least 0"),
        ({"max_pixels": "many"}, "a whole number"),
        ({"max_pixel": 5}, "handler.max_pixel is no setting"),
    ],
)
def test_a_wrong_setting_is_a_load_error(tiny_model: Path, section: dict[str, Any], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        ImageClassifier().initialize(new_context(tiny_model, {"handler": section}))


def test_a_number_of_workers_that_was_not_filled_in_is_a_load_error(tiny_model: Path) -> None:
    with pytest.raises(RuntimeError, match="minWorkers is 'auto': set a whole number"):
        ImageClassifier().initialize(new_context(tiny_model, {"minWorkers": "auto"}))


def test_an_archive_without_a_manifest_is_a_load_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"model\.json"):
        ImageClassifier().initialize(new_context(tmp_path))
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(RuntimeError, match="not a manifest"):
        ImageClassifier().initialize(new_context(tmp_path))


def test_a_server_that_is_stopping_says_so(context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN_DIRECTORY, str(tmp_path))
    classifier = loaded(context)
    assert [status for status, _, _ in handled(classifier, context, ({"body": PHOTO}, {}))] == [200]
    (tmp_path / STOPPING_FILE).touch()
    for status, _, body in handled(classifier, context, ({"body": PHOTO}, {}), ({}, {})):
        assert (status, json.loads(body)["type"]) == (503, "/problems/stopping")
    assert context.get_response_headers(1)["Retry-After"] == "10"
    assert activity_of(tmp_path, os.getpid()).batches == 1  # a worker that refuses is not busy


def test_a_worker_activity_of_while_it_handles_a_batch(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUN_DIRECTORY, str(tmp_path))
    classifier = loaded(context)
    run, busy = classifier.model.engine.run_with, []

    def watched(batch: Tensor, outputs: Sequence[str]) -> dict[str, Tensor]:
        busy.append(activity_of(tmp_path, os.getpid()).busy)
        return run(batch, outputs)

    monkeypatch.setattr(classifier.model.engine, "run_with", watched)
    handled(classifier, context, ({"body": PHOTO}, {}))
    assert busy == [True]
    assert not activity_of(tmp_path, os.getpid()).busy


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
            patch.setattr("handler.decode.decoder.decode_jpeg", fail)
            patch.setattr("handler.decode.decoder.decode_opened", fail)
        else:
            patch.setattr(classifier.model.engine, "run_with", fail)
        alone = handled(classifier, context, ({"body": PHOTO}, {}))
        together = handled(classifier, context, *[({"body": PHOTO}, {})] * 2)
    for status, _, body in (*alone, *together):
        assert (status, json.loads(body)["type"]) == (503, "/problems/out-of-memory")
    assert handled(classifier, context, ({"body": PHOTO}, {}))[0][0] == 200


def test_damaged_images_leave_memory(
    classifier: ImageClassifier, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error's traceback and its frames refer to each other, and to the pixels that were decoded so far."""
    opened: list[weakref.ref[Image.Image]] = []

    def watched(data: bytes, max_pixels: int) -> Image.Image:
        image = open_image(data, max_pixels)
        opened.append(weakref.ref(image))
        return image

    monkeypatch.setattr("handler.decode.decoder.open_image", watched)
    damaged = encoded(picture(200, 200), "PNG")[:-400]
    for _ in range(3):
        assert handled(classifier, context, ({"body": damaged}, {}))[0][0] == 422
    assert [image() for image in opened] == [None] * 3


def test_torchserves_line_for_every_batch_is_left_out(
    classifier: ImageClassifier, caplog: pytest.LogCaptureFixture
) -> None:
    assert "Backend received inference at: %d" in inspect.getsource(otf_message_handler)
    with caplog.at_level(logging.INFO):
        logging.info("Backend received inference at: %d", 1)
        logging.info("Torch worker started.")
    assert caplog.messages == ["Torch worker started."]
