"""Every architecture of transformers' image-classification mapping is packed and proved, or refused in one sentence."""

from pathlib import Path

import pytest
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES

from handler.engines.proof import TOLERANCE, Proof
from handler.manifest import FEATURE_MAP, FEATURES, LOGITS, PROOF
from scripts.build import program
from scripts.build.sources import local
from scripts.common.errors import CommandError
from tests.tiny_models import CLASSES, NOT_INSTALLED, TINY, save, save_without_network


def names_in_mapping() -> set[str]:
    values = MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES.values()
    return {name for value in values for name in ([value] if isinstance(value, str) else value)}


TWO_HEADS = ("DeiT*WithTeacher", "Levit*WithTeacher", "SwiftFormer*")  # whose logits are averaged
AVERAGED_MAPS = (
    *("Bit*", "EfficientNet*", "HGNetV2*", "MobileNetV1*", "MobileNetV2*", "MobileViT*", "MobileViTV2*"),
    *("PoolFormer*", "RegNet*", "ResNet*", "Segformer*"),
)


def outputs_of(architecture: str) -> tuple[str, ...]:
    """Return what the programs of an architecture return."""
    name = architecture.replace("ForImageClassification", "*")
    if name in TWO_HEADS:
        return (LOGITS,)
    return (LOGITS, FEATURES, FEATURE_MAP) if name in AVERAGED_MAPS else (LOGITS, FEATURES)


def pack(directory: Path, target: Path) -> tuple[tuple[str, ...], float]:
    """Write the programs of a directory's model; return what they return, and how far they differ from it."""
    local.check(directory)
    model = local.load(directory)
    return program.export(model, target), program.prove(model, target)


def test_every_architecture_is_tried() -> None:
    assert set(TINY) == names_in_mapping()


@pytest.mark.parametrize("architecture", [name for name, tiny in TINY.items() if not tiny.refused])
def test_packed(architecture: str, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    save(architecture, directory)
    outputs, worst = pack(directory, tmp_path)
    assert outputs == outputs_of(architecture)
    assert worst < TOLERANCE["float32"]
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
