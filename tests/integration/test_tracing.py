"""A request followed through a real TorchServe: its spans at a collector, and its line in the request log."""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts.client.predict import TINY_IMAGE
from scripts.container import run as container
from scripts.server.ports import Ports
from scripts.server.torchserve import TorchServe
from tests.archives import as_version
from tests.integration.conftest import STORE, free_ports
from tests.otlp import Collector, attributes_of, collecting
from tests.waiting import wait_for

TRACE, CLIENT_SPAN, GATEWAY_SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "0123456789abcdef"
NAME = "patient"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def traced(patient: Path, collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TorchServe]:
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-team=vision",
        "OTEL_SERVICE_NAME": "vision",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "1.0",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    with TorchServe({NAME: patient.name}, STORE, free_ports(), tmp_path_factory.mktemp("serve"), environment) as server:
        yield server


def send(server: TorchServe, headers: Mapping[str, str] | None = None, body: bytes = TINY_IMAGE) -> requests.Response:
    return requests.post(
        f"{server.ports.url(server.ports.inference)}/predictions/{NAME}", data=body, headers=headers, timeout=60
    )


def behind_gateway(trace: str, parent: str = "none", sampled: str = "00") -> dict[str, str]:
    """Return the headers that the gateway sends."""
    now = time.time()
    return {
        "X-Request-Id": f"id-{trace[:6]}",
        "X-Request-Start": f"t={now - 0.2:.3f}",
        "X-Request-Forwarded": f"t={now - 0.1:.3f}",
        "X-Request-Parent": parent,
        "traceparent": f"00-{trace}-{GATEWAY_SPAN}-{sampled}",
    }


def lines(server: TorchServe, part: str) -> list[dict[str, Any]]:
    log = server.log.with_name("requests.log")
    return [json.loads(line) for line in log.read_text().splitlines() if part in line] if log.exists() else []


def line(server: TorchServe, part: str) -> dict[str, Any]:
    """Wait for the only line of the request log with this part."""
    wait_for("a log line", lambda: lines(server, part))
    (found,) = lines(server, part)
    return found


def root(collector: Collector, trace: str) -> dict[str, Any]:
    """Wait for the span of a request, and return those of its trace."""
    name = f"predict {NAME}"
    wait_for("the request's span", lambda: name in collector.trace(trace))
    spans: dict[str, Any] = collector.trace(trace)
    return spans | {"predict": spans.pop(name)}


def test_a_request_is_followed_from_the_gateway_to_the_network(traced: TorchServe, collector: Collector) -> None:
    response = send(traced, behind_gateway(TRACE, CLIENT_SPAN, "01"))
    assert response.headers["traceresponse"] == f"00-{TRACE}-{GATEWAY_SPAN}-01"
    spans = root(collector, TRACE)
    predict = spans["predict"]
    assert (predict.span_id.hex(), predict.parent_span_id.hex()) == (GATEWAY_SPAN, CLIENT_SPAN)
    assert set(spans) == {
        "predict",
        "gateway",
        "queue",
        "preprocess",
        "decode",
        "transform",
        "inference",
        "postprocess",
    }
    for name in ("gateway", "queue", "preprocess", "inference", "postprocess"):
        assert spans[name].parent_span_id == predict.span_id
    for name in ("decode", "transform"):
        assert spans[name].parent_span_id == spans["preprocess"].span_id
    assert spans["gateway"].end_time_unix_nano - spans["gateway"].start_time_unix_nano == pytest.approx(1e8, rel=0.02)
    assert spans["queue"].end_time_unix_nano >= spans["queue"].start_time_unix_nano + 1.9e9  # its batch has waited
    assert all(predict.start_time_unix_nano <= span.start_time_unix_nano for span in spans.values())
    assert all(predict.end_time_unix_nano >= span.end_time_unix_nano for span in spans.values())
    assert collector.resources[-1]["service.name"] == "vision"
    assert collector.headers[-1]["x-team"] == "vision"
    logged = line(traced, TRACE)
    assert (logged["request_id"], logged["trace_id"], logged["span_id"]) == (f"id-{TRACE[:6]}", TRACE, GATEWAY_SPAN)
    assert logged["torchserve_request_id"] == response.headers["X-Request-Id"]
    assert (logged["model"], logged["status"], logged["images"], logged["batch"]) == (NAME, 200, 1, 1)
    assert set(logged["ms"]) == set(spans) - {"predict"}


def test_batch_mates_are_linked(traced: TorchServe, collector: Collector) -> None:
    traces = [f"{number:032x}" for number in range(1, 4)]
    with ThreadPoolExecutor(3) as pool:
        assert all(r.ok for r in pool.map(lambda trace: send(traced, behind_gateway(trace)), traces))
    inferences = [root(collector, trace)["inference"] for trace in traces]
    for inference in inferences:
        mates = {mate.span_id for mate in inferences if mate is not inference}
        assert {link.span_id for link in inference.links} == mates
        assert attributes_of(inference)["classifier.batch.images"] == 3


def test_a_failed_request_says_why(traced: TorchServe, collector: Collector) -> None:
    trace = "a" * 32
    assert send(traced, behind_gateway(trace), b"text").status_code == 415
    spans = root(collector, trace)
    assert attributes_of(spans["predict"])["error.type"] == "unsupported-format"
    assert attributes_of(spans["predict"])["http.response.status_code"] == 415
    assert spans["preprocess"].status.message == "unsupported-format"
    logged = line(traced, trace)
    assert (logged["level"], logged["status"], logged["problem"]) == ("warning", 415, "unsupported-format")


def test_the_last_spans_are_sent_before_the_server_stops(patient: Path, collector: Collector, tmp_path: Path) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "600000"}
    trace = "b" * 32
    with TorchServe({NAME: patient.name}, STORE, free_ports(), tmp_path, environment) as server:
        assert send(server, behind_gateway(trace)).ok
        assert not collector.trace(trace)
    assert f"predict {NAME}" in collector.trace(trace)


BREAKS = """self.model.scores = None if context.get_request_header(0, "X-Break") else self.model.scores
        return super().handle(data, context)"""


def test_a_containers_console_has_the_request_and_the_fault(patient: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in container.environment(Ports()).items() if not name.startswith("TS_")}
    (tmp_path / "store").mkdir()
    as_version("1.0", patient, tmp_path / "store" / patient.name, handle=BREAKS)
    with TorchServe({NAME: patient.name}, tmp_path / "store", free_ports(), tmp_path / "serve", environment) as server:
        response = send(server, {"X-Break": "yes", "X-Request-Id": "mine-3"})
        assert response.json()["type"] == "/problems/internal-error"
        console = server.log.with_name("console.log")
        wait_for("the traceback", lambda: "TypeError" in console.read_text())
        wait_for("the request's line", lambda: '"request_id":"mine-3"' in console.read_text())
        assert "request mine-3 failed in stage inference" in console.read_text()
        own = [json.loads(each) for each in console.read_text().splitlines() if each[:1] == "{"]
        (last,) = (each for each in own if each["request_id"] == "mine-3")
        assert (last["request_id"], last["level"], last["problem"]) == ("mine-3", "error", "internal-error")
        assert not server.log.with_name("requests.log").exists()


def test_a_console_that_nobody_reads_harms_no_request(fallback_archive: Path, tmp_path: Path) -> None:
    """As in a container whose engine stopped; CONSOLE_LEVEL=info adds a second line for each request."""
    environment = {"REQUESTS_TO": "requests-on-console", "CONSOLE_LEVEL": "info"}
    model = {NAME: fallback_archive.name}
    server = TorchServe(model, fallback_archive.parent, free_ports(), tmp_path, environment, to_console=True)
    output, console = os.pipe()
    fcntl.fcntl(console, fcntl.F_SETPIPE_SZ, 4096)
    with as_stdout(console):
        server.start()
    os.close(console)
    try:
        server.wait_ready()
        with ThreadPoolExecutor(16) as pool:
            assert all(r.ok for r in pool.map(lambda _: send(server, {"X-Request-Id": "mine-5"}), range(500)))
    finally:
        with ThreadPoolExecutor(1) as pool, os.fdopen(output) as read:
            printed = pool.submit(read.read)
            server.stop()
    text = printed.result()
    assert text.count('"request_id":"mine-5"') == 500
    assert text.count(f"POST /predictions/{NAME} ") > 500  # with the server's own checks


@contextmanager
def as_stdout(descriptor: int) -> Iterator[None]:
    """Let processes that start meanwhile inherit this descriptor as their stdout."""
    own = os.dup(1)
    os.dup2(descriptor, 1)
    try:
        yield
    finally:
        os.dup2(own, 1)
        os.close(own)


def test_a_collector_that_hangs_harms_no_request(traced: TorchServe, collector: Collector) -> None:
    collector.hold.clear()
    try:
        start = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            assert all(r.ok for r in pool.map(lambda _: send(traced), range(16)))
        assert time.monotonic() - start < 10  # two batches, which wait for two seconds each
    finally:
        collector.hold.set()
