"""Fuzzes a server: its own, or the one at --url. The exit status is 1 if a check fails.

Valid requests keep their predictions, each request gets a response below 500, and no worker ends. Writes
build/fuzz.json, and each request that failed a check to build/fuzz/, from where `nc` can send it again.
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
from scripts.container.rpc.server import beside
from scripts.fuzz import calls
from scripts.fuzz.attack import Attack, Report
from scripts.fuzz.corpus import Corpus
from scripts.fuzz.images import valid_images
from scripts.server.ports import Ports
from scripts.server.torchserve import TorchServe

VALID_IMAGES = 12
HTTP_FOR_EACH_CALL = 5  # requests over HTTP for each call over gRPC


def local(server: TorchServe, model: str) -> Attack:
    """Return the attack on a server of this process, whose processes can be watched."""
    worker_of = Workers(server.management, model)

    def memory() -> dict[str, float]:
        pids = {"frontend": server.process.pid} | {f"worker {pid}": pid for pid in worker_of()}
        return {name: size for name, pid in pids.items() if (size := megabytes(pid))}

    return Attack(server.ports.url(server.ports.inference), model, worker_of, memory, frontend=True)


class Workers:
    """Returns the processes of a model's workers: the last known ones while the management API does not respond."""

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
    valid = random.Random(seed).sample(list(corpus.valid_images.values()), VALID_IMAGES)  # noqa: S311 - the same every time
    return attack.run(corpus.draw(requests), valid)


def table(report: Report) -> str:
    """Return the figures as text."""
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
        f"responses 5xx                       {len(report.server_errors):9}",
        f"without a response                  {len(report.no_response):9}",
        f"500 by TorchServe's frontend       {report.frontend_errors:9}   (allowed only without the gateway)",
        f"valid requests between them         {report.valid:9}",
        f"valid requests affected             {len(report.affected):9}",
        f"workers dead                        {report.deaths:9}",
    ]
    for name, (before, peak, after) in report.memory.items():
        lines.append(f"memory of {name:26}{before:6.0f} MB before, {peak:.0f} at most, {after:.0f} after")
    return "\n".join(lines)


def write(report: Report, seed: int) -> None:
    """Write build/fuzz.json, and the requests that failed a check."""
    folder = BUILD / "fuzz"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    failed = [*report.server_errors, *((request, "no response") for request in report.no_response)]
    for index, (request, response) in enumerate(failed):
        (folder / f"{index}.http").write_bytes(request.data)
        (folder / f"{index}.response").write_text(f"{request.kind}: {response}\n", encoding="utf-8")
    document = {
        "seed": seed,
        "requests": sum(counts.total() for counts in report.statuses.values()),
        "statuses": {kind: dict(sorted(counts.items())) for kind, counts in sorted(report.statuses.items())},
        "server_errors": len(report.server_errors),
        "no_response": len(report.no_response),
        "frontend_errors": report.frontend_errors,
        "valid": report.valid,
        "affected": report.affected,
        "worker_deaths": report.deaths,
        "memory_mb": {name: [round(size) for size in sizes] for name, sizes in report.memory.items()},
    }
    (BUILD / "fuzz.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def attack_running(url: str, name: str, management: Management | None, requests: int, seed: int) -> Report:
    """Attack a running server, such as the gateway.

    Raises:
        CommandError: the address or the model's name is missing.
    """
    if not url.startswith("http://") or not name:
        raise CommandError("with --url give an http:// address and the model's --name: requests are sent as they are")
    return fuzz(Attack(url, name, Workers(management, name) if management else None), requests, seed)


def fuzz_grpc(server: TorchServe, model: str, report: Report, requests: int, seed: int) -> None:
    """Send this many malformed calls to a server of this process, with gRPC before it, and add them to the report."""
    workers = Workers(server.management, model)
    before = workers()
    drawn = calls.Calls(model, list(valid_images().values()), seed).draw(requests)
    with beside(server.ports):
        report.statuses[calls.KIND], failed = calls.send(f"127.0.0.1:{server.ports.grpc}", drawn)
    report.server_errors += failed
    report.deaths += len(before - workers())


def attack_own(model: str, name: str, port: int, requests: int, seed: int) -> Report:
    """Start a server, attack it over HTTP and over gRPC, and stop it."""
    ports = Ports(port)
    ports.require_free()  # before a build of half a minute
    packed = archive.ensure(model, name)
    print(f"starting TorchServe with {packed.name}", flush=True)
    models, folder = {packed.stem: packed.name}, BUILD / "fuzz-serve"
    with stopping_on_signals(), TorchServe(models, ports=ports, run_directory=folder) as server:
        report = fuzz(local(server, packed.stem), requests, seed)
        fuzz_grpc(server, packed.stem, report, requests // HTTP_FOR_EACH_CALL, seed)
        return report


def conclude(report: Report, seed: int) -> None:
    """Write build/fuzz.json and print the table.

    Raises:
        CommandError: a check failed.
    """
    write(report, seed)
    print(table(report))
    if failures := report.failures():
        raise CommandError(f"{', '.join(failures)}: see build/fuzz.json and build/fuzz/")
