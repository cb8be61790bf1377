"""The benchmark, for an instant: every part of it on the tiny network, and its sums on figures that are known."""

from pathlib import Path

import pytest

from scripts.bench import goals, jpegs, precision, report
from scripts.bench.benchmark import Work, measure
from scripts.bench.plan import Plan
from scripts.build.sources import choice
from scripts.common.errors import CommandError
from scripts.server.torchserve import TorchServe
from tests.integration.conftest import free_ports

SHORT = Plan(
    rounds=2,
    seconds=0.3,
    batches=(1, 2),
    clients=(1, 4),
    pairs=2,
    shares=(0.5,),
    megapixels=(1,),
    warm_up=0.3,
    starts=0,
)


def test_every_part_is_measured(tiny_directory: Path, tiny_archive: Path, tmp_path: Path) -> None:
    model = choice.load(choice.choose(str(tiny_directory), ""))
    work = Work(tmp_path, free_ports(), jpegs.real("", tmp_path))
    results = report.summary(measure(tiny_archive, model, work, SHORT) | {"cold_start_s": [3.0]})

    turns = results["turns"]
    engines = {(row["engine"], row["batch"]) for row in goals.pick(turns, kind="engine")}
    names = {"torch eager", "program.pt2", "program.onnx"}
    assert {(name, batch) for name in names for batch in SHORT.batches} <= engines
    assert all(row["images_per_second"] > 0 for row in goals.pick(turns, kind="engine"))
    assert [row["image"] for row in goals.pick(turns, kind="stages")] == ["as they are", "1-megapixels"]
    closed = goals.pick(turns, kind="closed loop")
    assert {(row["server"], row["clients"]) for row in closed} == {
        (name, clients) for name in ("tiny-resnet", "stock") for clients in SHORT.clients
    }
    for row in closed:
        assert row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
        assert row["worker_cpu_ms_per_image"] > 0
        assert row["jvm_cpu_ms_per_image"] > 0
    (four,) = goals.pick(turns, kind="closed loop", server="tiny-resnet", clients=4)
    assert 1 <= four["mean_batch"] <= 4
    (lone,) = goals.pick(turns, kind=goals.LONE)
    assert lone["clients"] == 1
    assert 0 < lone["alone_ms"] < lone["p50_ms"]
    (busy,) = goals.pick(turns, kind=goals.BUSY)  # of both rounds: they have one engine
    assert (busy["engine"], busy["batch"]) in engines
    assert busy["clients"] == 4
    assert 0 < busy["images_per_second"] < busy["alone_images_per_second"]
    (opened,) = goals.pick(turns, kind="open loop")
    assert opened["requests"] > 0
    assert {name: row["workers_mb"] > 50 for name, row in results["memory"].items()} == {
        "tiny-resnet": True,
        "stock": True,
    }
    text = report.table(results)
    assert "met     3        <= 6      seconds to the first response" in text
    report.plot(results, tmp_path / "bench.png")
    assert (tmp_path / "bench.png").stat().st_size > 20_000


def samples() -> list[goals.Sample]:
    """Two rounds, the second on a machine half as fast: the ratios are those of a round."""
    rounds: list[goals.Sample] = []
    for index, speed in enumerate((1.0, 0.5)):
        both = {"round": index}
        rounds += [
            both | {"kind": "engine", "engine": "program.onnx", "batch": 1, "images_per_second": 20 * speed,
                    "cpu_ms_per_image": 60.0},
            both | {"kind": "engine", "engine": "program.onnx", "batch": 8, "images_per_second": 40 * speed,
                    "cpu_ms_per_image": 45.0},
            both | {"kind": "stages", "image": jpegs.AS_THEY_ARE,
                    **{f"{stage}_ms": 1 / speed for stage in ("decode", "transform", "normalize", "response")}},
            both | {"kind": goals.LONE, "alone_ms": 50 / speed, "latencies": [0.054 / speed] * 3},
            both | {"kind": goals.BUSY, "engine": "program.onnx", "batch": 8, "alone_images_per_second": 40 * speed,
                    "images_per_second": 36 * speed},
            both | {"kind": "closed loop", "server": "x", "clients": 16, "images_per_second": 36 * speed,
                    "mean_batch": 7.0, "jvm_cpu_ms_per_image": 1.0, "worker_cpu_ms_per_image": 49.0},
            both | {"kind": "closed loop", "server": "stock", "clients": 16, "images_per_second": 18 * speed},
        ]  # fmt: skip
    return rounds


def test_goals_compare_each_round_with_itself() -> None:
    results = {"samples": samples(), "model": {"name": "x"}, "plan": {"clients": (1, 16, 32)}, "cold_start_s": [7.0]}
    judged = goals.judge(results)
    assert [(row["value"], row["met"]) for row in judged] == [
        (0.9, False),  # 36 of 40
        (2.0, True),
        (1.0, True),  # 54 ms of 50 + 4
        (0.1, False),  # 1 + 49 ms, of which a batch of 8 needs 45
        (7.0, False),
    ]
    assert judged[0]["middle_half"] == [0.9, 0.9]
    assert "middle_half" not in judged[1]


def test_ratio_is_taken_within_a_round() -> None:
    over, under = (
        [{"round": index, "images_per_second": rate} for index, rate in enumerate(rates)]
        for rates in ((4.0, 2.0, 1.0), (1.0, 1.0, 10.0))
    )
    assert goals.by_round(over, under) == 2.0  # of 4, 2 and 0.1; of all pairs it would be 1


def test_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="there is no JPEG"):
        jpegs.real(str(tmp_path), tmp_path)


def test_two_precisions_take_turns(tiny_archive: Path, tmp_path: Path) -> None:
    models = dict.fromkeys(precision.PRECISIONS, tiny_archive.name)
    with TorchServe(models, tiny_archive.parent, free_ports(), tmp_path / "serve") as server:
        found = precision.measure(server, jpegs.real("", tmp_path), rounds=2, seconds=0.3)
    assert {clients: len(rows) for clients, rows in found.items()} == {1: 2, 16: 2}
    assert all(rate > 0 for rows in found.values() for row in rows for rate in row)
