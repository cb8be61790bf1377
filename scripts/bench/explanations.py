"""What explanations cost, and how faithful they are: against random maps, and captum's Grad-CAM on the same network.

`python -m scripts bench explanations --model <directory> --images <folder>` prints both, and writes
build/explanations.json. Everything runs in this process: the handler as a worker calls it, a lone image at a time,
predictions and explanations in turns. Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) needs gradients, so it runs in
torch on the source's weights. It is left out where the network has no last feature map. Occlusion, which serves such
networks, is measured on every network, as a worker would run it in its default time.
"""

import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from handler.cpus import cpus
from handler.decode.image import decode_image
from handler.decode.resize import to_input
from handler.engines.cpu import cpu_name
from handler.errors import RequestError
from handler.explanations.method import Explanation, Method, Turns, Wanted
from handler.explanations.occlusion import Occlusion
from handler.model import normalize
from handler.protocols.timeout import NO_DEADLINE
from handler.scores import scores_of
from handler.settings import Settings
from scripts.batch.local import Local, opened
from scripts.bench.faithfulness import STEPS, Faithfulness, faithfulness
from scripts.build import archive
from scripts.build.outputs import find_places
from scripts.build.sources import choice
from scripts.build.sources.source import SourceModel
from scripts.common.errors import CommandError
from scripts.common.paths import BUILD, MODEL_STORE
from scripts.common.progress import progress

FIGURES = BUILD / "explanations.json"
EXPLAIN = {"explain": "True"}
SECONDS = Settings.explanation_seconds
PAIRS = 40  # a prediction and an explanation each
GRAD_CAM, RANDOM = "captum's Grad-CAM", "random"
RANDOM_SIDE = 7  # cells: as many as the last feature map of a ResNet-50 has


def run(model: str, images: str, *, quick: bool, store: Path = MODEL_STORE, figures: Path = FIGURES) -> None:
    """Measure, print the tables and write the figures.

    Args:
        model: a Hugging Face model directory, or "".
        images: a folder of images.
        quick: take a few of them, and few steps.
        store: where the archive is, or is built.
        figures: the file to write.

    Raises:
        CommandError: the folder has no images, or the model cannot be packed.
    """
    files = sorted(path for path in Path(images).glob("*") if path.is_file())[: 2 if quick else None]
    if not images or not files:
        raise CommandError(f"there is no image in {images or 'no folder'}: name a folder of images with --images")
    source = choice.load(choice.choose(model, ""))
    with opened(str(archive.ensure(model, "", store=store, in_subprocess=True)), None) as local:
        occlusion = TimedOcclusion(local)
        document = {
            "model": local.handler.manifest.name,
            "engine": f"{local.handler.model.engine.name} in {local.handler.model.engine.precision}",
            "cpu": cpu_name(),
            "cpus": cpus(),
            "images": len(files),
            "cost": cost(local, files[0].read_bytes(), 4 if quick else PAIRS),
            "faithfulness": measure(local, source, files, 4 if quick else STEPS, occlusion),
            "occlusion": occlusion.figures(),
        }
    figures.parent.mkdir(exist_ok=True)
    figures.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print("\n".join(lines(document)))
    print(f"wrote {figures}")


def cost(local: Local, image: bytes, pairs: int) -> dict[str, float]:
    """Return what a prediction and an explanation take, and the ratio of a pair by the clock and in CPU time: medians.

    Where other programs share the CPUs, the ratio in CPU time is the steadier one.
    """
    clocks = {"": time.perf_counter, "cpu_": time.process_time}
    rows: list[dict[str, float]] = []
    for _ in range(pairs + 1):
        row: dict[str, float] = {}
        for kind, headers in (("prediction", {}), ("explanation", EXPLAIN)):
            start = {name: clock() for name, clock in clocks.items()}
            ((status, body),) = local.respond([(kind, image)], headers)
            row |= {f"{kind}_{name}ms": 1000 * (clock() - start[name]) for name, clock in clocks.items()}
            if status != 200:
                raise CommandError(f"the image was refused: {body.decode()}")
        row |= {f"{name}ratio": row[f"explanation_{name}ms"] / row[f"prediction_{name}ms"] for name in clocks}
        rows.append(row)
    return {name: statistics.median(row[name] for row in rows[1:]) for name in rows[0]}  # the first ones warm up


class TimedOcclusion:
    """Occlusion as a worker runs it, in its default time.

    Args:
        local: the model.
    """

    together = False

    def __init__(self, local: Local) -> None:
        self._method = Occlusion(local.handler.model.engine, local.handler.manifest)
        self._runs: list[int] = []
        self._seconds: list[float] = []

    def explain(self, wanted: Sequence[Wanted], turns: Turns) -> Iterator[Explanation]:
        """See `Method.explain`."""
        for each in wanted:
            start = time.perf_counter()
            (found,) = self._method.explain([each], turns)
            self._seconds.append(time.perf_counter() - start)
            self._runs.append(found.grid.numel())
            yield found

    def figures(self) -> dict[str, float]:
        """Return the time that an image had and took, and how many covered copies of it the network saw: medians."""
        return {
            "limit_seconds": SECONDS,
            "seconds": statistics.median(self._seconds),
            "runs": statistics.median(self._runs),
            "fewest_runs": min(self._runs),
        }


def measure(
    local: Local, source: SourceModel, files: list[Path], steps: int, occlusion: TimedOcclusion
) -> dict[str, dict[str, Any]]:
    """Return how faithful each method is: means over the images, and on how many it is better than random.

    Raises:
        CommandError: this machine is too slow for occlusion in the default time.
    """
    methods: list[Method] = [occlusion]
    if not isinstance(local.handler.method, Occlusion):
        methods.insert(0, local.handler.method)
    found: dict[str, list[Faithfulness]] = {}
    with progress("explanations", len(files)) as advance:
        for index, file in enumerate(files):
            pixels = to_input(decode_image(file.read_bytes(), Settings().max_pixels), source.input)
            image, wanted = normalize(pixels[None], source.input)[0], [Wanted(pixels, None, NO_DEADLINE)]
            try:
                explained = [next(method.explain(wanted, Turns(SECONDS, 1))) for method in methods]
            except RequestError as error:
                raise CommandError(f"{file} cannot be explained: {error.detail}") from error
            class_id = explained[0].class_id
            grids: dict[str, Tensor] = {each.method: each.grid for each in explained}
            grids |= _grad_cam(source, image, class_id)
            generator = torch.Generator().manual_seed(index)
            grids[RANDOM] = torch.rand(RANDOM_SIDE, RANDOM_SIDE, generator=generator)
            for name, grid in grids.items():
                found.setdefault(name, []).append(faithfulness(_scores(local), image, class_id, grid, steps))
            advance(index + 1)
    return {name: _summary(areas, found[RANDOM]) for name, areas in found.items()}


def _scores(local: Local) -> Callable[[Tensor], Tensor]:
    handler = local.handler
    return lambda batch: scores_of(handler.model.engine.run(batch), handler.manifest.scores)


def _grad_cam(source: SourceModel, image: Tensor, class_id: int) -> dict[str, Tensor]:
    from captum.attr import LayerGradCam  # noqa: PLC0415 - only this command needs it

    layer = find_places(source.network, torch.stack([image, -image])).feature_map
    if layer is None:
        return {}
    method = LayerGradCam(source.network, source.network.get_submodule(layer))
    return {GRAD_CAM: method.attribute(image[None], target=class_id).detach()[0, 0]}


def _summary(areas: list[Faithfulness], random: list[Faithfulness]) -> dict[str, Any]:
    pairs = list(zip(areas, random, strict=True))
    return {
        "deletion": statistics.mean(one.deletion for one in areas),
        "insertion": statistics.mean(one.insertion for one in areas),
        "deletion_better_than_random": sum(one.deletion < other.deletion for one, other in pairs),
        "insertion_better_than_random": sum(one.insertion > other.insertion for one, other in pairs),
        "each": [asdict(one) for one in areas],
    }


def lines(document: dict[str, Any]) -> Iterator[str]:
    """Yield the tables."""
    spent, images = document["cost"], document["images"]
    yield f"{document['model']} on {document['engine']}, {images} images"
    yield (
        f"a prediction {spent['prediction_ms']:.1f} ms, an explanation {spent['explanation_ms']:.1f} ms: "
        f"{spent['ratio']:.2f} times, in CPU time {spent['cpu_ratio']:.2f} times"
    )
    covered = document["occlusion"]
    yield (
        f"occlusion has {covered['limit_seconds']:g} s and takes {covered['seconds']:.2f} s: "
        f"{covered['runs']:g} covered copies of an image, {covered['fewest_runs']} at least"
    )
    yield f"{'map':<20}{'deletion':>10}{'insertion':>11}  better than random (deletion, insertion)"
    for name, one in document["faithfulness"].items():
        better = f"{one['deletion_better_than_random']}, {one['insertion_better_than_random']} of {images}"
        yield f"{name:<20}{one['deletion']:>10.3f}{one['insertion']:>11.3f}  {'' if name == RANDOM else better}"
