"""Every architecture of transformers' image-classification mapping is packed and proved, or refused in one sentence."""

from pathlib import Path

import pytest
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES

from handler.engines.proof import TOLERANCE, Proof
from handler.manifest import PROOF
from scripts.build import program
from scripts.build.sources import local
from scripts.common.errors import CommandError
from tests.tiny_models import CLASSES, NOT_INSTALLED, TINY, save, save_without_network


def names_in_mapping() -> set[str]:
    values = MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES.values()
    return {name for value in values for name in ([value] if isinstance(value, str) else value)}


def pack(directory: Path, target: Path) -> float:
    """Write the programs of a directory's model, and return how far they differ from it."""
    local.check(directory)
    model = local.load(directory)
    program.export(model, target)
    return program.prove(model, target)


def test_every_architecture_is_tried() -> None:
    assert set(TINY) == names_in_mapping()


@pytest.mark.parametrize("architecture", [name for name, tiny in TINY.items() if not tiny.refused])
def test_packed(architecture: str, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    save(architecture, directory)
    assert pack(directory, tmp_path) < TOLERANCE["float32"]
    logits = Proof.load(tmp_path / PROOF).logits["float32"]
    assert logits.shape[1] == CLASSES
    assert (logits[0] - logits[1]).abs().max() > 1e-3 * logits.abs().max()  # or else any engine would agree


@pytest.mark.parametrize("architecture", [name for name, tiny in TINY.items() if tiny.refused])
def test_refused_in_one_sentence(architecture: str, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    if architecture in NOT_INSTALLED:
        save_without_network(architecture, directory)
    else:
        save(architecture, directory)
    with pytest.raises(CommandError, match=TINY[architecture].refused) as refused:
        pack(directory, tmp_path)
    assert "\n" not in str(refused.value)
    assert "\x1b" not in str(refused.value)
