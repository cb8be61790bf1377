"""Which changes of the images the drift metrics notice, and after how many: in this process, by an archive's engine.

Each photo is cropped many times. Half of the crops make the reference, as packing makes it; the others are what a
server gets, and the window is full of them when one of the changes begins. One row is of other photos of the same kind:
half of the photos make its reference. It shows what a reference of too few photos is worth.
"""

import json
import math
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional

from handler.cpus import cpus
from handler.drift.monitor import Monitor
from handler.drift.reference import Images, Reference, Statistic
from handler.engines.choice import open_engine
from handler.engines.engine import Engine
from handler.engines.onnx_runtime import OnnxEngine
from handler.manifest import ONNX_PROGRAM, InputSpec, Manifest
from handler.metrics import Metrics
from handler.scores import scores_of
from handler.settings import Settings
from scripts.archives.reading import read_manifest
from scripts.build import folders, reference
from scripts.build.sample_images import crops, read_images
from scripts.common.errors import CommandError
from scripts.common.paths import BUILD
from scripts.common.progress import progress

FIGURES = BUILD / "drift.json"
CROPS = 8  # of each photo for the reference, and as many others
UNCHANGED_WINDOWS = 20  # of unchanged images, which must stay quiet
REPEATS = 5  # of each change, with other draws

Row = dict[str, Any]


def _edges(images: Tensor) -> Tensor:
    """Return dark lines on white, as a sketch has them, where the brightness changes."""
    grey = functional.rgb_to_grayscale(images).float()
    slopes = torch.stack(torch.gradient(functional.gaussian_blur(grey, [5, 5]), dim=(-2, -1))).square().sum(0).sqrt()
    return (255 - (slopes * 8).clamp(0, 255)).to(torch.uint8).expand_as(images)


CHANGES: dict[str, Callable[[Tensor], Tensor]] = {
    "dark: a fifth of the light": lambda images: (images.float() * 0.2).to(torch.uint8),
    "blurred: sigma of 4 pixels": lambda images: functional.gaussian_blur(images, [25, 25], [4.0, 4.0]),
    "rotated by 90 degrees": lambda images: images.rot90(1, (-2, -1)),
    "edges, as in a sketch": _edges,
}


@dataclass(frozen=True)
class Program:
    """What runs images.

    Args:
        engine: of the archive, which serves.
        packing: the one that packing makes references with.
        manifest: the archive's.
    """

    engine: Engine
    packing: Engine
    manifest: Manifest

    def run(self, inputs: Sequence[Tensor]) -> Images:
        """Return what the engine that serves says of uint8 inputs."""
        return self._run(self.engine, inputs)

    def reference(self, inputs: Sequence[Tensor]) -> Reference:
        """Return the reference that packing makes of uint8 inputs."""
        return reference.reference_of(self._run(self.packing, inputs))

    def _run(self, engine: Engine, inputs: Sequence[Tensor]) -> Images:
        logits, features = reference.run(engine, inputs, self.manifest.input, self.manifest.outputs)
        return Images.of_scores(scores_of(logits, self.manifest.scores), features)


class Listener:
    """Takes what a monitor exports, and remembers when each statistic was above its limit."""

    def __init__(self) -> None:
        self.images = 0  # so far
        self.checks = 0
        self.above: Counter[str] = Counter()
        self.first: dict[str, int] = {}
        self.highest: dict[Statistic, float] = {}

    def drift(self, _window: int, _reference: int, distances: dict[Statistic, tuple[float, float]]) -> None:
        """See `Metrics.drift`."""
        self.checks += 1
        for name, (_, ratio) in distances.items():
            self.highest[name] = max(self.highest.get(name, 0.0), ratio)
            if ratio > 1:
                self.above[name] += 1
                self.first.setdefault(name, self.images)


@contextmanager
def opened(archive: Path) -> Iterator[Program]:
    manifest = read_manifest(archive)
    with tempfile.TemporaryDirectory(prefix="drift-") as folder:
        with zipfile.ZipFile(archive) as file:
            file.extractall(folder)
        packing = OnnxEngine(Path(folder) / ONNX_PROGRAM, cpus(), manifest.precision)
        yield Program(open_engine(manifest, Path(folder), Settings(), cpus()).engine, packing, manifest)


def run(archive: Path, photos: str, others: str) -> None:
    """Measure, print a table and write build/drift.json.

    Args:
        archive: whose engine computes.
        photos: folder of photos: half for the reference, half for what is served.
        others: folder of photos of other things.

    Raises:
        CommandError: a folder has too few photos.
    """
    with opened(archive) as program, progress("drift", 4 + len(CHANGES)) as advance:
        advance(0, f"{program.engine.name} in {program.engine.precision}")
        images = read_images(photos).images
        if len(images) * CROPS < folders.MIN_REFERENCE:
            raise CommandError(f"{len(images)} photos in {photos} are too few: name a folder of more with --images")
        spec = program.manifest.input
        first, second = _halves(images, CROPS, spec)
        found, served = program.reference(first), program.run(second)
        advance(1)
        elsewhere = read_images(others).images
        changed = {"of other things": program.run(crops(elsewhere, CROPS * len(elsewhere), spec))}
        for index, (name, change) in enumerate(CHANGES.items()):
            advance(2 + index)
            changed[name] = program.run(list(change(torch.stack(second))))
        rows = [_unchanged(found, served)] + [_changed(found, served, name, each) for name, each in changed.items()]
        advance(3 + len(CHANGES))
        rows.insert(1, _other_photos(program, images))
    document = {
        "model": program.manifest.name,
        "engine": program.engine.name,
        "precision": program.engine.precision,
        "photos": len(images),
        "other_photos": len(elsewhere),
        "crops": CROPS,
        "window": Settings.drift_window,
        "unchanged_windows": UNCHANGED_WINDOWS,
        "repeats": REPEATS,
        "rows": rows,
    }
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    for row in rows:
        print(f"{row['images']:<34}" + "  ".join(f"{name} {_shown(row, name)}" for name in row["ratio"]))


def _shown(row: Row, name: str) -> str:
    """Return a statistic's ratio, and when it was above 1, as tables show it."""
    if "checks" in row:
        when = f", above 1 in {row['above'][name]} of {row['checks']}"
    else:
        when = f", after {row['noticed_after'][name]}" if name in row["noticed_after"] else ""
    return f"{row['ratio'][name]:.2f}{when}"


def _halves(photos: list[Tensor], count: int, spec: InputSpec) -> tuple[list[Tensor], list[Tensor]]:
    """Return two lists of so many crops of each photo."""
    cropped = crops(photos, 2 * count * len(photos), spec)
    is_first = np.arange(len(cropped)) // len(photos) % 2 == 0
    first, second = ([cropped[index] for index in np.flatnonzero(half)] for half in (is_first, ~is_first))
    return first, second


def _other_photos(program: Program, photos: list[Tensor]) -> Row:
    """Return the ratios where every second photo makes the reference, and the others are served."""
    known, others = photos[::2], photos[1::2]
    first, second = _halves(known, math.ceil(folders.MIN_REFERENCE / len(known)), program.manifest.input)
    other = program.run(crops(others, len(second), program.manifest.input))
    name = f"{len(others)} other photos, reference of {len(known)}"
    return _changed(program.reference(first), program.run(second), name, other)


def _draw(images: Images, count: int, seed: int) -> Images:
    return images[np.random.default_rng(seed).integers(len(images), size=count)]


def _feed(monitor: Monitor, listener: Listener, images: Images) -> None:
    for index in range(len(images)):
        listener.images += 1
        monitor.add(images[index : index + 1])


def _unchanged(found: Reference, served: Images) -> Row:
    """Return the highest ratios of a long time without a change."""
    listener = Listener()
    monitor = Monitor(found, Settings.drift_window, cast(Metrics, listener))
    _feed(monitor, listener, _draw(served, UNCHANGED_WINDOWS * Settings.drift_window, 0))
    above = {name: listener.above[name] for name in listener.highest}
    return {"images": "unchanged", "ratio": _rounded(listener.highest), "above": above, "checks": listener.checks}


def _changed(found: Reference, served: Images, name: str, changed: Images) -> Row:
    """Return medians: the ratios of a window of changed images, and after how many each was above 1, if it was."""
    size = Settings.drift_window
    ratios, firsts = [], []
    for seed in range(REPEATS):
        listener = Listener()
        monitor = Monitor(found, size, cast(Metrics, listener))
        _feed(monitor, listener, _draw(served, size, seed))
        listener.images, listener.first = 0, {}
        _feed(monitor, listener, _draw(changed, size, seed))
        ratios.append({name: ratio for name, (_, ratio) in monitor.distances().items()})
        firsts.append(listener.first)
    medians = {each: float(np.median([first.get(each, np.inf) for first in firsts])) for each in ratios[0]}
    return {
        "images": name,
        "ratio": _rounded({each: float(np.median([ratio[each] for ratio in ratios])) for each in ratios[0]}),
        "noticed_after": {each: int(count) for each, count in medians.items() if np.isfinite(count)},
    }


def _rounded(ratios: Mapping[Statistic, float]) -> dict[str, float]:
    return {name: round(ratio, 3) for name, ratio in ratios.items()}
