"""Fuzzes a server: one that it starts itself, or the one that --url names; exit status 1 if a promise is broken.

A good photo's answer stays the same, nothing is answered 5xx or not at all, and no worker ends. Writes build/fuzz.json,
and each request that broke a promise to build/fuzz/, from where `nc` can send it again.
"""

import json
import random
import shutil

import psutil

from scripts.build import archive
from scripts.client.management import Management
from scripts.common.errors import CommandError
from scripts.common.paths import BUILD
from scripts.common.signals import stopping_on_signals
from scripts.fuzz.attack import Attack, Report
from scripts.fuzz.corpus import Corpus
from scripts.server.ports import Ports
from scripts.server.torchserve import TorchServe

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
            versions = self._management.versions(self._model)
        except CommandError:
            return self._last
        self._last = frozenset(pid for version in versions for pid in version.pids)
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


def attack_running(url: str, name: str, management: Management | None, requests: int, seed: int) -> Report:
    """Attack a server that runs already, such as the gateway.

    Raises:
        CommandError: the address or the model's name is missing.
    """
    if not url.startswith("http://") or not name:
        raise CommandError("with --url give an http:// address and the model's --name: what is sent goes as it is")
    return fuzz(Attack(url, name, Workers(management, name) if management else None), requests, seed)


def attack_own(model: str, name: str, port: int, requests: int, seed: int) -> Report:
    """Start a server, attack it and stop it."""
    ports = Ports(port)
    ports.require_free()  # before a build of half a minute
    packed = archive.ensure(model, name)
    print(f"starting TorchServe with {packed.name}", flush=True)
    models, folder = {packed.stem: packed.name}, BUILD / "fuzz-serve"
    with stopping_on_signals(), TorchServe(models, ports=ports, run_directory=folder) as server:
        return fuzz(local(server, packed.stem), requests, seed)


def conclude(report: Report, seed: int) -> None:
    """Write build/fuzz.json and print the table.

    Raises:
        CommandError: a promise is broken.
    """
    write(report, seed)
    print(table(report))
    if broken := report.broken():
        raise CommandError(f"{', '.join(broken)}: see build/fuzz.json and build/fuzz/")
