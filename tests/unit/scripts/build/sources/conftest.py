"""A Hugging Face directory to damage."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def directory(tiny_directory: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_directory, tmp_path / "my-model"))
