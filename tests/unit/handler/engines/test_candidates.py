"""What may serve, by the archive, the CPU and the settings."""

import dataclasses
import logging
from pathlib import Path

import pytest

from handler.engines import candidates as module
from handler.engines.candidates import candidates
from handler.manifest import Agreement, Manifest, PrecisionName
from handler.settings import EngineSetting, PrecisionSetting, Settings


def agreement(precision: PrecisionName, *, accepted: bool, engine: str = "emulated") -> Agreement:
    return Agreement(precision, engine, "9 images", 200, 0.995, 120, 1.0, 0.95, 0.01, 0.02, accepted)


@pytest.fixture
def manifest(tiny_model: Path) -> Manifest:
    read = Manifest.from_json((tiny_model / "model.json").read_text())
    return dataclasses.replace(read, agreement=(agreement("bfloat16", accepted=True),))


def names(manifest: Manifest, engine: EngineSetting = "auto", precision: PrecisionSetting = "auto") -> list[str]:
    return [str(candidate) for candidate in candidates(manifest, Settings(engine=engine, precision=precision))]


FLOAT32 = ["onnx in float32", "openvino in float32", "torch in float32"]


@pytest.mark.parametrize(
    ("engine", "precision", "expected"),
    [
        ("auto", "auto", [*FLOAT32[:2], "openvino in bfloat16", "torch in float32", "torch in bfloat16"]),
        ("auto", "float32", FLOAT32),
        ("auto", "bfloat16", ["openvino in bfloat16", "torch in bfloat16"]),
        ("onnx", "auto", ["onnx in float32"]),
        ("onnx", "bfloat16", []),
        ("openvino", "auto", ["openvino in float32", "openvino in bfloat16"]),
        ("torch", "float32", ["torch in float32"]),
    ],
)
def test_a_float32_archive(
    manifest: Manifest,
    monkeypatch: pytest.MonkeyPatch,
    engine: EngineSetting,
    precision: PrecisionSetting,
    expected: list[str],
) -> None:
    monkeypatch.setattr(module, "has_bfloat16", lambda: True)
    assert names(manifest, engine, precision) == expected


def test_without_instructions_for_bfloat16(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "has_bfloat16", lambda: False)
    assert names(manifest) == FLOAT32
    assert names(manifest, precision="bfloat16") == ["openvino in bfloat16"]  # which will say that it cannot


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        ((), "the archive does not say what it changes"),
        ((agreement("bfloat16", accepted=False),), "it changes too many predictions"),
    ],
)
def test_bfloat16_that_was_not_accepted(
    manifest: Manifest,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    measured: tuple[Agreement, ...],
    reason: str,
) -> None:
    monkeypatch.setattr(module, "has_bfloat16", lambda: True)
    with caplog.at_level(logging.WARNING):
        assert names(dataclasses.replace(manifest, agreement=measured)) == FLOAT32
    (record,) = caplog.records
    assert record.getMessage() == f"bfloat16, which this CPU computes faster, is not used: {reason}"


@pytest.mark.parametrize("accepted", [True, False])
def test_an_archive_in_8_bits(manifest: Manifest, monkeypatch: pytest.MonkeyPatch, accepted: bool) -> None:
    """Each engine rounds in its own way: only one whose predictions were measured serves by itself."""
    monkeypatch.setattr(module, "has_bfloat16", lambda: True)
    measured = (
        agreement("int8", accepted=True, engine="onnx"),
        agreement("int8", accepted=accepted, engine="openvino"),
    )
    packed = dataclasses.replace(manifest, precision="int8", agreement=measured)
    openvino = ["openvino in int8"] if accepted else []
    assert names(packed) == ["onnx in int8", *openvino, "torch in float32"]
    assert names(packed, "openvino") == ["openvino in int8"]
    assert names(packed, precision="float32") == ["torch in float32"]
    assert names(packed, precision="bfloat16") == []
