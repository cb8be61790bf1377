"""The command line: help, exit statuses and shell completion."""

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from scripts.cli.main import main
from tests.conftest import PROJECT

COMMANDS = "demo serve archive show models rollout predict formats bench tune soak fuzz audit"


def commands(help_text: str) -> dict[str, str]:
    """Return the commands of a help page with their descriptions."""
    lines = help_text.partition("Commands:\n")[2].splitlines()
    return {line.split()[0]: line.strip().partition(" ")[2].strip() for line in lines}


def test_help_describes_every_command() -> None:
    listed = commands(CliRunner().invoke(main, ["--help"]).output)
    assert list(listed) == COMMANDS.split()
    assert all(text.endswith(".") and "..." not in text for text in listed.values()), listed


def test_models() -> None:
    listed = commands(CliRunner().invoke(main, ["models", "--help"]).output)
    assert sorted(listed) == ["describe", "list", "register", "scale", "set-default", "unregister"]


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'transformers', 'matplotlib', 'onnx'}"
    code = f"import sys, scripts.cli.main; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert result.stdout == "[]\n"


@pytest.mark.parametrize("arguments", [["nonsense"], ["serve", "--nonsense"], ["show"], ["serve", "--port", "http"]])
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "Usage: " in result.output


def test_an_error_is_one_sentence_and_status_1() -> None:
    result = CliRunner().invoke(main, ["show", "none.mar"])
    assert result.exit_code == 1
    assert result.stderr == "error: there is no none.mar: build it with make archive\n"


@pytest.mark.parametrize(
    ("words", "completed"),
    [("ser", "serve"), ("models set", "set-default"), ("bench --q", "--quick")],
)
def test_shell_completion(words: str, completed: str) -> None:
    """Bash completion of the program that `make setup` writes."""
    typed = f"image-classifier {words}"
    environment = {
        "_IMAGE_CLASSIFIER_COMPLETE": "bash_complete",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    program = PROJECT / ".venv" / "bin" / "image-classifier"
    result = subprocess.run([program], capture_output=True, text=True, check=True, env=os.environ | environment)
    assert result.stdout.split() == [f"plain,{completed}"]
