"""Commands as a person types them."""

import subprocess

from tests.conftest import PROJECT

PATIENCE = 180  # s, for a build and a start while other tests load the machine


def make(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=PROJECT, env=environment, timeout=PATIENCE
    )


def failure(result: subprocess.CompletedProcess[str]) -> str:
    """Return the one sentence of a command that failed; make itself adds a line that names the target."""
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    (sentence,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    return sentence
