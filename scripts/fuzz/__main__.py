"""Fuzzes a server: one that it starts itself, or the one that --url names; exit status 1 if a promise is broken.

A good photo's answer stays the same, nothing is answered 5xx or not at all, and no worker ends. Writes build/fuzz.json,
and each request that broke a promise to build/fuzz/, from where `nc` can send it again.
"""

import argparse
import json
import os
import random
import shutil

import psutil

from scripts import archive
from scripts.failure import Failure, run
from scripts.fuzz.attack import Attack, Report
from scripts.fuzz.corpus import Corpus
from scripts.management import Management
from scripts.paths import BUILD
from scripts.ports import Ports
from scripts.stopping import stopping_on_signals
from scripts.torchserve import TorchServe

REQUESTS = 2500
GOOD_PHOTOS = 12


def local(server: TorchServe, model: str) -> Attack:
    """Return the attack on a server of our own, whose processes can be watched."""
    worker_of = Workers(server.management, model)

    def memory() -> dict[str, float]:
        pids = {"front end": server.process.pid} | {f"worker {pid}": pid for pid in worker_of()}
        return {name: size for name, pid in pids.items() if (size := megabytes(pid))}

    return Attack(server.ports.url(server.ports.inference), model, worker_of, memory, front_end=True)


class Workers:
    """Names the processes of a model's workers; those seen last while the management API does not answer."""

    def __init__(self, management: Management, model: str) -> None:
        self._management, self._model = management, model
        self._last: frozenset[int] = frozenset()

    def __call__(self) -> frozenset[int]:
        """Return their process ids."""
        try:
            versions = self._management.describe(self._model, "all")
        except Failure:
            return self._last
        self._last = frozenset(worker["pid"] for one in versions for worker in one["workers"] if worker["pid"] > 0)
        return self._last


def megabytes(pid: int) -> float:
    """Return the memory that a process holds in MB, 0 if it is gone."""
    try:
        return float(psutil.Process(pid).memory_info().rss) / 1e6
    except psutil.NoSuchProcess:
        return 0.0


def fuzz(attack: Attack, requests: int, seed: int) -> Report:
    """Send this many malformed requests, drawn from this seed."""
    corpus = Corpus(attack.model, seed)
    photos = random.Random(seed).sample(list(corpus.photos.values()), GOOD_PHOTOS)  # noqa: S311 - the same every time
    return attack.run(corpus.draw(requests), photos)


def table(report: Report) -> str:
    """Return the figures as a person reads them."""
    kinds = sorted(report.statuses)
    columns = sorted({status // 100 for counts in report.statuses.values() for status in counts})
    heads = ["none" if column == 0 else f"{column}xx" for column in columns]
    lines = [f"{'kind':36}{'requests':>9}" + "".join(f"{head:>7}" for head in heads)]
    for kind in kinds:
        counts = report.statuses[kind]
        cells = [sum(n for status, n in counts.items() if status // 100 == column) for column in columns]
        lines.append(f"{kind:36}{counts.total():9}" + "".join(f"{cell or '':>7}" for cell in cells))
    total = sum(counts.total() for counts in report.statuses.values())
    lines += [
        "",
        f"malformed requests                  {total:9}",
        f"answered 5xx                        {len(report.server_errors):9}",
        f"without an answer                   {len(report.unanswered):9}",
        f"500 by TorchServe's own front end   {report.front_end_errors:9}   (allowed without the gateway alone)",
        f"good requests between them          {report.good:9}",
        f"good requests harmed                {len(report.harmed):9}",
        f"workers dead                        {report.deaths:9}",
    ]
    for name, (before, most, after) in report.memory.items():
        lines.append(f"memory of {name:26}{before:6.0f} MB before, {most:.0f} at most, {after:.0f} after")
    return "\n".join(lines)


def write(report: Report, seed: int) -> None:
    """Write build/fuzz.json, and the requests that broke a promise."""
    folder = BUILD / "fuzz"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    guilty = [*report.server_errors, *((request, "no answer") for request in report.unanswered)]
    for index, (request, answer) in enumerate(guilty):
        (folder / f"{index}.http").write_bytes(request.data)
        (folder / f"{index}.answer").write_text(f"{request.kind}: {answer}\n", encoding="utf-8")
    document = {
        "seed": seed,
        "requests": sum(counts.total() for counts in report.statuses.values()),
        "statuses": {kind: dict(sorted(counts.items())) for kind, counts in sorted(report.statuses.items())},
        "server_errors": len(report.server_errors),
        "unanswered": len(report.unanswered),
        "front_end_errors": report.front_end_errors,
        "good": report.good,
        "harmed": report.harmed,
        "worker_deaths": report.deaths,
        "memory_mb": {name: [round(size) for size in sizes] for name, sizes in report.memory.items()},
    }
    (BUILD / "fuzz.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m scripts.fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=REQUESTS, help="(default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(default %(default)s)")
    parser.add_argument("--url", default="", help="another server, such as the gateway's http://127.0.0.1:8080")
    parser.add_argument("--management", default="", help="its management API; the token comes from MANAGEMENT_TOKEN")
    parser.add_argument("--model", default="", help="a local Hugging Face model directory")
    parser.add_argument("--name", default="", help="the served name")
    parser.add_argument("--port", type=int, default=8080, help="of the server that is started here")
    given = parser.parse_args()
    if given.url and (not given.url.startswith("http://") or not given.name):
        raise Failure("with --url give an http:// address and the model's --name: what is sent goes as it is")
    if given.url:
        management = Management(given.management.rstrip("/"), os.environ.get("MANAGEMENT_TOKEN", ""))
        watched = Workers(management, given.name) if given.management else None
        report = fuzz(Attack(given.url, given.name, watched), given.requests, given.seed)
    else:
        Ports(given.port).require_free()  # said at once, and not after a build of half a minute
        packed = archive.ensure(given.model, given.name)
        models = {packed.stem: packed.name}
        print(f"starting TorchServe with {packed.name}", flush=True)
        with (
            stopping_on_signals(),
            TorchServe(models, ports=Ports(given.port), run_directory=BUILD / "fuzz-serve") as server,
        ):
            report = fuzz(local(server, packed.stem), given.requests, given.seed)
    write(report, given.seed)
    print(table(report))
    if broken := report.broken():
        raise Failure(f"{', '.join(broken)}: see build/fuzz.json and build/fuzz/")


if __name__ == "__main__":
    run(main)
