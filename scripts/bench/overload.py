"""More requests than the server can take, with deadlines and without: how many responses come in time.

The load generator stamps `X-Request-Start` as the gateway does. It has a CPU of its own, in the closed loop and in the
open one: sending twice as much takes time that is not the server's. Prints a table and writes build/overload.json.
"""

import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from handler.engines.cpu import cpu_name
from scripts.bench import jpegs, service
from scripts.bench.placement import Placement, running_on
from scripts.build import archive
from scripts.common.errors import CommandError
from scripts.common.paths import BUILD
from scripts.common.progress import progress
from scripts.common.signals import stopping_on_signals
from scripts.load.load import Load, Request, Response
from scripts.load.measurement import measure_load
from scripts.server.ports import Ports
from scripts.server.torchserve import TorchServe

CLIENTS = 16  # of the closed loop, whose rate is the server's
WARM_UP = 10.0  # s before anything counts
SAYS = {"with_deadlines": True, "without_deadlines": False}


@dataclass(frozen=True)
class Plan:
    """Size of the measurement.

    Args:
        factor: how many times the server's rate is sent.
        deadline: seconds that each client waits.
        rounds: turns of each.
        seconds: length of a turn.
        settle: seconds before an open loop counts: the queue fills up.
    """

    factor: float = 2.0
    deadline: float = 1.0
    rounds: int = 5
    seconds: float = 10.0
    settle: float = 5.0


@dataclass(frozen=True)
class Turn:
    """What came of one open loop, once its queue was full.

    Args:
        sent: requests a second.
        in_time: responses 200 a second that came before their deadline.
        p50: seconds until a response 200 came.
        outcomes: how often each status came.
    """

    sent: float
    in_time: float
    p50: float
    outcomes: dict[str, int]


@dataclass
class Patience(Load):
    """Clients that say how long they wait, and when their request began, as the gateway does.

    Args:
        deadline: seconds that they wait; None for clients that do not say.
    """

    deadline: float | None = None

    def headers(self, request: Request) -> Mapping[str, str]:
        """Return the headers of a request that is sent now."""
        if self.deadline is None:
            return request.headers
        stamp = {"X-Request-Timeout": f"{self.deadline:.3f}", "X-Request-Start": f"t={time.time():.3f}"}
        return {**request.headers, **stamp}


def _any_response(_response: Response) -> None:
    """Accept each response: refusals are what is measured."""


def open_loop(url: str, images: Sequence[Path], rate: float, plan: Plan, *, says: bool) -> Turn:
    """Send requests at a rate, whatever comes back.

    Args:
        url: a prediction address.
        images: files to send in turns.
        rate: requests a second.
        plan: how long, and how long clients wait.
        says: whether clients say how long they wait.

    Raises:
        CommandError: no request succeeded.
    """
    requests = [Request(path.name, url, path.read_bytes(), check=_any_response) for path in images]
    with Patience(
        requests, rate=rate, seconds=plan.settle + plan.seconds, deadline=plan.deadline if says else None
    ) as load:
        load.wait()
    counted = [result for result in load.results if result.due >= load.began + plan.settle]
    latencies = [result.latency for result in counted if result.outcome == "200"]
    if not latencies:
        raise CommandError(f"no request in {plan.seconds} s succeeded: see the server's log")
    return Turn(
        sent=len(counted) / plan.seconds,
        in_time=sum(latency <= plan.deadline for latency in latencies) / plan.seconds,
        p50=statistics.median(latencies),
        outcomes=dict(Counter(result.outcome for result in counted)),
    )


def one_round(url: str, images: Sequence[Path], plan: Plan) -> dict[str, Any]:
    """Measure clients with deadlines and without, and return the figures.

    The server's own rate, to which they are compared, is measured before and after each of the two: a shared machine
    slows down and speeds up.
    """

    def closed_loop() -> float:
        return measure_load(url, images, clients=CLIENTS, seconds=plan.seconds).rate

    rates = [closed_loop()]
    figures: dict[str, Any] = {}
    for name, says in SAYS.items():
        turn = open_loop(url, images, plan.factor * rates[-1], plan, says=says)
        rates.append(closed_loop())
        figures[name] = asdict(turn) | {"share": turn.in_time / statistics.mean(rates[-2:])}
    return {"images_per_second": statistics.mean(rates), **figures}


def summary(rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the medians over all rounds."""
    figures = ("sent", "in_time", "p50", "share")
    return {
        "images_per_second": statistics.median(each["images_per_second"] for each in rounds),
        **{name: {key: statistics.median(each[name][key] for each in rounds) for key in figures} for name in SAYS},
    }


def table(results: Mapping[str, Any]) -> str:
    """Return the results as text."""
    plan, serving = results["plan"], results["serving"]
    lines = [
        f"{results['model']}, CPUs of the server: {results['cpus']} ({results['cpu']}); {results['placement']}",
        f"served by {serving['engine']} in {serving['precision']}, medians of {plan['rounds']} rounds",
        f"{CLIENTS} clients, each after its last response: {results['images_per_second']:.1f} images/s",
        f"{plan['factor']:g} times as many, from clients that wait {plan['deadline']:g} s:",
        f"{'':<20}{'sent/s':>10}{'in time/s':>12}{'share':>9}{'p50 of 200, s':>16}",
    ]
    for name in SAYS:
        sent, in_time, share, p50 = (results[name][key] for key in ("sent", "in_time", "share", "p50"))
        lines.append(f"{name.replace('_', ' '):<20}{sent:10.1f}{in_time:12.1f}{share:9.0%}{p50:16.2f}")
    return "\n".join(lines)


def run(model: str, images: str, port: int, plan: Plan) -> None:
    """Serve the model, measure it, write build/overload.json and print the table.

    Raises:
        CommandError: a request of the closed loop failed.
    """
    ports = Ports(port)
    ports.require_free()
    packed = archive.ensure(model, "")
    BUILD.mkdir(exist_ok=True)
    placement = Placement.of_this_machine()
    with stopping_on_signals(), tempfile.TemporaryDirectory(prefix="overload-", dir=BUILD) as folder:
        real = jpegs.real(images, Path(folder))
        with (
            running_on(placement.server),
            TorchServe({packed.stem: packed.name}, ports=ports, run_directory=Path(folder) / "serve") as server,
            running_on(placement.generator),
        ):
            served = service.Served(server, packed.stem)
            service.warm_up(served, real, WARM_UP)
            rounds = []
            with progress("overload", plan.rounds) as advance:
                for done in range(1, plan.rounds + 1):
                    rounds.append(one_round(served.url, real, plan))
                    advance(done)
            serving = served.serving()
    results = summary(rounds) | {
        "model": packed.stem,
        "cpu": cpu_name(),
        "cpus": len(placement.server),
        "placement": str(placement),
        "serving": serving,
        "plan": asdict(plan),
        "rounds": rounds,
    }
    (BUILD / "overload.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(table(results))
