"""Virtual environments below build/, for programs whose packages do not fit beside this project's own."""

import fcntl
import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from scripts.common.errors import CommandError


@dataclass(frozen=True)
class Environment:
    """A virtual environment, made when it is first needed.

    Args:
        folder: of the environment.
        requirements: pinned packages with hashes; `make lock` writes such files.
        purpose: what the packages are, such as "the servers to compare with".
    """

    folder: Path
    requirements: Path
    purpose: str

    def ensure(self) -> Path:
        """Return the environment's Python; install the packages first unless this is done.

        Of several processes, one installs and the others wait for it.

        Raises:
            CommandError: the packages could not be installed.
        """
        lock = self.folder.with_suffix(".lock")
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            return self._ensure()

    def _ensure(self) -> Path:
        python, stamp = self.folder / "bin" / "python", self.folder / ".complete"
        wanted = hashlib.sha256(self.requirements.read_bytes()).hexdigest()
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
            return python
        print(f"installing {self.purpose} into {self.folder}", file=sys.stderr, flush=True)
        self._run("venv", "--without-pip", "--clear", str(self.folder))  # clears what an interrupted installation left
        pip = ["pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        self._run(*pip, "--only-binary", ":all:", "--require-hashes", "--requirement", str(self.requirements))
        stamp.write_text(wanted, encoding="utf-8")
        return python

    def _run(self, *module: str) -> None:
        if subprocess.run([sys.executable, "-m", *module], check=False).returncode:
            raise CommandError(
                f"{self.purpose} could not be installed: see the message above, check the network and the disk, "
                "then run again"
            )
