"""A model to explain."""

from pathlib import Path

import pytest

from handler.manifest import Manifest


@pytest.fixture
def manifest(tiny_model: Path) -> Manifest:
    return Manifest.from_json((tiny_model / "model.json").read_text())
