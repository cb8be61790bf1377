"""Writes the README's table of faults from build/faults.json, which the tests marked `faults` leave behind."""

import json
import re
from pathlib import Path
from typing import Any

from scripts.common.errors import CommandError
from scripts.common.paths import BUILD, PROJECT

FIGURES = BUILD / "faults.json"
README = PROJECT / "README.md"
BEGIN, END = "<!-- faults: make faults -->", "<!-- /faults -->"
HEAD = (
    "| what was done | requests | answered | refused | lost | longest gap, s | recovery, s |\n"
    "|---|---|---|---|---|---|---|\n"
)


def table(figures: dict[str, dict[str, Any]]) -> str:
    """Return the figures as a Markdown table, a row for everything that was done."""
    return HEAD + "".join(
        f"| {what} | {row['sent']} | {row['answered']} | {row['refused']} | {row['lost']} | "
        f"{row['longest_gap_seconds']:.1f} | {_recovery(row)} |\n"
        for what, row in sorted(figures.items())
    )


def _recovery(row: dict[str, Any]) -> str:
    return f"{row['recovery_seconds']:.1f}" if "recovery_seconds" in row else ""


def write(readme: Path, figures: dict[str, dict[str, Any]]) -> None:
    """Put the table between the two marks of a README.

    Raises:
        CommandError: there are no marks.
    """
    text = readme.read_text(encoding="utf-8")
    new, count = re.subn(f"{BEGIN}\n.*?{END}", lambda _: f"{BEGIN}\n{table(figures)}{END}", text, flags=re.DOTALL)
    if count != 1:
        raise CommandError(f"{readme} has no place for the table: put the lines {BEGIN} and {END} into it")
    readme.write_text(new, encoding="utf-8")


def run() -> None:
    """Write the table."""
    if not FIGURES.is_file():
        raise CommandError(f"there is no {FIGURES}: run make faults")
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    write(README, figures)
    print(table(figures), end="")
