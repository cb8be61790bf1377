"""A handler in this process."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from ts.context import Context

from handler.classifier import ImageClassifier
from tests.unit.handler.batches import loaded, new_context


@pytest.fixture(autouse=True)
def unfrozen() -> Iterator[None]:
    """A handler freezes what is there when it has loaded: this process goes on without it."""
    yield
    gc.unfreeze()


@pytest.fixture
def context(tiny_model: Path) -> Context:
    return new_context(tiny_model)


@pytest.fixture
def classifier(context: Context) -> ImageClassifier:
    return loaded(context)
