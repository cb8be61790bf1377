"""What a network computes on its way to the logits, for its programs to return beside them.

The features are what the last linear layer reads. Where they are the average of a map over all its places, the map says
how much each place adds to a logit: handler/explanations/activation_map.py.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from handler.engines.engine import Engine
from handler.manifest import FEATURE_MAP, FEATURES, LOGITS

SAME = 1e-4  # of the largest number: an average in another order of additions
Call = tuple[Tensor, Tensor]  # what a module was given and returned


@dataclass(frozen=True)
class Places:
    """The modules of a network where its outputs are taken, by their names in it.

    Args:
        classifier: the linear layer that returns the logits, and is given the features; None where there is none.
        feature_map: the module that returns the map whose average over all places is the features; None likewise.
    """

    classifier: str | None = None
    feature_map: str | None = None

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what a program returns."""
        found = {LOGITS: "", FEATURES: self.classifier, FEATURE_MAP: self.feature_map}
        return tuple(name for name, place in found.items() if place is not None)


class WithOutputs(nn.Module):
    """A network that returns more than its logits.

    Args:
        network: it.
        places: where its outputs are taken.
    """

    def __init__(self, network: nn.Module, places: Places) -> None:
        super().__init__()
        self.network, self.places = network, places

    def forward(self, pixel_values: Tensor) -> dict[str, Tensor]:
        """Return logits (N, classes), features (N, C) and feature map (N, C, H, W) of normalised images."""
        taken: dict[str, Tensor] = {}
        hooks = []
        if self.places.classifier is not None:
            classifier = self.network.get_submodule(self.places.classifier)
            hooks.append(
                classifier.register_forward_pre_hook(lambda _, given: taken.update({FEATURES: given[0].flatten(1)}))
            )
        if self.places.feature_map is not None:
            last = self.network.get_submodule(self.places.feature_map)
            hooks.append(last.register_forward_hook(lambda _, __, output: taken.update({FEATURE_MAP: output})))
        try:
            taken[LOGITS] = self.network(pixel_values)
        finally:
            for hook in hooks:
                hook.remove()
        return {name: taken[name] for name in self.places.outputs}


def find_places(network: nn.Module, batch: Tensor) -> Places:
    """Find what a network's logits are computed from, by what its modules return for a batch.

    Args:
        network: the network.
        batch: normalised images (N, 3, height, width), no two alike.
    """
    calls: dict[str, Call] = {}
    with _recorded(network, calls), torch.inference_mode():
        logits = network(batch)
    classifiers = [name for name, call in calls.items() if _returns(network.get_submodule(name), call, logits)]
    if not classifiers:
        return Places()
    features = calls[classifiers[-1]][0].flatten(1)
    maps = [name for name, (_, output) in calls.items() if _averages_to(output, features)]
    return Places(classifiers[-1], maps[-1] if maps else None)


@contextmanager
def _recorded(network: nn.Module, calls: dict[str, Call]) -> Iterator[None]:
    """Record the last call of each module, in their order."""

    def recorder(name: str) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
        def record(_: nn.Module, given: tuple[Any, ...], output: Any) -> None:
            if given and isinstance(given[0], Tensor) and isinstance(output, Tensor):
                calls.pop(name, None)
                calls[name] = (given[0], output)

        return record

    hooks = [module.register_forward_hook(recorder(name)) for name, module in network.named_modules() if name]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _returns(module: nn.Module, call: Call, logits: Tensor) -> bool:
    """Whether a module is the linear layer, or the convolution of a map of one place, that returns the logits."""
    given, output = call
    linear = isinstance(module, nn.Linear) and given.dim() == 2
    convolution = isinstance(module, nn.Conv2d) and module.groups == 1 and given.shape[2:] == (1, 1)
    return (linear or convolution) and torch.equal(output.flatten(1), logits)


def _averages_to(output: Tensor, features: Tensor) -> bool:
    if output.dim() != 4 or output.shape[:2] != features.shape or output[0, 0].numel() == 1:
        return False
    return _differs(output.mean((2, 3)), features) <= SAME


def _differs(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


def weights_of(network: nn.Module, places: Places) -> tuple[Tensor, Tensor]:
    """Return the weights (classes, C) and the bias (classes,) of a network's classifier, which it must have."""
    classifier = network.get_submodule(places.classifier or "")
    weight = classifier.get_parameter("weight").detach().flatten(1)
    bias = None if classifier.bias is None else classifier.get_parameter("bias").detach()
    return weight, torch.zeros(len(weight)) if bias is None else bias


def disagreement(engine: Engine, batch: Tensor, network: nn.Module, places: Places) -> float:
    """Return how far an engine's outputs are from making its logits, as a fraction of the largest number.

    Args:
        engine: runs the program.
        batch: normalised images.
        network: the network, which has the classifier.
        places: where its outputs are taken.
    """
    further = places.outputs[1:]
    if not further:
        return 0.0
    outputs = engine.run_with(batch, further)
    weight, bias = weights_of(network, places)
    made = [(outputs[FEATURES] @ weight.T + bias, outputs[LOGITS])]
    if FEATURE_MAP in outputs:
        made.append((outputs[FEATURE_MAP].mean((2, 3)), outputs[FEATURES]))
    return max(_differs(found, expected) for found, expected in made)
