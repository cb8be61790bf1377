"""Explanations through the handler: as JSON or a picture, for the part of the image that the network saw."""

import base64
import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from ts.context import Context

from handler.classifier import ImageClassifier
from handler.decode import deadline
from handler.explanations.occlusion import Occlusion
from tests.conftest import encoded, picture, stored_as
from tests.unit.handler.batches import PHOTO, handled
from tests.unit.handler.engines.fake import FakeEngine

EXPLAIN = {"explain": "True"}


def explained(classifier: ImageClassifier, context: Context, row: dict[str, Any], **headers: str) -> Any:
    ((status, content_type, body),) = handled(classifier, context, (row, EXPLAIN | headers))
    assert (status, content_type) == (200, "application/json"), body
    return json.loads(body)


def test_an_image(classifier: ImageClassifier, context: Context) -> None:
    (prediction, *_), *_ = (json.loads(body) for _, _, body in handled(classifier, context, ({"body": PHOTO}, {})))
    found = explained(classifier, context, {"body": PHOTO})
    grid = np.array(found.pop("grid"))
    assert grid.shape == (4, 4)
    region = {"left": 10.67, "top": 2.67, "width": 42.67, "height": 42.67}  # 32 of 36 x 48 pixels, of 48 x 64
    assert found == prediction | {"method": "class-activation-map", "width": 64, "height": 48, "region": region}


@pytest.mark.parametrize("row", [{"data": PHOTO, "class": b"3"}, {"body": PHOTO}], ids=["form", "raw"])
def test_a_class(classifier: ImageClassifier, context: Context, row: dict[str, Any]) -> None:
    found = explained(classifier, context, row, **({} if "class" in row else {"X-Class": "class 3"}))
    assert (found["class_id"], found["label"]) == (3, "class 3")


def test_several_images(classifier: ImageClassifier, context: Context) -> None:
    wide = encoded(picture(90, 30), "PNG")
    instances = [{"b64": base64.b64encode(data).decode()} for data in (PHOTO, wide)]
    body = json.dumps({"instances": instances, "parameters": {"class": 2}}).encode()
    first, second = explained(classifier, context, {"body": body})["explanations"]
    assert first == explained(classifier, context, {"body": PHOTO}, **{"X-Class": "2"})
    assert (second["width"], second["height"], second["class_id"]) == (90, 30, 2)


def test_a_batch_of_predictions_and_explanations(classifier: ImageClassifier, context: Context) -> None:
    """One bad explanation, and one good, leave the predictions what they are alone."""
    (alone,) = handled(classifier, context, ({"body": PHOTO}, {}))
    png = EXPLAIN | {"Accept": "image/png"}
    responses = handled(
        classifier,
        context,
        ({"body": PHOTO}, {}),
        ({"body": PHOTO}, EXPLAIN),
        ({"body": b"text"}, EXPLAIN),
        ({"body": PHOTO}, EXPLAIN | {"X-Class": "zebra"}),
        ({"body": PHOTO}, {}),
        ({"body": PHOTO}, png),
    )
    assert [status for status, _, _ in responses] == [200, 200, 415, 400, 200, 200]
    assert responses[0] == responses[4] == alone
    assert json.loads(responses[3][2])["type"] == "/problems/invalid-parameter"
    assert responses[5][1] == "image/png"


def test_a_failing_explanation_harms_no_prediction(classifier: ImageClassifier, context: Context) -> None:
    class Broken(FakeEngine):
        def run(self, batch: Tensor) -> Tensor:
            raise ZeroDivisionError

    classifier.method = Occlusion(Broken(), classifier.manifest)
    responses = handled(classifier, context, ({"body": PHOTO}, EXPLAIN), ({"body": PHOTO}, {}))
    assert [status for status, _, _ in responses] == [500, 200]


def test_all_explanations_of_a_batch_take_no_longer_than_one(
    classifier: ImageClassifier, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Predictions beside them wait for the time of one, and are what they are alone."""
    (alone,) = handled(classifier, context, ({"body": PHOTO}, {}))
    now = time.monotonic()

    class Slow(Bright):
        def run(self, batch: Tensor) -> Tensor:
            nonlocal now
            now += 0.03 * len(batch)
            return super().run(batch)

    monkeypatch.setattr(time, "monotonic", lambda: now)
    start = now
    classifier.method = Occlusion(Slow(), classifier.manifest)
    responses = handled(classifier, context, ({"body": PHOTO}, {}), *[({"body": PHOTO}, EXPLAIN)] * 7)
    assert responses[0] == alone
    assert [status for status, _, _ in responses[1:]] == [200] * 6 + [429]
    assert json.loads(responses[-1][2])["type"] == "/problems/too-many-explanations"
    assert context.get_response_headers(7)["Retry-After"] == "1"
    assert now - start <= classifier.settings.explanation_seconds + 0.03


def test_a_client_that_has_stopped_waiting(classifier: ImageClassifier, context: Context) -> None:
    late = EXPLAIN | {"X-Request-Timeout": "20", "X-Request-Start": f"t={time.time() - 30:.3f}"}
    ((status, _, _),) = handled(classifier, context, ({"body": PHOTO}, late))
    assert status == 504


def test_an_explanation_does_not_count_as_what_a_prediction_takes(
    classifier: ImageClassifier, context: Context
) -> None:
    handled(classifier, context, ({"body": PHOTO}, EXPLAIN), ({"body": PHOTO}, {}))
    assert classifier.load_shedding.allowance([]) == 0


def lit(width: int, height: int, left: int, top: int, side: int) -> Image.Image:
    """Return a black image with a white square."""
    image = Image.new("RGB", (width, height))
    image.paste((255, 255, 255), (left, top, left + side, top + side))
    return image


class Bright(FakeEngine):
    """Class 0 is the brightness of the image."""

    def run(self, batch: Tensor) -> Tensor:
        return torch.stack([batch.mean((1, 2, 3)), torch.zeros(len(batch))], dim=1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("width", "height"), [(120, 80), (80, 120), (400, 40)])
def test_the_place_of_the_grid_in_the_image(
    classifier: ImageClassifier, context: Context, orientation: int, width: int, height: int
) -> None:
    """The cell that speaks most lies over the white square of the upright image."""
    classifier.method = Occlusion(Bright(), classifier.manifest)
    left, top = width // 2 - 12, height // 2 + 4
    upright = lit(width, height, left, top, 8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(stored_as(upright, orientation), "PNG", exif=exif)
    found = explained(classifier, context, {"body": data}, **{"X-Class": "0"})
    assert (found["width"], found["height"]) == (width, height)
    grid, region = np.array(found["grid"]), found["region"]
    row, column = np.unravel_index(grid.argmax(), grid.shape)
    x = region["left"] + (column + 0.5) * region["width"] / grid.shape[1]
    y = region["top"] + (row + 0.5) * region["height"] / grid.shape[0]
    cell = region["width"] / grid.shape[1]
    assert left - cell <= x <= left + 8 + cell
    assert top - cell <= y <= top + 8 + cell


def test_a_picture(classifier: ImageClassifier, context: Context) -> None:
    classifier.method = Occlusion(Bright(), classifier.manifest)
    data = encoded(lit(120, 80, 48, 44, 8), "PNG")
    ((status, content_type, body),) = handled(
        classifier, context, ({"body": data}, EXPLAIN | {"Accept": "image/png", "X-Class": "0"})
    )
    assert (status, content_type) == (200, "image/png")
    shown = Image.open(BytesIO(body))
    assert (shown.format, shown.size) == ("PNG", (120, 80))
    coloured = np.asarray(shown).astype(int)
    saturation = coloured.max(2) - coloured.min(2)
    y, x = np.unravel_index(saturation.argmax(), saturation.shape)
    assert 36 <= x <= 68
    assert 32 <= y <= 64
    assert saturation[:, :8].max() == 0  # outside of what the network saw


@pytest.mark.parametrize(("width", "height"), [(10, 4000), (4000, 10), (3000, 1000)])
def test_the_place_of_the_colours_in_a_smaller_picture(
    classifier: ImageClassifier, context: Context, width: int, height: int
) -> None:
    classifier.method = Occlusion(Bright(), classifier.manifest)
    side = min(width, height) // 2
    data = encoded(lit(width, height, (width - side) // 2, (height - side) // 2, side), "PNG")
    ((_, _, body),) = handled(classifier, context, ({"body": data}, EXPLAIN | {"Accept": "image/png", "X-Class": "0"}))
    coloured = np.asarray(Image.open(BytesIO(body))).astype(int)
    saturation = coloured.max(2) - coloured.min(2)
    middle = (np.indices(saturation.shape) * saturation).sum((1, 2)) / saturation.sum() + 0.5
    assert middle == pytest.approx(np.array(saturation.shape) / 2, rel=0.05, abs=1)


@pytest.mark.parametrize("accept", ["application/json", "image/png"])
def test_an_image_is_read_again_in_what_is_left_of_its_time(
    classifier: ImageClassifier, context: Context, monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    given: list[float] = []
    call_within = deadline.call_within

    def recorded(seconds: float, function: Callable[[], object]) -> object:
        given.append(seconds)
        return call_within(seconds, function)

    clock = iter(range(10_000))
    monkeypatch.setattr(deadline, "call_within", recorded)
    monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=lambda: next(clock)))  # each look takes a second
    ((status, _, _),) = handled(classifier, context, ({"body": PHOTO}, EXPLAIN | {"Accept": accept}))
    assert status == 200
    assert given == [4, 3]


def test_a_picture_of_a_large_image_is_smaller(classifier: ImageClassifier, context: Context) -> None:
    large = encoded(picture(3000, 1500), "JPEG")
    ((status, _, body),) = handled(classifier, context, ({"body": large}, EXPLAIN | {"Accept": "image/png"}))
    assert status == 200
    assert Image.open(BytesIO(body)).size == (1024, 512)


def test_no_explanations_where_an_operator_allows_none(classifier: ImageClassifier, context: Context) -> None:
    classifier.method = Occlusion(Bright(), classifier.manifest)
    classifier.settings = replace(classifier.settings, explanation_seconds=0)
    ((status, _, body),) = handled(classifier, context, ({"body": PHOTO}, EXPLAIN))
    assert (status, json.loads(body)["type"]) == (404, "/problems/no-explanations")


def test_metrics(classifier: ImageClassifier, context: Context, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="ts.metrics.caching_metric"):
        handled(classifier, context, ({"body": PHOTO}, EXPLAIN))
        assert "explanations_total.images:1|#model_name:tiny-resnet,method:class-activation-map|" in caplog.text
        assert "stage:explanation" in caplog.text
        assert "outcome:answered" in caplog.text
        caplog.clear()
        handled(classifier, context, ({"body": PHOTO}, {}))
    assert "explanation" not in caplog.text
