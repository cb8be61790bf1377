"""An explanation is exact where the network has a feature map, and found by covering cells where it has none."""

import json
from dataclasses import replace
from pathlib import Path

from handler.engines.onnx_runtime import OnnxEngine
from handler.explanations.activation_map import ActivationMap
from handler.explanations.choice import method_of
from handler.explanations.occlusion import Occlusion
from handler.manifest import LOGITS, ONNX_PROGRAM, Manifest
from tests.unit.handler.batches import PHOTO, loaded, new_context
from tests.unit.handler.explanations.test_explained import explained


def test_the_exact_method_is_taken_where_it_can_be(tiny_model: Path, manifest: Manifest) -> None:
    engine = OnnxEngine(tiny_model / ONNX_PROGRAM, 1)
    assert isinstance(method_of(engine, manifest, tiny_model), ActivationMap)
    assert isinstance(method_of(engine, replace(manifest, outputs=(LOGITS,)), tiny_model), Occlusion)


def test_a_network_without_a_feature_map(tiny_model: Path, tmp_path: Path) -> None:
    """The archive's program is the same; only its manifest says that it returns logits alone."""
    for path in tiny_model.iterdir():
        (tmp_path / path.name).symlink_to(path)
    text = json.loads((tiny_model / "model.json").read_text()) | {"outputs": [LOGITS]}
    (tmp_path / "model.json").unlink()
    (tmp_path / "model.json").write_text(json.dumps(text))
    context = new_context(tmp_path, {"handler": {"explanation_seconds": 30, "engine": "onnx"}})
    found = explained(loaded(context), context, {"body": PHOTO})
    assert found["method"] == "occlusion"
    assert len(found["grid"]) > 3
