"""The goals as ratios within one run, each met or missed."""

import statistics
from collections.abc import Sequence
from typing import Any

from handler.manifest import ONNX_PROGRAM
from scripts.bench.jpegs import AS_THEY_ARE
from scripts.bench.stock import NAME as STOCK

Sample = dict[str, Any]
LONE = "lone client"  # the two kinds of pairs: clients and an engine alone in neighbouring turns
BUSY = "busy"


def pick(samples: list[Sample], **values: object) -> list[Sample]:
    """Return the samples with these values."""
    return [sample for sample in samples if all(sample.get(key) == value for key, value in values.items())]


def median(samples: list[Sample], figure: str) -> float:
    """Return the median of a figure over samples."""
    return float(statistics.median(sample[figure] for sample in samples))


def by_round(over: list[Sample], under: list[Sample]) -> float:
    """Return the median of the ratio of images/s, each round compared with itself."""
    pairs = [(one, other) for one in over for other in under if one["round"] == other["round"]]
    return float(statistics.median(one["images_per_second"] / other["images_per_second"] for one, other in pairs))


def best_engine(samples: list[Sample]) -> tuple[str, int]:
    """Return the engine and batch size whose median rate is the highest."""
    turns = pick(samples, kind="engine")
    kinds = sorted({(sample["engine"], sample["batch"]) for sample in turns})
    return max(kinds, key=lambda kind: median(pick(turns, engine=kind[0], batch=kind[1]), "images_per_second"))


def not_inference(samples: list[Sample], busy: list[Sample]) -> float:
    """Return the share of the JVM's and the workers' CPU time that the network alone would not have needed.

    The network alone is `program.onnx` at the batch size nearest to what the service reached, in the same round.
    """
    alone = pick(samples, kind="engine", engine=ONNX_PROGRAM)
    reached = median(busy, "mean_batch")
    nearest = min({sample["batch"] for sample in alone}, key=lambda size: abs(size - reached))
    shares = [
        1 - one["cpu_ms_per_image"] / (sample["jvm_cpu_ms_per_image"] + sample["worker_cpu_ms_per_image"])
        for sample in busy
        for one in pick(alone, batch=nearest, round=sample["round"])
    ]
    return float(statistics.median(shares))


def lone_latencies(samples: list[Sample]) -> list[float]:
    """Return p50 of a lone client over its neighbouring turn, `program.onnx` at batch 1, and the stages, by pair."""
    ratios: list[float] = []
    for sample in pick(samples, kind=LONE):
        stages = pick(samples, kind="stages", image=AS_THEY_ARE, round=sample["round"])
        beside = sum(median(stages, f"{stage}_ms") for stage in ("decode", "transform", "normalize", "response"))
        ratios.append(1000 * statistics.median(sample["latencies"]) / (sample["alone_ms"] + beside))
    return ratios


def busy_clients(measured: Sequence[int]) -> int:
    """Return how many clients throughput is judged at: the largest measured number, up to 16."""
    return max(clients for clients in measured if clients <= 16)


def busy_rates(samples: list[Sample]) -> list[float]:
    """Return the images/s of busy clients over their neighbouring turn, the best engine alone, by pair."""
    return [one["images_per_second"] / one["alone_images_per_second"] for one in pick(samples, kind=BUSY)]


def judge(results: Sample) -> list[Sample]:
    """Return each goal: what it is, its value, its bound, whether it is met, and the middle half of its pairs."""
    samples, name = results["samples"], results["model"]["name"]
    clients = busy_clients(results["plan"]["clients"])
    busy = pick(samples, kind="closed loop", server=name, clients=clients)
    stock = pick(samples, kind="closed loop", server=STOCK, clients=clients)
    one = pick(samples, kind=BUSY)[0]
    best = f"the best engine alone ({one['engine']} at batch {one['batch']})"
    rows = [
        (f"throughput of {clients} clients, relative to {best}", busy_rates(samples), ">=", 0.95),
        (f"throughput of {clients} clients, relative to the stock handler", [by_round(busy, stock)], ">=", 1.5),
        (
            "p50 of one client, relative to the network at batch 1 and the other stages alone",
            lone_latencies(samples),
            "<=",
            1.08,
        ),
        ("share of CPU time outside the network", [not_inference(samples, busy)], "<=", 0.05),
    ]
    if results["cold_start_s"]:
        rows.append(("seconds to the first response", [statistics.median(results["cold_start_s"])], "<=", 6.0))
    return [_judged(goal, values, sign, bound) for goal, values, sign, bound in rows]


def _judged(goal: str, values: list[float], sign: str, bound: float) -> Sample:
    value = statistics.median(values)
    row: Sample = {"goal": goal, "value": round(value, 3), "bound": f"{sign} {bound:g}"}
    row["met"] = _holds(value, sign, bound)
    if len(values) > 1:
        lower, _, upper = statistics.quantiles(values, n=4, method="inclusive")
        row["middle_half"] = [round(lower, 3), round(upper, 3)]
    return row


def _holds(value: float, sign: str, bound: float) -> bool:
    return value >= bound if sign == ">=" else value <= bound
