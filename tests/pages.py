"""The commands in README.md and docs/*.md."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import PROJECT

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
HERE = "tests/integration/test_docs.py"  # runs the blocks without a comment `run by`
CONTAINERS = "tests/e2e/test_docs.py"
BLOCK = re.compile(r"(?:<!-- run by (\S+) -->\n)?```console\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Command:
    """A `$` line of a console block.

    Args:
        page: path of the page, relative to the project.
        line: the command.
        output: the output on the page, if any.
        run_by: path of the test that runs it.
    """

    page: str
    line: str
    output: str
    run_by: str


def _commands(page: Path) -> list[Command]:
    found = []
    for run_by, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, output = part.partition("\n")
            found.append(Command(str(page.relative_to(PROJECT)), line, output, run_by or HERE))
    return found


COMMANDS = [command for page in PAGES for command in _commands(page)]


def same(shown: str, printed: str) -> bool:
    """Compare the output on a page with the actual one, ignoring spaces and numbers; `…` matches anything."""
    parts = [re.sub(r"\d+", r"\\d+", re.escape(part.strip())) for part in _one_line(shown).split("…")]
    return re.search(".*".join(parts), _one_line(printed)) is not None


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
