"""8 bits against float32 over HTTP: both archives on one TorchServe, asked in turns.

`python -m scripts.bench.precision --model <directory> --calibration <folder of photos>` prints images/s of each and
their ratio, and what the build measured of the answers.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from scripts import archive, describing
from scripts.bench import photos, service
from scripts.failure import Failure, run
from scripts.paths import BUILD
from scripts.ports import Ports
from scripts.precision import Precision
from scripts.stopping import stopping_on_signals
from scripts.torchserve import TorchServe

CLIENTS = (1, 16)
PRECISIONS = ("float32", "int8")


def measure(server: TorchServe, real: list[Path], rounds: int, seconds: float) -> dict[int, list[tuple[float, float]]]:
    """Return images/s of both precisions in each round, for each number of clients."""
    served = [service.Served(server, name) for name in PRECISIONS]
    service.warm_up(served[-1], real, seconds)
    found: dict[int, list[tuple[float, float]]] = {clients: [] for clients in CLIENTS}
    for index in range(rounds):
        for clients, rows in found.items():
            order = served if index % 2 == 0 else served[::-1]
            rates = {
                one.name: float(service.take_turn(one, real, seconds, clients)["images_per_second"]) for one in order
            }
            rows.append((rates["float32"], rates["int8"]))
    return found


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.precision", description=__doc__)
    parser.add_argument("--model", default="", help="a local Hugging Face model directory")
    parser.add_argument(
        "--calibration", default="", help="a folder of photos (default: some that packages bring along)"
    )
    parser.add_argument("--photos", default="", help="a folder of JPEGs to send (default: one that is always at hand)")
    parser.add_argument("--rounds", type=int, default=6, help="(default %(default)s)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each turn (default %(default).0f)")
    parser.add_argument("--port", type=int, default=8080)
    given = parser.parse_args()
    ports = Ports(given.port)
    ports.require_free()  # said at once
    BUILD.mkdir(exist_ok=True)
    with stopping_on_signals(), tempfile.TemporaryDirectory(prefix="precision-", dir=BUILD) as folder:
        store = Path(folder) / "store"
        archives = {
            name: archive.ensure(
                given.model, name, store=store, precision=Precision(name, given.calibration, 0.0), apart=True
            )
            for name in PRECISIONS
        }
        real = photos.real(given.photos, Path(folder))
        models = {name: path.name for name, path in archives.items()}
        with TorchServe(models, store, ports, Path(folder) / "serve") as server:
            found = measure(server, real, given.rounds, given.seconds)
        measured = archive.read_manifest(archives["int8"]).quantisation
    if measured is None:
        raise Failure("the archive was not packed in 8 bits: report this")
    for clients, rows in found.items():
        exact, rounded = (statistics.median(column) for column in zip(*rows, strict=True))
        ratio = statistics.median(after / before for before, after in rows)
        print(f"{clients:2d} clients: float32 {exact:.1f} images/s, int8 {rounded:.1f}, ratio {ratio:.2f}")
    print(describing.quantisation(measured))


if __name__ == "__main__":
    run(main)
