"""8 bits against float32 over HTTP: both archives on one TorchServe, measured in turns.

`python -m scripts bench precision --model <directory> --calibration <folder of images>` prints images/s of each and
their ratio, and what the build measured of the predictions.
"""

import statistics
import tempfile
from pathlib import Path

from scripts.archives import describe
from scripts.archives.reading import read_manifest
from scripts.bench import jpegs, service
from scripts.build import archive
from scripts.build.precision import PackedPrecision, Precision
from scripts.common.paths import BUILD
from scripts.common.progress import progress
from scripts.common.signals import stopping_on_signals
from scripts.server.ports import Ports
from scripts.server.torchserve import TorchServe

CLIENTS = (1, 16)
PRECISIONS: tuple[PackedPrecision, ...] = ("float32", "int8")


def measure(server: TorchServe, real: list[Path], rounds: int, seconds: float) -> dict[int, list[tuple[float, float]]]:
    """Return images/s of both precisions in each round, for each number of clients."""
    served = [service.Served(server, name) for name in PRECISIONS]
    service.warm_up(served[-1], real, seconds)
    found: dict[int, list[tuple[float, float]]] = {clients: [] for clients in CLIENTS}
    with progress("precision", rounds) as advance:
        for index in range(rounds):
            for clients, rows in found.items():
                turns = [
                    service.take_turn(one, real, seconds, clients) for one in served[:: 1 if index % 2 == 0 else -1]
                ]
                rates = {turn["server"]: float(turn["images_per_second"]) for turn in turns}
                rows.append((rates["float32"], rates["int8"]))
            advance(index + 1)
    return found


def run(model: str, calibration: str, images: str, port: int, rounds: int, seconds: float) -> None:  # noqa: PLR0913, PLR0917 - the command's options
    """Pack both precisions, measure them in turns and print the ratios."""
    ports = Ports(port)
    ports.require_free()  # said at once
    BUILD.mkdir(exist_ok=True)
    with stopping_on_signals(), tempfile.TemporaryDirectory(prefix="precision-", dir=BUILD) as folder:
        store = Path(folder) / "store"
        archives = {
            name: archive.ensure(
                model, name, store=store, precision=Precision(name, calibration, 0.0), in_subprocess=True
            )
            for name in PRECISIONS
        }
        real = jpegs.real(images, Path(folder))
        models: dict[str, str] = {name: path.name for name, path in archives.items()}
        with TorchServe(models, store, ports, Path(folder) / "serve") as server:
            found = measure(server, real, rounds, seconds)
        measured = read_manifest(archives["int8"]).agreement
    for clients, rows in found.items():
        exact, rounded = (statistics.median(column) for column in zip(*rows, strict=True))
        ratio = statistics.median(after / before for before, after in rows)
        print(f"{clients:2d} clients: float32 {exact:.1f} images/s, int8 {rounded:.1f}, ratio {ratio:.2f}")
    for one in measured:
        print(f"{one.engine}: {describe.agreement(one)}")
