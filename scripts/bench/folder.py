"""`predict FOLDER` against the benchmark's own clients: the same images to the same server, in turns.

Each turn of a round follows the other's, because the speed of a busy machine changes from minute to minute. `predict`
runs in a process of its own, and its rate is the one that it prints. Written to build/folder.json.
"""

import json
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from handler.cpus import cpus
from handler.engines.cpu import cpu_name
from scripts.bench import jpegs, service
from scripts.build import archive
from scripts.common.errors import CommandError
from scripts.common.paths import BUILD, PROJECT
from scripts.common.progress import progress
from scripts.common.signals import stopping_on_signals
from scripts.load.measurement import measure_load
from scripts.server.ports import Ports
from scripts.server.torchserve import TorchServe

CLIENTS = 16  # of both; what `predict` has by itself


@dataclass(frozen=True)
class Plan:
    """Size of the measurement.

    Args:
        rounds: turns of each.
        seconds: length of a turn.
        warm_up: seconds before anything counts.
    """

    rounds: int = 8
    seconds: float = 10.0
    warm_up: float = 10.0


def measure(served: service.Served, images: Sequence[Path], folder: Path, plan: Plan) -> dict[str, Any]:
    """Take turns, and return the rates and their ratios.

    Args:
        served: a running server.
        images: JPEGs to send in turns.
        folder: for links to them, and for tables.
        plan: how much.

    Raises:
        CommandError: a request failed.
    """

    def clients() -> float:
        return measure_load(served.url, images, seconds=plan.seconds, clients=CLIENTS).rate

    def predict() -> float:
        return _predict(served, photos, count, folder)

    service.warm_up(served, images, plan.warm_up)
    count = max(CLIENTS, round(clients() * plan.seconds))
    photos = _linked(images, count, folder / "photos")
    turns: dict[str, Callable[[], float]] = {"clients": clients, "predict": predict}
    rounds: list[dict[str, float]] = []
    with progress("folder", plan.rounds) as advance:
        for index in range(plan.rounds):
            order = list(turns)[:: 1 if index % 2 else -1]  # alternates: a drift of the machine cancels out
            rates = {name: turns[name]() for name in order}
            rounds.append(rates | {"ratio": rates["predict"] / rates["clients"]})
            advance(index + 1)
    return {"images": count, "rounds": rounds}


def _linked(images: Sequence[Path], count: int, folder: Path) -> Path:
    """Make a folder of so many images in turns, and return it."""
    folder.mkdir()
    for index in range(count):
        (folder / f"{index:06}.jpg").symlink_to(images[index % len(images)].absolute())
    return folder


def _predict(served: service.Served, photos: Path, count: int, folder: Path) -> float:
    """Classify a folder, and return the images per second that the command prints."""
    table = folder / "table.csv"
    table.unlink(missing_ok=True)
    url = served.server.ports.url(served.server.ports.inference)
    command = [*(sys.executable, "-m", "scripts", "predict"), *("--name", served.name, str(photos))]
    command += [*("--to", str(table)), *("--url", url), *("--clients", str(CLIENTS))]
    printed = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT).stderr
    found = re.search(rf"^{count:,} of {count:,} images succeeded, ([0-9.]+) images/s", printed, re.MULTILINE)
    if not found:
        raise CommandError(f"predict did not classify {count} images: {printed.strip()}")
    return float(found[1])


def summary(rounds: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Return the medians over the rounds, and the middle half of the ratios."""
    ratios = [each["ratio"] for each in rounds]
    quarters = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    return {
        "clients_images_per_second": statistics.median(each["clients"] for each in rounds),
        "predict_images_per_second": statistics.median(each["predict"] for each in rounds),
        "ratio": quarters[1],
        "middle_half": [quarters[0], quarters[2]],
    }


def run(model: str, images: str, port: int, plan: Plan) -> None:
    """Serve the model, measure it, write build/folder.json and print the ratio.

    Raises:
        CommandError: a port is taken, or a request failed.
    """
    ports = Ports(port)
    ports.require_free()
    packed = archive.ensure(model, "")
    BUILD.mkdir(exist_ok=True)
    with stopping_on_signals(), tempfile.TemporaryDirectory(prefix="folder-", dir=BUILD) as name:
        folder = Path(name)
        with TorchServe({packed.stem: packed.name}, ports=ports, run_directory=folder / "serve") as server:
            served = service.Served(server, packed.stem)
            found = measure(served, jpegs.real(images, folder), folder, plan)
            serving = served.serving()
    machine = {"model": packed.stem, "cpu": cpu_name(), "cpus": cpus(), "serving": serving, "plan": asdict(plan)}
    results = machine | summary(found["rounds"]) | found
    (BUILD / "folder.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print("\n".join(lines(results)))


def lines(results: Mapping[str, Any]) -> list[str]:
    """Return the results as text."""
    serving, (low, high) = results["serving"], results["middle_half"]
    return [
        f"{results['model']} on {results['cpus']} CPUs ({results['cpu']})",
        f"served by {serving['engine']} in {serving['precision']}",
        f"{CLIENTS} clients {results['clients_images_per_second']:.1f} images/s, "
        f"predict of {results['images']} images {results['predict_images_per_second']:.1f} images/s",
        f"predict has {results['ratio']:.3f} of the clients' rate ({low:.3f} to {high:.3f}), "
        f"medians of {results['plan']['rounds']} rounds and their middle half",
    ]
