"""docs/eda.md names the package's options and files; cog writes its rules."""

import re

from eda.__main__ import parser
from tests.conftest import PROJECT

EDA = PROJECT / "eda"
PAGE = (PROJECT / "docs" / "eda.md").read_text(encoding="utf-8")


def test_options() -> None:
    for action in parser()._actions:
        for option in action.option_strings:
            assert option in ("-h", "--help") or option in PAGE, option


def test_files() -> None:
    modules = PAGE[PAGE.index("## Modules") :]
    for name in set(re.findall(r"[a-z0-9_/.]+\.(?:py|j2)\b", modules)):
        assert list(EDA.rglob(name)), name


def test_module_length() -> None:
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in EDA.rglob("*.py")}
    assert max(lengths.values()) <= 250, lengths
