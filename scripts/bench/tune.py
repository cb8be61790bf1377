"""Measures which workers, threads, batch size and delay serve this machine best, over HTTP on a real TorchServe.

Every candidate is the same archive with another model-config.yaml. All are registered on one server and measured in
turns, so that a machine that slows down or speeds up affects all of them alike: ratios are comparable, seconds are not.
"""

import json
import statistics
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from handler.cpus import cpus
from scripts.bench.variant import model_config, variant
from scripts.build import archive, workers
from scripts.common.example import example_image
from scripts.common.paths import BUILD
from scripts.common.progress import progress
from scripts.load.measurement import measure_load
from scripts.server.ports import Ports
from scripts.server.torchserve import TorchServe

CONCURRENCIES = (1, 16)  # clients of a turn


@dataclass(frozen=True)
class Candidate:
    """One setting of a model.

    Args:
        workers: worker processes.
        threads: CPU threads of each.
        batch: largest number of requests that a worker gets together.
        delay: ms that a lone request waits for company.
    """

    workers: int
    threads: int
    batch: int
    delay: int

    @property
    def name(self) -> str:
        """The served name of this candidate."""
        return f"w{self.workers}-t{self.threads}-b{self.batch}-d{self.delay}"

    def model_config(self) -> dict[str, str]:
        """Return the project's model-config.yaml with this candidate's values in it."""
        workers = {"minWorkers": self.workers, "maxWorkers": self.workers}
        return model_config({"threads": self.threads}, batchSize=self.batch, maxBatchDelay=self.delay, **workers)


def candidates(cores: int) -> list[Candidate]:
    """Return what is worth comparing on a machine: the shipped setting first, then one thing changed at a time."""
    shipped = workers.workers_for(cores)
    threads = cores // shipped
    return [
        Candidate(shipped, threads, 8, 1),
        Candidate(shipped, threads, 1, 1),
        Candidate(shipped, threads, 4, 1),
        Candidate(shipped, threads, 16, 1),
        Candidate(shipped, threads, 8, 20),
        Candidate(2 * shipped, max(1, threads // 2), 8, 1),
        Candidate(2 * shipped, threads, 8, 1),
        *([Candidate(1, cores, 8, 1)] if shipped > 1 else []),
    ]


def measure(server: TorchServe, chosen: list[Candidate], rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Measure every candidate at concurrency 1 and 16, in turns.

    Returns:
        A row a candidate: its values, and images_per_second and p50_ms at either concurrency (median of the rounds).
    """
    image = example_image()
    rates: dict[tuple[Candidate, int], list[float]] = {}
    latencies: dict[tuple[Candidate, int], list[float]] = {}
    turns = [
        (turn, concurrency, candidate)
        for turn in range(rounds)
        for concurrency in CONCURRENCIES
        for candidate in chosen[:: 1 if turn % 2 == 0 else -1]
    ]
    with progress("tune", len(turns)) as advance:
        for done, (turn, concurrency, candidate) in enumerate(turns, 1):
            url = f"{server.ports.url(server.ports.inference)}/predictions/{candidate.name}"
            load = measure_load(url, [image], clients=concurrency, seconds=seconds)
            rates.setdefault((candidate, concurrency), []).append(load.rate)
            latencies.setdefault((candidate, concurrency), []).extend(load.latencies)
            row = f"round {turn + 1}  {concurrency:2d} clients  {candidate.name}"
            advance(done, f"{row}  {load.rate:8.1f} images/s")
    return [
        asdict(candidate)
        | {
            f"{figure}_at_{concurrency}": value
            for concurrency in CONCURRENCIES
            for figure, value in (
                ("images_per_second", statistics.median(rates[candidate, concurrency])),
                ("p50_ms", 1000 * statistics.median(latencies[candidate, concurrency])),
            )
        }
        for candidate in chosen
    ]


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as text, each figure also as a ratio to the first row's."""
    lines = ["workers threads batch delay |  1 client: images/s     p50 ms | 16 clients: images/s     p50 ms"]
    for row in rows:
        cells = [
            f"{row[key]:8.1f} ({row[key] / rows[0][key]:.2f})"
            for key in ("images_per_second_at_1", "p50_ms_at_1", "images_per_second_at_16", "p50_ms_at_16")
        ]
        setting = f"{row['workers']:7d} {row['threads']:7d} {row['batch']:5d} {row['delay']:5d}"
        lines.append(f"{setting} | {cells[0]} {cells[1]} | {cells[2]} {cells[3]}")
    return "\n".join(lines)


def run(model: str, port: int, rounds: int, seconds: float) -> None:
    """Measure all candidates in turns, write build/tune.json and print the table."""
    packed = archive.ensure(model, "")
    chosen = candidates(cpus())
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tune-", dir=BUILD) as folder:
        models = {
            candidate.name: variant(packed, candidate.name, candidate.model_config(), Path(folder)).name
            for candidate in chosen
        }
        with TorchServe(models, Path(folder), Ports(port), Path(folder) / "serve") as server:
            rows = measure(server, chosen, rounds, seconds)
    (BUILD / "tune.json").write_text(json.dumps({"model": packed.stem, "settings": rows}, indent=1) + "\n")
    print(f"\n{packed.stem}, ratios to the first row in brackets\n{table(rows)}")
