"""The peers' virtual environment, build/peers, made once from requirements.txt."""

import hashlib
import subprocess
import sys
from pathlib import Path

from scripts.common.errors import CommandError
from scripts.common.paths import BUILD

REQUIREMENTS = Path(__file__).with_name("requirements.txt")  # `make lock` writes it


def ensure(folder: Path = BUILD / "peers") -> Path:
    """Return the environment's Python; install the packages first unless this is done.

    Args:
        folder: of the environment.

    Raises:
        CommandError: the packages could not be installed.
    """
    python, stamp = folder / "bin" / "python", folder / ".complete"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print(f"installing the servers to compare with into {folder}", file=sys.stderr, flush=True)
    _run("venv", "--without-pip", "--clear", str(folder))  # clears what an interrupted installation left
    pip = ["pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    _run(*pip, "--only-binary", ":all:", "--require-hashes", "--requirement", str(REQUIREMENTS))
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _run(*module: str) -> None:
    if subprocess.run([sys.executable, "-m", *module], check=False).returncode:
        raise CommandError(
            "the servers that the benchmark compares with could not be installed: see the message above, check the "
            "network and the disk, then run again"
        )
