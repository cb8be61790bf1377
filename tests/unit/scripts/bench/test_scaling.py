"""The page on scaling takes its figures from the benchmark's results, and nothing else of it changes."""

import json
from pathlib import Path

import pytest

from scripts.bench import scaling
from scripts.common.errors import CommandError
from tests.conftest import PROJECT

RESULTS = {
    "machine": {"cpus": 2, "cpu": "a CPU"},
    "model": {"name": "x"},
    "memory": {"x": {"jvm_mb": 200.0, "workers_mb": 600.0}},
    "turns": [
        {"kind": "closed loop", "server": "x", "clients": 1, "images_per_second": 10.0,
         "jvm_cpu_ms_an_image": 2.0, "worker_cpu_ms_an_image": 110.0},
        {"kind": "closed loop", "server": "x", "clients": 16, "images_per_second": 20.0,
         "jvm_cpu_ms_an_image": 1.0, "worker_cpu_ms_an_image": 100.0},
        {"kind": "closed loop", "server": "stock", "clients": 16, "images_per_second": 99.0},
        {"kind": "stages", "photo": "as they are", "bytes": 125_000},
    ],
}  # fmt: skip


def test_the_figures_follow_from_the_benchmark() -> None:
    text = scaling.table(scaling.replica_of(RESULTS), "a machine")
    assert "answers 20.0 images/s, for 100 ms of a worker's CPU time and 1.0 ms of the front end's" in text
    # 100 images/s: 100 / (0.7 * 20) = 7.1 replicas, 8 x 0.8 GB, and 100 photos of 1 Mbit
    assert "| 100 | 8 | 16 | 6.4 | 100 | 0.16 |" in text
    assert "at 10.0 images/s each" in text
    assert "one core at 1000 images/s, a link of 1 Gbit/s at 1000 images/s" in text


def test_the_page_keeps_its_words(tmp_path: Path) -> None:
    bench, page = tmp_path / "bench.json", tmp_path / "page.md"
    bench.write_text(json.dumps(RESULTS))
    shipped = (PROJECT / "config" / "SCALING.md").read_text()
    page.write_text(shipped)
    scaling.run(bench, page)
    written = page.read_text()
    assert "| 1000 | 72 |" in written
    for part in (shipped.partition(scaling.BEGIN)[0], shipped.partition(scaling.END)[2]):
        assert part in written
    scaling.run(bench, page)
    assert page.read_text() == written


def test_without_figures(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="run make bench first"):
        scaling.run(tmp_path / "none.json", scaling.PAGE)
    bench = tmp_path / "bench.json"
    bench.write_text("{}")
    with pytest.raises(CommandError, match="not those of this benchmark"):
        scaling.run(bench, scaling.PAGE)
    bench.write_text(json.dumps(RESULTS))
    page = tmp_path / "page.md"
    page.write_text("# Scaling\n")
    with pytest.raises(CommandError, match="has lost the two comments"):
        scaling.run(bench, page)
