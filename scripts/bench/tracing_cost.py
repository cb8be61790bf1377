"""Measures what following requests costs: a model without it, with the request log, and with traces too, in turns.

Three servers run at once, of which one has clients. Traces go to a collector of this process, which reads and forgets
them. Written to build/tracing.json.
"""

import json
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from handler.cpus import cpus
from handler.engines.cpu import cpu_name
from scripts.bench import jpegs, service
from scripts.build import archive
from scripts.common.http_server import serving
from scripts.common.paths import BUILD
from scripts.common.progress import progress
from scripts.common.signals import stopping_on_signals
from scripts.server.ports import Ports
from scripts.server.torchserve import TorchServe

PLAIN, LOG, TRACES = "nothing", "request_log", "request_log_and_traces"
BETWEEN_PORTS = 10
# What is compared: (with, without).
COSTS = {"request_log": (LOG, PLAIN), "traces": (TRACES, LOG), "both": (TRACES, PLAIN)}


@dataclass(frozen=True)
class Plan:
    """Size of the measurement.

    Args:
        sampled: share of the requests whose traces are recorded.
        clients: of each closed loop.
        rounds: turns of each server with each number of clients.
        seconds: length of a turn.
        warm_up: seconds before anything counts, for each server.
    """

    sampled: float = 0.1
    clients: tuple[int, ...] = (1, 16)
    rounds: int = 8
    seconds: float = 5.0
    warm_up: float = 10.0


class _Collector(BaseHTTPRequestHandler):
    """Takes what is exported, and forgets it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _environments(collector: str, sampled: float) -> dict[str, dict[str, str]]:
    traces = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": str(sampled),
    }
    off = {"OTEL_SDK_DISABLED": "true"}
    return {
        PLAIN: {"REQUEST_LOG": "off", **off},
        LOG: {"REQUEST_LOG": "on", **off},
        TRACES: {"REQUEST_LOG": "on", **traces},
    }


def _turns(servers: Mapping[str, service.Served], images: Sequence[Path], plan: Plan) -> list[dict[str, Any]]:
    """Take turns; their order alternates, so that a drift of the machine cancels out."""
    taken = []
    with progress("tracing", plan.rounds) as advance:
        for index in range(plan.rounds):
            for clients in plan.clients:
                for name in list(servers)[:: 1 if index % 2 else -1]:
                    sample = service.take_turn(servers[name], images, plan.seconds, clients)
                    cpu = sample["jvm_cpu_ms_per_image"] + sample["worker_cpu_ms_per_image"]
                    taken.append(
                        {"server": name, "clients": clients, "round": index, "cpu_ms_per_image": cpu}
                        | {"images_per_second": sample["images_per_second"]}
                    )
            advance(index + 1)
    return taken


def costs(turns: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Compare turns of the same round, and return what each part costs in percent: medians, and the middle half.

    Args:
        turns: each with server, clients, round, images_per_second and cpu_ms_per_image.
    """
    by_turn = {(turn["server"], turn["clients"], turn["round"]): turn for turn in turns}
    rounds, found = sorted({turn["round"] for turn in turns}), []
    for clients in sorted({turn["clients"] for turn in turns}):
        for part, (with_it, without) in COSTS.items():
            pairs = [(by_turn[with_it, clients, each], by_turn[without, clients, each]) for each in rounds]
            found.append(
                {"part": part, "clients": clients}
                | _percent("throughput", [1 - a["images_per_second"] / b["images_per_second"] for a, b in pairs])
                | _percent("cpu", [a["cpu_ms_per_image"] / b["cpu_ms_per_image"] - 1 for a, b in pairs])
            )
    return found


def _percent(name: str, shares: Sequence[float]) -> dict[str, Any]:
    quarters = statistics.quantiles(shares, n=4, method="inclusive") if len(shares) > 1 else [shares[0]] * 3
    low, median, high = (round(100 * quarter, 2) for quarter in quarters)
    return {f"{name}_percent": median, f"{name}_percent_middle_half": [low, high]}


def measure(packed: Path, images: Sequence[Path], ports: Sequence[Ports], folder: Path, plan: Plan) -> dict[str, Any]:
    """Serve an archive three times, measure, and return what build/tracing.json holds.

    Args:
        packed: the archive.
        images: JPEGs to send in turns.
        ports: of each of the servers.
        folder: for their files.
        plan: how much.

    Raises:
        CommandError: a port is taken, or a request failed.
    """
    with ExitStack() as stack:
        servers = {}
        environments = _environments(stack.enter_context(serving(_Collector)), plan.sampled)
        for own_ports, (name, environment) in zip(ports, environments.items(), strict=True):
            server = TorchServe({packed.stem: packed.name}, packed.parent, own_ports, folder / name, environment)
            servers[name] = service.Served(stack.enter_context(server), packed.stem)
        for served in servers.values():
            service.warm_up(served, images, plan.warm_up)
        turns = _turns(servers, images, plan)
        served_by = servers[PLAIN].serving()
    machine = {"model": packed.stem, "cpu": cpu_name(), "cpus": cpus(), "serving": served_by}
    return machine | {"plan": asdict(plan), "costs": costs(turns), "turns": turns}


def run(model: str, images: str, port: int, plan: Plan) -> None:
    """Pack the model, measure, write build/tracing.json and print the costs.

    Raises:
        CommandError: a port is taken, or a request failed.
    """
    packed = archive.ensure(model, "")
    BUILD.mkdir(exist_ok=True)
    ports = [Ports(port + number * BETWEEN_PORTS) for number in range(3)]
    with stopping_on_signals(), tempfile.TemporaryDirectory(prefix="tracing-", dir=BUILD) as folder:
        results = measure(packed, jpegs.real(images, Path(folder)), ports, Path(folder), plan)
    (BUILD / "tracing.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(table(results))


def table(results: Mapping[str, Any]) -> str:
    """Return the costs as text."""
    plan, serving = results["plan"], results["serving"]
    lines = [
        f"{results['model']} on {results['cpus']} CPUs ({results['cpu']})",
        f"served by {serving['engine']} in {serving['precision']}",
        f"medians of {plan['rounds']} rounds, and their middle half",
        f"{plan['sampled']:.0%} of the requests in traces",
        f"{'cost, %':<16}{'clients':>8}{'throughput':>12}{'':>18}{'CPU time':>12}",
    ]
    for cost in results["costs"]:
        halves = ["{:.2f} to {:.2f}".format(*cost[f"{name}_percent_middle_half"]) for name in ("throughput", "cpu")]
        lines.append(
            f"{cost['part'].replace('_', ' '):<16}{cost['clients']:>8}"
            f"{cost['throughput_percent']:>12.2f}{halves[0]:>18}{cost['cpu_percent']:>12.2f}{halves[1]:>18}"
        )
    return "\n".join(lines)
