"""eda/README.md lists the package's rules, options and files."""

import re
from pathlib import Path

from eda.__main__ import parser
from eda.check import RULES

README = Path(__file__).parents[3] / "eda" / "README.md"


def test_rules() -> None:
    listed = re.findall(r"^\| `([a-z-]+)` \| (\w+) \| (.+) \|$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert listed == [(name, rule.severity, rule.title) for name, rule in RULES.items()]


def test_options() -> None:
    text = README.read_text(encoding="utf-8")
    for action in parser()._actions:
        for option in action.option_strings:
            assert option in ("-h", "--help") or f"{option}" in text, option


def test_files() -> None:
    text = README.read_text(encoding="utf-8")
    inside = text[text.index("## Inside") :]
    for name in set(re.findall(r"[a-z0-9_/.]+\.(?:py|j2)\b", inside)):
        assert list(README.parent.rglob(Path(name).name)), name


def test_module_length() -> None:
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in README.parent.rglob("*.py")}
    assert max(lengths.values()) <= 250, lengths
