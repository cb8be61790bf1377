"""How the program is packed, as the environment says."""

from pathlib import Path

import pytest

from scripts.build.precision import Precision
from scripts.common.errors import CommandError
from tests.conftest import encoded, picture


def test_another_precision_is_another_recipe(photos: Path, tmp_path: Path) -> None:
    recipes = [Precision().recipe(), Precision("int8").recipe(), Precision("int8", str(photos)).recipe()]
    recipes += [Precision("float32", str(photos)).recipe(), Precision(min_agreement=0.5).recipe()]
    (tmp_path / "one.png").write_bytes(encoded(picture(), "PNG"))
    recipes.append(Precision("int8", str(tmp_path)).recipe())
    assert all(one != other for index, one in enumerate(recipes) for other in recipes[:index])


def test_what_cannot_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is no precision"):
        Precision("int4")  # type: ignore[arg-type]
    with pytest.raises(CommandError, match="there is no folder"):
        Precision("int8", str(tmp_path / "none"))


def test_the_environment_says_how(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PRECISION", "CALIBRATION", "MIN_AGREEMENT"):
        monkeypatch.setenv(name, "")  # as the Makefile passes variables that are not set
    assert Precision.of_environment() == Precision("float32", "", None)
    assert (Precision("float32").threshold, Precision("int8").threshold) == (0.99, 0.9)
    monkeypatch.setenv("PRECISION", "int8")
    monkeypatch.setenv("CALIBRATION", str(tmp_path))
    monkeypatch.setenv("MIN_AGREEMENT", "0.8")
    assert Precision.of_environment() == Precision("int8", str(tmp_path), 0.8)
    assert Precision.of_environment().threshold == 0.8


@pytest.mark.parametrize("text", ["most", "1.5", "-1", "nan", "inf"])
def test_no_share(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MIN_AGREEMENT", text)
    with pytest.raises(CommandError, match="a number from 0 to 1"):
        Precision.of_environment()
