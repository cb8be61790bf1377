"""One round: every turn once."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from handler.manifest import ONNX_PROGRAM, Manifest
from handler.transform import normalize
from scripts.bench import engines, goals, photos, service, stages
from scripts.bench.plan import Plan

Sample = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Args:
        manifest: the model.
        runs: the engines in this process.
        ours: the model over HTTP.
        stock: the baseline over HTTP.
        real: photos as they are.
        large: one of them enlarged to several sizes.
    """

    manifest: Manifest
    runs: dict[str, engines.Run]
    ours: service.Served
    stock: service.Served
    real: list[Path]
    large: list[Path]


def one_round(subject: Subject, plan: Plan, index: int) -> Iterator[Sample]:
    """Take every turn once.

    The program alone and the service take turns with each other, and who begins changes from round to round, so that a
    drift favours nobody.
    """
    direction = 1 if index % 2 == 0 else -1
    taken: list[Sample] = []
    for batch, clients in zip_longest(plan.batches, plan.clients):
        turns = (_alone(subject, plan, direction, batch), _served(subject, plan, direction, clients))
        for turn in turns[::direction]:
            for sample in turn:
                taken.append(sample)
                yield sample | {"round": index}
    reached = max(sample["images_per_second"] for sample in goals.pick(taken, server=subject.ours.name))
    for sample in chain(
        _pairs(subject, plan, goals.LONE, ONNX_PROGRAM, 1),
        _pairs(subject, plan, goals.BUSY, *goals.best_engine(taken)),
        _stages(subject),
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
    for served in (subject.ours, subject.stock)[::direction]:
        yield service.take_turn(served, subject.real, plan.seconds, clients)


def _pairs(subject: Subject, plan: Plan, kind: str, engine: str, size: int) -> Iterator[Sample]:
    """Let clients and an engine alone take turns of a second or two.

    The goals compare them to a few percent, and a shared machine has seconds that are slower than others by more.
    """
    batch = _batch(subject, size)
    lone = kind == goals.LONE
    clients, seconds = (1, plan.seconds / 2) if lone else (goals.busy_clients(plan.clients), plan.seconds)

    def alone() -> Sample:
        sample = engines.take_turn(engine, subject.runs[engine], batch, seconds / 2)
        return {"alone_ms": sample["ms_a_batch"], "alone_images_per_second": sample["images_per_second"]}

    def served() -> Sample:
        return service.take_turn(subject.ours, subject.real, seconds, clients)

    for pair in range(plan.pairs):
        first, second = (alone, served) if pair % 2 == 0 else (served, alone)
        yield first() | second() | {"kind": kind, "engine": engine, "batch": size}


def _stages(subject: Subject) -> Iterator[Sample]:
    labels = [photos.AS_THEY_ARE] * len(subject.real) + [photo.stem for photo in subject.large]
    for photo, label in zip((*subject.real, *subject.large), labels, strict=True):
        yield stages.take_turn(photo, label, subject.runs[ONNX_PROGRAM], subject.manifest)


def _open_loops(subject: Subject, plan: Plan, reached: float) -> Iterator[Sample]:
    for share in plan.shares:
        sample = service.take_turn(subject.ours, subject.real, plan.seconds, clients=0, rate=share * reached)
        yield sample | {"share": share}


def _large(subject: Subject, plan: Plan) -> Iterator[Sample]:
    for photo in subject.large:
        sample = service.take_turn(subject.ours, [photo], plan.seconds, clients=max(plan.clients))
        yield sample | {"kind": "large", "photo": photo.stem, "megapixels": photos.megapixels_of(photo)}
