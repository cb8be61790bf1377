"""How far a precision changes the predictions of float32: measured on held-out images, for the manifest.

bfloat16 is emulated, so that every machine that packs an archive measures the same: matrix units multiply numbers of
8 bits' precision and add up in float32, and that is what rounding the inputs of every operation does. On a ResNet-50,
docs/performance.md compares it with what OpenVINO computes on a CPU that has such units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from handler.manifest import Agreement, PrecisionName, ScoresName
from handler.scores import scores_of
from scripts.build.sample_images import SampleImages, inputs
from scripts.build.sources.source import SourceModel

MIN_CONFIDENCE = 0.5  # score from which float32 counts as confident of its top-1 class
HELD_OUT = 200  # inputs for bfloat16: all images and crops of them
BATCH = 8
MIN_AREA = 0.9  # share of an image in such a crop: smaller ones are ambiguous more often than what clients send


@dataclass(frozen=True)
class Compared:
    """What was compared.

    Args:
        precision: in which the changed logits were computed.
        engine: by which, or `emulated`.
        images: where the images are from.
        min_agreement: share of the inputs that must keep their top-1 class.
        scores: how logits become scores.
    """

    precision: PrecisionName
    engine: str
    images: str
    min_agreement: float
    scores: ScoresName = "softmax"


def compare(before: Tensor, after: Tensor, what: Compared) -> Agreement:
    """Return how far the predictions differ.

    Args:
        before: logits in float32, (inputs, classes).
        after: logits in the other precision.
        what: names for the result, and its threshold.
    """
    scores, changed = (scores_of(logits, what.scores) for logits in (before, after))
    same = scores.argmax(1) == changed.argmax(1)
    if what.scores == "sigmoid":  # any number of classes may apply, also none, and of one class the top-1 never changes
        same &= ((scores >= MIN_CONFIDENCE) == (changed >= MIN_CONFIDENCE)).all(1)
    confident = scores.amax(1) >= MIN_CONFIDENCE
    k = min(5, scores.shape[1])
    top, top_changed = (each.topk(k, dim=1).indices.sort(dim=1).values for each in (scores, changed))
    moved = (scores - changed).abs().amax(1)
    kept = round(float(same.float().mean()), 4)
    some_confident = bool(confident.any())
    all_confident_kept = some_confident and bool(same[confident].all())
    return Agreement(
        precision=what.precision,
        engine=what.engine,
        images=what.images,
        held_out=len(before),
        top_1_kept=kept,
        confident=int(confident.sum()),
        confident_top_1_kept=round(float(same[confident].float().mean()), 4) if some_confident else 0.0,
        top_5_kept=round(float((top == top_changed).all(1).float().mean()), 4),
        score_change_mean=round(float(moved.mean()), 4),
        score_change_p95=round(float(moved.quantile(0.95)), 4),
        accepted=kept >= what.min_agreement and (what.precision == "int8" or all_confident_kept),
    )


def of_bfloat16(model: SourceModel, images: SampleImages, min_agreement: float) -> Agreement:
    """Return what bfloat16 changes, on images from the whole folder: none is needed to calibrate.

    Args:
        model: the source model.
        images: see `read_images`.
        min_agreement: share of the inputs that must keep their top-1 class; all confident ones must.
    """
    spread = images.images[:: -(-len(images.images) // HELD_OUT)]
    batches = torch.split(inputs(spread, HELD_OUT, model.input, MIN_AREA), BATCH)
    with torch.no_grad():  # tensors of inference_mode() refuse some operations within a dispatch mode
        before = torch.cat([model.network(batch) for batch in batches])
        with _Bfloat16():  # type: ignore[no-untyped-call]
            after = torch.cat([model.network(batch) for batch in batches])
    return compare(before, after, Compared("bfloat16", "emulated", images.source, min_agreement, model.scores))


class _Bfloat16(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Rounds the tensors that every operation in its context reads to bfloat16.

    What an operation writes to or returns a view of stays what it is, because a copy would lose later writes. Vectors
    keep their precision, such as the parameters of a batch normalisation, which engines fold into weights.
    """

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        aliased = [each.alias_info is not None for each in func._schema.arguments[: len(args)]]
        read = [arg if keep else tree_map(_rounded, arg) for arg, keep in zip(args, aliased, strict=True)]
        return func(*read, **(kwargs or {}))


def _rounded(value: object) -> object:
    if isinstance(value, Tensor) and value.dtype == torch.float32 and value.dim() > 1:
        return value.to(torch.bfloat16).to(torch.float32)
    return value
