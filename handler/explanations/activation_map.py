"""Class activation map: the logit is a sum over the places of the last feature map, so that the share of each is exact.

Zhou et al. 2016, "Learning Deep Features for Discriminative Localization", arXiv:1512.04150.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from handler.engines.engine import MAX_BATCH, Engine, program_path
from handler.explanations.method import Explanation, Turns, Wanted
from handler.manifest import CLASSIFIER, FEATURE_MAP, LOGITS, Manifest
from handler.model import to_batch
from handler.scores import scores_of


class ActivationMap:
    """The class activation map: one run of the network, as for a prediction.

    Args:
        engine: runs a program with a feature map.
        manifest: the model.
        directory: the unpacked archive.

    Raises:
        EngineError: the archive's weights are missing or not the manifest's.
    """

    together = True

    def __init__(self, engine: Engine, manifest: Manifest, directory: Path) -> None:
        self._engine, self._manifest = engine, manifest
        # Mapped, so that only the rows of the classes that are asked for take memory.
        self._weights = np.load(program_path(manifest, directory, CLASSIFIER), mmap_mode="r")

    def explain(self, wanted: Sequence[Wanted], turns: Turns) -> Iterator[Explanation]:  # noqa: ARG002
        """See `Method.explain`; it takes no longer than predictions."""
        for start in range(0, len(wanted), MAX_BATCH):
            part = wanted[start : start + MAX_BATCH]
            batch = to_batch([each.image for each in part], self._manifest.input)
            outputs = self._engine.run_with(batch, (FEATURE_MAP,))
            scores = scores_of(outputs[LOGITS], self._manifest.scores)
            for each, row, feature_map in zip(part, scores, outputs[FEATURE_MAP], strict=True):
                class_id = int(row.argmax()) if each.class_id is None else each.class_id
                yield Explanation(
                    class_id, float(row[class_id]), "class-activation-map", self._map(class_id, feature_map)
                )

    def _map(self, class_id: int, feature_map: Tensor) -> Tensor:
        """Return each place's share of a logit: they add up to it, less the classifier's bias."""
        weights = torch.from_numpy(np.array(self._weights[class_id]))
        return torch.einsum("c,chw->hw", weights, feature_map) / feature_map[0].numel()
