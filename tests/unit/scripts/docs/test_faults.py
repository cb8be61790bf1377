"""The README's table of faults: a row for everything that a test records, and nothing else."""

import ast
import re
from pathlib import Path

import pytest

from scripts.common.errors import CommandError
from scripts.docs import faults
from tests.conftest import PROJECT

ROW = {"sent": 9, "answered": 6, "refused": 2, "lost": 1, "longest_gap_seconds": 1.26}


def recorded() -> set[str]:
    """Return what the tests record, read from their source."""
    calls = [
        node
        for path in (PROJECT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "record"
    ]
    words = [node for call in calls for node in ast.walk(call.args[0]) if isinstance(node, ast.Constant)]
    assert not [call for call in calls if isinstance(call.args[0], ast.JoinedStr)]  # a name is known beforehand
    return {str(word.value) for word in words}


def test_the_readme_has_a_row_for_each_fault_that_a_test_records_and_nothing_is_lost() -> None:
    readme = faults.README.read_text(encoding="utf-8")
    text = readme[readme.index(faults.BEGIN) : readme.index(faults.END)]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[3:]]
    assert {row[0] for row in rows} == recorded()
    assert all(re.fullmatch(r"\d+", cell) for row in rows for cell in row[1:5])
    for what, sent, answered, refused, lost, *_ in rows:
        assert int(sent) == int(answered) + int(refused) + int(lost), what
        assert lost == "0", what


def test_make_faults_runs_every_test_that_records() -> None:
    for path in (PROJECT / "tests").rglob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
        for test in functions:
            if re.search(r"^ +\w+\.record\(", ast.unparse(test), re.MULTILINE):
                marks = [ast.unparse(mark) for mark in test.decorator_list]
                assert "pytest.mark.faults" in marks or "pytestmark = pytest.mark.faults" in text, test.name


def test_the_table_is_written_between_its_marks(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{faults.BEGIN}\nold\n{faults.END}\nafter\n")
    figures = {"worker killed": {**ROW, "recovery_seconds": 1.3}, "queue full": ROW}
    for _ in range(2):
        faults.write(readme, figures)
    lines = readme.read_text().splitlines()
    assert lines[:2] == ["before", faults.BEGIN]
    assert lines[4:] == [
        "| queue full | 9 | 6 | 2 | 1 | 1.3 |  |",
        "| worker killed | 9 | 6 | 2 | 1 | 1.3 | 1.3 |",
        faults.END,
        "after",
    ]


def test_a_readme_without_a_place_for_it_is_left_alone(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("no marks")
    with pytest.raises(CommandError, match="has no place for the table"):
        faults.write(readme, {})
    assert readme.read_text() == "no marks"
