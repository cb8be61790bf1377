"""One round: every turn once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from handler.manifest import Manifest
from handler.model import normalize
from scripts.bench import engines, goals, jpegs, service, stages
from scripts.bench.plan import Plan

Sample = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Args:
        manifest: the model.
        runs: the engines in this process.
        ours: the model over HTTP.
        float32: the same with `precision: float32`.
        stock: the baseline over HTTP.
        peers: what a user would pick instead.
        real: images as they are.
        large: one of them enlarged to several sizes.
    """

    manifest: Manifest
    runs: dict[str, engines.Run]
    ours: service.Served
    float32: service.Served
    stock: service.Served
    peers: Sequence[service.Server]
    real: list[Path]
    large: list[Path]


def turns_in_a_round(subject: Subject, plan: Plan) -> int:
    """Return how many samples one_round yields."""
    images = len(subject.real) + len(subject.large)
    closed = len(plan.batches) * len(subject.runs) + sum(len(_servers(subject, plan, n)) for n in plan.clients)
    return closed + plan.pairs + images + len(plan.shares) + len(subject.large)


def one_round(subject: Subject, plan: Plan, before: list[Sample], index: int) -> Iterator[Sample]:
    """Take every turn once.

    The network alone and the service take turns, in an order that alternates from round to round, so that a drift
    of the machine cancels out. `before` are the samples of earlier rounds.
    """
    direction = 1 if index % 2 == 0 else -1
    taken = list(before)
    for batch, clients in zip_longest(plan.batches, plan.clients):
        turns = (_alone(subject, plan, direction, batch), _served(subject, plan, direction, clients))
        for turn in turns[::direction]:
            for sample in turn:
                taken.append(sample | {"round": index})
                yield taken[-1]
    closed = goals.pick(taken, kind="closed loop", server=subject.ours.name, round=index)
    reached = max(sample["images_per_second"] for sample in closed)
    best = goals.best_engine(goals.pick(taken, round=0))  # one for all rounds
    for sample in chain(
        _stages(subject, best[0]),
        _busy(subject, plan, index, *best),
        _open_loops(subject, plan, reached),
        _large(subject, plan),
    ):
        yield sample | {"round": index}


def _alone(subject: Subject, plan: Plan, direction: int, size: int | None) -> Iterator[Sample]:
    if size is None:
        return
    batch = _batch(subject, size)
    for name in list(subject.runs)[::direction]:
        yield engines.take_turn(name, subject.runs[name], batch, plan.seconds / 2)


def _batch(subject: Subject, size: int) -> Tensor:
    spec = subject.manifest.input
    return normalize(torch.randint(0, 256, (size, 3, *spec.size), dtype=torch.uint8), spec)


def _served(subject: Subject, plan: Plan, direction: int, clients: int | None) -> Iterator[Sample]:
    if clients is None:
        return
    for server in _servers(subject, plan, clients)[::direction]:
        yield service.take_turn(server, subject.real, plan.seconds, clients)


def _servers(subject: Subject, plan: Plan, clients: int) -> list[service.Server]:
    compared = (subject.float32, *subject.peers) if clients in plan.peer_clients else ()
    return [subject.ours, subject.stock, *compared]


def _busy(subject: Subject, plan: Plan, index: int, engine: str, size: int) -> Iterator[Sample]:
    clients = goals.busy_clients(plan.clients)
    alone = _engine(subject, engine, size, plan.seconds / 2)
    served = partial(service.take_turn, subject.ours, subject.real, plan.seconds, clients)
    for network, service_turn in _pairs(alone, served, range(index, index + plan.pairs)):
        alone_of = {f"alone_{figure}": network[figure] for figure in ("images_per_second", "cpu_ms_per_image")}
        yield service_turn | {"kind": goals.BUSY, "engine": engine, "batch": size} | alone_of


def _engine(subject: Subject, engine: str, size: int, seconds: float) -> Callable[[], Sample]:
    return partial(engines.take_turn, engine, subject.runs[engine], _batch(subject, size), seconds)


def _pairs(
    alone: Callable[[], Sample], served: Callable[[], Sample], numbers: Iterable[int]
) -> Iterator[tuple[Sample, Sample]]:
    """Take neighbouring turns of an engine alone and of clients, in an order that alternates.

    The goals compare them to a few percent, and a shared machine has seconds that are slower than others by more.
    """
    for number in numbers:
        if number % 2 == 0:
            yield alone(), served()
        else:
            second = served()
            yield alone(), second


def _stages(subject: Subject, engine: str) -> Iterator[Sample]:
    labels = [jpegs.AS_THEY_ARE] * len(subject.real) + [image.stem for image in subject.large]
    for image, label in zip((*subject.real, *subject.large), labels, strict=True):
        yield stages.take_turn(image, label, subject.runs[engine], subject.manifest)


def _open_loops(subject: Subject, plan: Plan, reached: float) -> Iterator[Sample]:
    for share in plan.shares:
        sample = service.take_turn(subject.ours, subject.real, plan.seconds, clients=0, rate=share * reached)
        yield sample | {"share": share}


def _large(subject: Subject, plan: Plan) -> Iterator[Sample]:
    for image in subject.large:
        sample = service.take_turn(subject.ours, [image], plan.seconds, clients=max(plan.clients))
        yield sample | {"kind": "large", "image": image.stem, "megapixels": jpegs.megapixels_of(image)}
