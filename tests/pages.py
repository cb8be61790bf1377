"""The commands and programs in README.md and docs/*.md."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import PROJECT

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
HERE = "tests/integration/test_docs.py"  # runs the blocks without a comment `run by`
CONTAINERS = "tests/e2e/test_docs.py"
BLOCK = re.compile(r"(?:<!-- run by (\S+) -->\n)?```(console|python|javascript)\n(.*?)```", re.DOTALL)
INTERPRETERS = {"python": ".venv/bin/python -", "javascript": "node --input-type=module -"}
PRINTED = re.compile(r"  (?:#|//) (.+)$", re.MULTILINE)  # a comment behind a line of a program


@dataclass(frozen=True)
class Command:
    """A `$` line of a console block, or a program.

    Args:
        page: path of the page, relative to the project.
        line: the command; a program comes as the input of its interpreter.
        output: the output on the page, if any; of a program, what its comments behind a line say.
        run_by: path of the test that runs it.
    """

    page: str
    line: str
    output: str
    run_by: str


def _commands(page: Path) -> list[Command]:
    found = []
    name = str(page.relative_to(PROJECT))
    for run_by, language, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language in INTERPRETERS:
            line = f"{INTERPRETERS[language]} <<'END'\n{block}END"
            found.append(Command(name, line, "\n".join(PRINTED.findall(block)), run_by or HERE))
            continue
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, output = part.partition("\n")
            found.append(Command(name, line, output, run_by or HERE))
    return found


COMMANDS = [command for page in PAGES for command in _commands(page)]


def same(shown: str, printed: str) -> bool:
    """Compare the output on a page with the actual one, ignoring spaces and numbers; `…` matches anything."""
    parts = [re.sub(r"\d+", r"\\d+", re.escape(part.strip())) for part in _one_line(shown).split("…")]
    return re.search(".*".join(parts), _one_line(printed)) is not None


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
