"""The tables of measured figures."""

import ast
import json
import re
from pathlib import Path
from typing import Any, cast

import pytest

from scripts.docs import figures, scaling
from tests.conftest import PROJECT

BENCH = {
    "machine": {"cpus": 2, "cpu": "a CPU"},
    "serving": {"engine": "onnx", "precision": "float32", "instruction_set": "avx2"},
    "model": {"name": "x"},
    "plan": {"rounds": 3},
    "memory": {"x": {"jvm_mb": 200.0, "workers_mb": 600.0}},
    "goals": [
        {"goal": "relative to the stock handler", "value": 1.5, "bound": ">= 1.5", "met": True},
        {"goal": "seconds to start", "value": 6.1, "bound": "<= 6", "met": False, "middle_half": [6.0, 6.2]},
    ],
    "turns": [
        {"kind": "engine", "engine": "program.onnx", "batch": 8, "images_per_second": 21.0},
        {"kind": "engine", "engine": "program.onnx", "batch": 1, "images_per_second": 12.0},
        {"kind": "closed loop", "server": "x", "clients": 1, "images_per_second": 10.0, "p50_ms": 99.6,
         "p99_ms": 120.0, "jvm_cpu_ms_per_image": 2.0, "worker_cpu_ms_per_image": 110.0},
        {"kind": "closed loop", "server": "x", "clients": 16, "images_per_second": 20.0, "p50_ms": 800.0,
         "p99_ms": 900.0, "jvm_cpu_ms_per_image": 1.0, "worker_cpu_ms_per_image": 100.0},
        {"kind": "closed loop", "server": "stock", "clients": 1, "images_per_second": 5.0, "p50_ms": 200.0},
        {"kind": "closed loop", "server": "stock", "clients": 16, "images_per_second": 99.0, "p50_ms": 160.0},
        {"kind": "stages", "image": "12-megapixels", "megapixels": 12.0, "bytes": 2_000_000,
         "decode_ms": 70.0, "transform_ms": 9.4, "scaled_ms": 31.0},
        {"kind": "stages", "image": "as they are", "megapixels": 0.3, "bytes": 125_000,
         "decode_ms": 2.0, "transform_ms": 0.5, "scaled_ms": 2.7},
    ],
}  # fmt: skip
FAULT = {"sent": 9, "succeeded": 6, "refused": 2, "lost": 1, "longest_gap_seconds": 1.26}


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text(json.dumps(BENCH))
    faults: dict[str, Any] = {"worker killed": {**FAULT, "recovery_seconds": 1.3}, "queue full": FAULT}
    (tmp_path / "faults.json").write_text(json.dumps(faults))
    monkeypatch.setattr(figures, "FIGURES", tmp_path)


@pytest.mark.usefixtures("published")
def test_headlines() -> None:
    text = figures.headlines()
    assert "| throughput, 16 clients | 20.0 images/s, 1.50 times TorchServe's stock handler |" in text
    assert "| latency, one client | p50 100 ms, p99 120 ms |" in text
    assert "| 6.1 s to the first response |" in text
    assert "| requests lost in 2 kinds of faults | 2 of 18 |" in text


@pytest.mark.usefixtures("published")
def test_throughput_is_compared_with_the_stock_handler() -> None:
    text = figures.service()
    assert "2 cores (a CPU) with x (onnx in float32, avx2), images of 0.12 MB, medians of 3 rounds" in text
    assert "program.onnx at batch 8, computes 21.0 images/s" in text
    assert "held 600 MB and the JVM 200 MB" in text
    assert text.splitlines()[-2:] == ["| 1 | 10.0 | 100 | 120 | 5.0 | 200 |", "| 16 | 20.0 | 800 | 900 | 99.0 | 160 |"]


@pytest.mark.usefixtures("published")
def test_throughput_is_compared_with_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = {"kind": "closed loop", "server": "a peer", "clients": 16, "images_per_second": 18.0}
    monkeypatch.setattr(figures, "read", lambda _: {**BENCH, "turns": [*cast("list[object]", BENCH["turns"]), peer]})
    head, _, one, sixteen = figures.service().splitlines()[-4:]
    assert head.endswith("| a peer: images/s |")
    assert one.endswith("| 200 | |")
    assert sixteen.endswith("| 160 | 18.0 |")


def test_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {
        "images": "dark",
        "ratio": {"classes": 0.5, "confidence": 1.26, "features": 3.456},
        "noticed_after": {"confidence": 250, "features": 50},
    }
    quiet = {
        "images": "unchanged",
        "ratio": {"classes": 0.15, "confidence": 1.066, "features": 0.2},
        "above": {"classes": 0, "confidence": 2, "features": 0},
        "checks": 199,
    }
    found = {"photos": 25, "crops": 8, "other_photos": 29, "model": "m", "engine": "onnx", "precision": "float32"}
    found |= {"unchanged_windows": 20, "window": 500, "repeats": 5, "rows": [quiet, row]}
    monkeypatch.setattr(figures, "read", lambda _: found)
    *_, unchanged, dark = figures.drift().splitlines()
    assert unchanged.startswith("| unchanged | 0.15, above 1 in 0 of 199 checks | 1.07, above 1 in 2 of 199 checks |")
    assert dark == "| dark | 0.50 | 1.26, after 250 | 3.46, after 50 |"


def test_explanations(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {
        "deletion": 0.0671,
        "insertion": 0.5424,
        "deletion_better_than_random": 24,
        "insertion_better_than_random": 23,
    }
    found = {"model": "m", "engine": "onnx in float32", "cpu": "a CPU", "cpus": 2, "images": 25}
    found |= {"faithfulness": {"occlusion": row, "random": row}, "cost": {"ratio": 1.04, "cpu_ratio": 1.031}}
    found |= {"occlusion": {"limit_seconds": 2, "seconds": 1.234, "runs": 100, "fewest_runs": 49}}
    monkeypatch.setattr(figures, "read", lambda _: found)
    text = figures.explanations()
    assert "| occlusion | 0.067 | 0.542 | 24, 23 of 25 |\n| random | 0.067 | 0.542 | |" in text
    assert "1.04 times as long as a prediction, and 1.03 times the CPU time" in text
    assert "default 2 s: it took 1.23 s an image, for which the network saw 100 covered copies (49 at least)" in text


SETTING = {"model": "m", "cpu": "a CPU", "cpus": 2, "serving": {"engine": "onnx", "precision": "float32"}}


def test_tracing(monkeypatch: pytest.MonkeyPatch) -> None:
    cost = {"throughput_percent": -0.06, "throughput_percent_middle_half": [-1.91, 3.36]}
    cost |= {"cpu_percent": 0.57, "cpu_percent_middle_half": [-0.42, 1.0]}
    costs = [{"part": "request_log", "clients": 1, **cost}, {"part": "both", "clients": 16, **cost}]
    found = {**SETTING, "plan": {"sampled": 0.1, "rounds": 8}, "costs": costs}
    monkeypatch.setattr(figures, "read", lambda _: found)
    text = figures.tracing()
    assert text.startswith(
        "2 cores (a CPU) with m (onnx in float32), 10% of the requests in traces; medians of 8 rounds"
    )
    percents = "-0.1 % (-1.9 to 3.4) | 0.6 % (-0.4 to 1.0) |"
    assert text.splitlines()[-2:] == [f"| request log, 1 client | {percents}", f"| both, 16 clients | {percents}"]


def test_overload(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = [{"with_deadlines": {"share": share}, "without_deadlines": {"share": 0.0}} for share in (0.9, 0.8, 1.0)]
    found = {**SETTING, "plan": {"deadline": 1.0, "rounds": 3, "seconds": 15.0, "factor": 2.0}, "rounds": rounds}
    found |= {"images_per_second": 40.4, "with_deadlines": {"share": 0.9, "p50": 0.801}}
    found |= {"cpus": 1, "placement": "the load generator has a CPU of its own"}
    found |= {"without_deadlines": {"share": 0.0, "p50": 3.2}}
    monkeypatch.setattr(figures, "read", lambda _: found)
    text = figures.overload()
    assert text.startswith(
        "1 core (a CPU) with m (onnx in float32); the load generator has a CPU of its own; 3 rounds of"
    )
    assert "3 rounds of 15 s, with 2 times the 40 images/s that it takes" in text
    assert text.splitlines()[-2:] == [
        "| with `X-Request-Timeout` | 90% | 90%, 80%, 100% | 0.80 |",
        "| without | 0% | 0%, 0%, 0% | 3.20 |",
    ]


@pytest.mark.usefixtures("published")
def test_goals() -> None:
    assert figures.goals().splitlines()[2:] == [
        "| relative to the stock handler | 1.5 | | at least 1.5 | met |",
        "| seconds to start | 6.1 | 6 to 6.2 | at most 6 | missed |",
    ]


@pytest.mark.usefixtures("published")
def test_large_images() -> None:
    assert figures.large_images().splitlines() == [
        "| `large_jpegs`, ms | 0.3 megapixels | 12 megapixels |",
        "|---|---|---|",
        "| exact | 2.5 | 79 |",
        "| scaled | 2.7 | 31 |",
    ]


@pytest.mark.usefixtures("published")
def test_faults() -> None:
    assert figures.faults().splitlines()[2:] == [
        "| queue full | 9 | 6 | 2 | 1 | 1.3 | |",
        "| worker killed | 9 | 6 | 2 | 1 | 1.3 | 1.3 |",
    ]


@pytest.mark.usefixtures("published")
def test_scaling() -> None:
    text = scaling.scaling()
    assert "serves 20.0 images/s, for 100 ms of the worker's CPU time and 1.0 ms of the frontend's" in text
    # 100 images/s: 100 / (0.7 * 20) = 7.1 replicas, 8 x 0.8 GB, and 100 images of 1 Mbit
    assert "| 100 | 8 | 16 | 6.4 | 100 | 0.16 |" in text
    assert "at 10.0 images/s each" in text
    assert "one core at 1000 images/s, a link of 1 Gbit/s at 1000 images/s" in text


def recorded() -> set[str]:
    """Return the faults that the tests record, read from their source."""
    calls = [
        node
        for path in (PROJECT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "record"
    ]
    words = [node for call in calls for node in ast.walk(call.args[0]) if isinstance(node, ast.Constant)]
    assert not [call for call in calls if isinstance(call.args[0], ast.JoinedStr)]  # names must be literals
    return {str(word.value) for word in words}


def test_every_recorded_fault_is_published() -> None:
    published = figures.read("faults")
    assert set(published) == recorded()
    for what, row in published.items():
        assert row["sent"] == row["succeeded"] + row["refused"] + row["lost"], what


def test_no_fault_lost_a_request_but_the_stop_of_make_serve() -> None:
    """TorchServe accepts connections until it ends: one request of each of the 8 clients can be cut then."""
    for what, row in figures.read("faults").items():
        if what.startswith("`make serve` stopped"):
            assert row["lost"] == row["outcomes"].get("cut", 0) <= 8, what
        else:
            assert row["lost"] == 0, what


def test_make_faults_runs_every_test_that_records() -> None:
    for path in (PROJECT / "tests").rglob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
        for test in functions:
            if re.search(r"^ +\w+\.record\(", ast.unparse(test), re.MULTILINE):
                marks = [ast.unparse(mark) for mark in test.decorator_list]
                assert "pytest.mark.faults" in marks or "pytestmark = pytest.mark.faults" in text, test.name
