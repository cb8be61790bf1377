"""What the handler does with requests whose clients stop waiting."""

import json
import logging
import time
from collections.abc import Sequence
from typing import Any

import pytest
from torch import Tensor
from ts.context import Context

from handler.classifier import ImageClassifier
from handler.load_shedding import RECENT_BATCHES
from tests.unit.handler.batches import PHOTO, handled


def waited(seconds: float, timeout: str) -> dict[str, str]:
    """Return the headers of a request that a proxy got so many seconds ago."""
    return {"X-Request-Timeout": timeout, "X-Request-Start": f"t={time.time() - seconds:.3f}"}


def test_a_request_whose_client_has_stopped_waiting_is_not_computed(
    classifier: ImageClassifier, context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    batch = [({"body": PHOTO}, headers) for headers in ({}, waited(30, "20"), waited(30, "60"), waited(0, "soon"))]
    with caplog.at_level(logging.INFO, logger="ts.metrics.caching_metric"):
        responses = handled(classifier, context, *batch)
    assert [status for status, _, _ in responses] == [200, 504, 200, 400]
    assert json.loads(responses[1][2])["type"] == "/problems/deadline-exceeded"
    assert context.get_response_headers(1)["Retry-After"] == "1"
    lines = [record.getMessage() for record in caplog.records]
    assert sum("stage:decode" in line for line in lines) == 2
    assert any("classifier_rejected_total" in line and "reason:deadline-exceeded" in line for line in lines)


def test_a_request_whose_time_ends_while_its_batch_is_decoded_does_not_reach_the_network(
    classifier: ImageClassifier, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode, batches = classifier.decoder.decode, []
    run = classifier.model.engine.run_with

    def slowly(*batch: Any) -> Any:
        ends = time.monotonic() + 100
        decoded = decode(*batch)
        monkeypatch.setattr("handler.protocols.timeout.time.monotonic", lambda: ends)
        return decoded

    def watched(batch: Tensor, outputs: Sequence[str]) -> dict[str, Tensor]:
        batches.append(len(batch))
        return run(batch, outputs)

    monkeypatch.setattr(classifier.decoder, "decode", slowly)
    classifier.model.engine.run_with = watched  # type: ignore[method-assign]
    responses = handled(classifier, context, ({"body": PHOTO}, {"X-Request-Timeout": "50"}), ({"body": PHOTO}, {}))
    assert [status for status, _, _ in responses] == [504, 200]
    assert batches == [1]


def test_a_request_is_refused_if_a_batch_takes_longer_than_its_client_waits(
    classifier: ImageClassifier, context: Context
) -> None:
    assert handled(classifier, context, ({"body": PHOTO}, waited(15, "20")))[0][0] == 200
    classifier.load_shedding.add(8.0)
    assert handled(classifier, context, ({"body": PHOTO}, waited(15, "20")))[0][0] == 504
    for _ in range(RECENT_BATCHES):
        assert handled(classifier, context, ({"body": PHOTO}, {}))[0][0] == 200
    assert handled(classifier, context, ({"body": PHOTO}, waited(15, "20")))[0][0] == 200


@pytest.mark.parametrize(("late", "statuses"), [(1, [504, 200, 200, 200]), (2, [504, 504, 504, 200])])
def test_where_half_of_a_batch_is_late_those_that_nearly_are_do_not_fill_it(
    classifier: ImageClassifier, context: Context, late: int, statuses: list[int]
) -> None:
    classifier.load_shedding.add(10.0)  # so 13 s are expected
    waits = [*[50] * late, *[40] * (3 - late), 20]  # of 60 s
    responses = handled(classifier, context, *(({"body": PHOTO}, waited(wait, "60")) for wait in waits))
    assert [status for status, _, _ in responses] == statuses
