"""Measures what the gateway costs: the same image to TorchServe directly and through the gateway, in turns, in one run.

The speed of a busy machine changes from minute to minute, so each turn is compared with its neighbour. Written to
build/gateway.json.
"""

import json
import statistics
from dataclasses import dataclass
from pathlib import Path

from scripts.common.example import example_image
from scripts.common.paths import BUILD
from scripts.common.progress import progress
from scripts.load.measurement import Measurement, measure_load


@dataclass(frozen=True)
class Plan:
    """Size of the measurement.

    Args:
        clients: of the closed loop.
        seconds: length of one turn.
        rounds: turns of each.
    """

    clients: int = 8
    seconds: float = 5.0
    rounds: int = 8


def measure(direct: str, gateway: str, image: Path, plan: Plan) -> dict[str, object]:
    """Measure both in turns, and return the medians and the cost.

    Args:
        direct: TorchServe's own prediction address.
        gateway: the gateway's.
        image: an image file.
        plan: how.

    Raises:
        CommandError: a request failed.
    """
    turns: dict[str, list[Measurement]] = {"direct": [], "gateway": []}
    urls = {"direct": direct, "gateway": gateway}
    for url in urls.values():
        measure_load(url, [image], clients=plan.clients, seconds=min(plan.seconds, 2.0))  # warms connections and caches
    with progress("gateway", plan.rounds) as advance:
        for index in range(plan.rounds):
            for name in list(urls)[:: 1 if index % 2 else -1]:  # alternates: a drift of the machine cancels out
                turns[name].append(measure_load(urls[name], [image], clients=plan.clients, seconds=plan.seconds))
            advance(index + 1)
    ratios = [there.rate / here.rate for here, there in zip(turns["direct"], turns["gateway"], strict=True)]
    return {
        "clients": plan.clients,
        "seconds_per_turn": plan.seconds,
        "rounds": plan.rounds,
        "image_bytes": image.stat().st_size,
        **{
            name: {
                "requests_per_second": round(statistics.median(turn.rate for turn in taken), 2),
                "p50_ms": round(statistics.median(turn.percentile(50) for turn in taken), 2),
            }
            for name, taken in turns.items()
        },
        "throughput_cost_percent": round((1 - statistics.median(ratios)) * 100, 2),
        "throughput_cost_percent_by_round": [round((1 - ratio) * 100, 2) for ratio in ratios],
    }


def run(direct: str, gateway: str, image: Path | None, plan: Plan) -> None:
    """Measure, write build/gateway.json and print it."""
    measured = measure(direct, gateway, image or example_image(), plan)
    BUILD.mkdir(exist_ok=True)
    (BUILD / "gateway.json").write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(measured, indent=1))
