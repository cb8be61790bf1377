"""What the kernel says of a CPU."""

import platform
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from handler.engines import cpu
from handler.manifest import PrecisionName

SAMPLES = {
    "amx": "model name\t: Intel(R) Xeon(R)\nflags\t: avx2 avx512f avx512_vnni avx512_bf16 amx_bf16 amx_int8\n",
    "zen 4": "model name\t: AMD EPYC\nflags\t\t: avx2 avx512f avx512_vnni avx512_bf16\n",
    "zen 3": "model name\t: AMD EPYC\nflags\t\t: sse2 avx2\n",
    "arm": "processor\t: 0\nFeatures\t: fp asimd asimddp\n",
}


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    cpu.features.cache_clear()
    yield
    cpu.features.cache_clear()


@pytest.mark.parametrize(
    ("sample", "bfloat16", "sets"),
    [
        ("amx", True, ("avx512f", "amx_bf16", "amx_int8")),
        ("zen 4", True, ("avx512f", "avx512_bf16", "avx512_vnni")),
        ("zen 3", False, ("avx2", platform.machine(), "avx2")),
        ("arm", False, ("asimd", platform.machine(), "asimddp")),
    ],
)
def test_instruction_sets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sample: str, bfloat16: bool, sets: tuple[str, str, str]
) -> None:
    (tmp_path / "cpuinfo").write_text(SAMPLES[sample])
    monkeypatch.setattr(cpu, "CPU_INFO", tmp_path / "cpuinfo")
    assert cpu.has_bfloat16() is bfloat16
    assert tuple(cpu.instruction_set(precision) for precision in get_args(PrecisionName)) == sets


def test_vnni(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cpu, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    for sample, has in (("amx", True), ("zen 4", True), ("zen 3", False)):
        (tmp_path / "cpuinfo").write_text(SAMPLES[sample])
        cpu.features.cache_clear()
        assert cpu.has_vnni() is has
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert cpu.has_vnni()


def test_this_machine_has_a_name() -> None:
    assert cpu.cpu_name()
    assert cpu.features()


def test_a_sandbox_that_hides_the_cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cpu, "CPU_INFO", tmp_path / "none")
    assert cpu.features() == frozenset()
    assert not cpu.has_bfloat16()
    assert cpu.cpu_name() == platform.machine()
