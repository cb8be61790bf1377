"""An explanation is exact where the network has a feature map, and found by covering cells where it has none."""

from dataclasses import replace
from pathlib import Path

from handler.engines.onnx_runtime import OnnxEngine
from handler.explanations.activation_map import ActivationMap
from handler.explanations.choice import method_of
from handler.explanations.occlusion import Occlusion
from handler.manifest import LOGITS, ONNX_PROGRAM, Manifest


def test_the_exact_method_is_taken_where_it_can_be(tiny_model: Path, manifest: Manifest) -> None:
    engine = OnnxEngine(tiny_model / ONNX_PROGRAM, 1)
    assert isinstance(method_of(engine, manifest, tiny_model), ActivationMap)
    assert isinstance(method_of(engine, replace(manifest, outputs=(LOGITS,)), tiny_model), Occlusion)
