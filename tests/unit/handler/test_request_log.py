"""One JSON line a request."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from handler.classifier import ImageClassifier
from handler.timeline import NOT_LOGGED
from scripts.common.paths import CONFIG
from tests.conftest import PROJECT
from tests.unit.handler.batches import PHOTO, handled, loaded, new_context

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]


def test_each_request_of_a_batch_has_a_line(
    classifier: ImageClassifier, context: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = {"X-Request-Id": "mine-1", "traceparent": TRACEPARENT}
    handled(classifier, context, ({"body": PHOTO}, gateway), ({"body": b"text"}, {}), ({"body": PHOTO}, {}))
    first, second, third = lines(capsys)
    assert next(iter(first)) == "time"  # config/log4j2.xml knows the lines by it
    assert (first["request_id"], first["torchserve_request_id"]) == ("mine-1", "id-0")
    assert (first["trace_id"], first["span_id"]) == tuple(TRACEPARENT.split("-")[1:3])
    assert (first["status"], first["level"], first["problem"]) == (200, "info", "")
    assert (first["model"], first["version"], first["images"], first["batch"]) == ("tiny-resnet", "1.0", 1, 2)
    assert set(first["ms"]) == {"preprocess", "decode", "transform", "inference", "postprocess"}
    assert all(milliseconds >= 0 for milliseconds in first["ms"].values())
    assert (second["status"], second["level"], second["problem"]) == (415, "warning", "unsupported-format")
    assert (second["request_id"], second["trace_id"], second["images"], second["batch"]) == ("id-1", "", 0, 0)
    assert set(second["ms"]) == {"preprocess"}
    assert third["status"] == 200


def test_a_fault_of_the_server_is_an_error(
    classifier: ImageClassifier,
    context: Any,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_images: object) -> None:
        raise TypeError("a fault")

    monkeypatch.setattr(classifier.model, "scores", fail)
    handled(classifier, context, ({"body": PHOTO}, {"X-Request-Id": "mine-2"}))
    (line,) = lines(capsys)
    assert (line["status"], line["level"], line["problem"]) == (500, "error", "internal-error")
    assert "request mine-2 failed in stage inference" in caplog.text


def test_the_servers_own_checks_have_no_line(
    classifier: ImageClassifier, context: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    handled(classifier, context, ({"body": PHOTO}, NOT_LOGGED))
    assert lines(capsys) == []


def test_off(tiny_model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUEST_LOG", "off")
    context = new_context(tiny_model)
    handled(loaded(context), context, ({"body": PHOTO}, {}))
    assert lines(capsys) == []


def test_another_setting_is_refused(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUEST_LOG", "yes")
    with pytest.raises(RuntimeError, match="REQUEST_LOG is 'yes': set on or off"):
        loaded(new_context(tiny_model))


def test_the_containers_and_compose_agree() -> None:
    compose = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
    assert compose["services"]["torchserve"]["environment"]["REQUEST_LOG"] == "${REQUEST_LOG:-on}"
    assert 'name="requests-on-console"' in (CONFIG / "log4j2.xml").read_text()
