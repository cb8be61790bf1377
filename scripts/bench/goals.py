"""The goals as ratios within one run, each met or missed."""

import statistics
from collections.abc import Sequence
from typing import Any

from scripts.bench.jpegs import AS_THEY_ARE
from scripts.bench.stock import NAME as STOCK

Sample = dict[str, Any]
BUSY = "busy"  # the kind of pairs: clients and an engine alone in neighbouring turns
FLOAT32 = "{name}-float32"  # the model served with `precision: float32`
FLOAT32_PEER = "FastAPI + ONNX Runtime"


def pick(samples: list[Sample], **values: object) -> list[Sample]:
    """Return the samples with these values."""
    return [sample for sample in samples if all(sample.get(key) == value for key, value in values.items())]


def median(samples: list[Sample], figure: str) -> float:
    """Return the median of a figure over samples."""
    return float(statistics.median(sample[figure] for sample in samples))


def by_round(over: list[Sample], under: list[Sample]) -> list[float]:
    """Return the ratios of images/s, each round compared with itself."""
    pairs = [(one, other) for one in over for other in under if one["round"] == other["round"]]
    return [one["images_per_second"] / other["images_per_second"] for one, other in pairs]


def best_engine(samples: list[Sample]) -> tuple[str, int]:
    """Return the engine and batch size whose median rate is the highest."""
    turns = pick(samples, kind="engine")
    kinds = sorted({(sample["engine"], sample["batch"]) for sample in turns})
    return max(kinds, key=lambda kind: median(pick(turns, engine=kind[0], batch=kind[1]), "images_per_second"))


def best_peer(samples: list[Sample], peers: Sequence[str], clients: int) -> str:
    """Return the peer whose median rate is the highest."""
    turns = pick(samples, kind="closed loop", clients=clients)
    return max(peers, key=lambda peer: median(pick(turns, server=peer), "images_per_second"))


def busy_clients(measured: Sequence[int]) -> int:
    """Return how many clients throughput is judged at: the largest measured number, up to 16."""
    return max(clients for clients in measured if clients <= 16)


def of_all_cores(samples: list[Sample], cores: int) -> list[float]:
    """Return the images/s of busy clients over what the cores could compute if they did nothing else, by pair.

    That is decoding and transforming an image as in the same round, and the CPU time of the best engine alone in the
    neighbouring turn.
    """
    ratios = []
    for sample in pick(samples, kind=BUSY):
        stages = pick(samples, kind="stages", image=AS_THEY_ARE, round=sample["round"])
        beside = sum(median(stages, f"{stage}_ms") for stage in ("decode", "transform"))
        limit = 1000 * cores / (sample["alone_cpu_ms_per_image"] + beside)
        ratios.append(sample["images_per_second"] / limit)
    return ratios


def judge(results: Sample) -> list[Sample]:
    """Return each goal: what it is, its value, its bound, whether it is met, and the middle half of its ratios."""
    samples, name, machine = results["samples"], results["model"]["name"], results["machine"]
    clients = busy_clients(results["plan"]["clients"])

    def turns(server: str, of_clients: int = clients) -> list[Sample]:
        return pick(samples, kind="closed loop", server=server, clients=of_clients)

    def over_best_peer(of_clients: int) -> tuple[str, list[float]]:
        peer = best_peer(samples, results["peers"], of_clients)
        return peer, by_round(turns(name, of_clients), turns(peer, of_clients))

    amx = machine["amx"]
    busy_peer, busy = over_best_peer(clients)
    lone_peer, lone = over_best_peer(1)
    one = pick(samples, kind=BUSY)[0]
    float32 = by_round(turns(FLOAT32.format(name=name)), turns(FLOAT32_PEER))
    rows = [
        (f"throughput of {clients} clients, relative to {busy_peer}", busy, ">=", 1.25 if amx else 1.15),
        (f"throughput of one client, relative to {lone_peer}", lone, ">=", 1.2 if amx else 1.0),
        (
            f"throughput of {clients} clients, relative to the CPU time of {one['engine']} at batch {one['batch']}, "
            "decode and transform on all cores",
            of_all_cores(samples, machine["cpus"]),
            ">=",
            0.9 if amx else 0.95,
        ),
        (
            f"throughput of {clients} clients in float32, relative to {FLOAT32_PEER}",
            float32,
            ">=",
            1.2 if amx else 1.15,
        ),
        (
            f"throughput of {clients} clients, relative to the stock handler",
            by_round(turns(name), turns(STOCK)),
            ">=",
            1.5,
        ),
        ("MB of memory after the load (JVM and worker)", [sum(results["memory"][name].values())], "<=", 700.0),
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
