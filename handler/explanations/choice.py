"""Which method explains a model's predictions."""

from pathlib import Path

from handler.engines.engine import Engine
from handler.explanations.activation_map import ActivationMap
from handler.explanations.method import Method
from handler.explanations.occlusion import Occlusion
from handler.manifest import FEATURE_MAP, Manifest


def method_of(engine: Engine, manifest: Manifest, directory: Path) -> Method:
    """Return the method for a model: the exact one where its network has a feature map.

    Raises:
        EngineError: the archive is damaged.
    """
    if FEATURE_MAP in manifest.outputs:
        return ActivationMap(engine, manifest, directory)
    return Occlusion(engine, manifest)
