"""Measures what the gateway costs: the same photo to TorchServe alone and through the gateway, in turns, in one run.

Turns, because a busy machine changes from minute to minute: each pair of turns is compared with itself. Written to
build/gateway.json.
"""

import argparse
import json
import statistics
from dataclasses import dataclass
from pathlib import Path

from scripts.demo import default_photo
from scripts.failure import run
from scripts.load import Load, send
from scripts.paths import BUILD


@dataclass(frozen=True)
class Plan:
    """How to measure.

    Args:
        clients: how many ask at once.
        seconds: length of one turn.
        rounds: turns of each.
    """

    clients: int = 8
    seconds: float = 5.0
    rounds: int = 8


def measure(direct: str, gateway: str, photo: Path, plan: Plan) -> dict[str, object]:
    """Measure both in turns, and return the medians and the cost.

    Args:
        direct: TorchServe's own prediction address.
        gateway: the gateway's.
        photo: the image.
        plan: how.

    Raises:
        Failure: an answer other than 200, or none.
    """
    turns: dict[str, list[Load]] = {"direct": [], "gateway": []}
    urls = {"direct": direct, "gateway": gateway}
    for url in urls.values():
        send(url, [photo], clients=plan.clients, seconds=min(plan.seconds, 2.0))  # warms connections and caches
    for index in range(plan.rounds):
        for name in list(urls)[:: 1 if index % 2 else -1]:  # who begins changes, so that a drift favours nobody
            turns[name].append(send(urls[name], [photo], clients=plan.clients, seconds=plan.seconds))
    ratios = [there.rate / here.rate for here, there in zip(turns["direct"], turns["gateway"], strict=True)]
    return {
        "clients": plan.clients,
        "seconds_a_turn": plan.seconds,
        "rounds": plan.rounds,
        "photo_bytes": photo.stat().st_size,
        **{
            name: {
                "requests_per_second": round(statistics.median(turn.rate for turn in taken), 2),
                "p50_ms": round(statistics.median(turn.percentile(50) for turn in taken), 2),
            }
            for name, taken in turns.items()
        },
        "throughput_cost_percent": round((1 - statistics.median(ratios)) * 100, 2),
        "throughput_cost_percent_of_each_round": [round((1 - ratio) * 100, 2) for ratio in ratios],
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m scripts.gateway_cost", description=__doc__)
    parser.add_argument(
        "direct", help="TorchServe's own prediction address, such as http://172.18.0.2:8080/predictions/x"
    )
    parser.add_argument("gateway", help="the gateway's, such as http://172.18.0.3:8080/predictions/x")
    parser.add_argument("--photo", type=Path, default=None, help="(default: one that is always at hand)")
    parser.add_argument("--clients", type=int, default=Plan.clients, help="(default %(default)s)")
    parser.add_argument("--seconds", type=float, default=Plan.seconds, help="of one turn (default %(default).0f)")
    parser.add_argument("--rounds", type=int, default=Plan.rounds, help="turns of each (default %(default)s)")
    given = parser.parse_args()
    photo = given.photo or default_photo()
    measured = measure(given.direct, given.gateway, photo, Plan(given.clients, given.seconds, given.rounds))
    BUILD.mkdir(exist_ok=True)
    (BUILD / "gateway.json").write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(measured, indent=1))


if __name__ == "__main__":
    run(main)
