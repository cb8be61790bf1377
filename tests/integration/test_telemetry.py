"""The commands that start servers report nothing home."""

import re
import sys
from pathlib import Path

from jupyterlab.handlers.announcements import NeverCheckForUpdate
from jupyterlab.labapp import LabApp

from tests.conftest import PROJECT
from tests.integration.conftest import free_ports
from tests.isolation import run_isolated

CACHES = (".cache/matplotlib", ".config/matplotlib")  # its list of fonts


def test_a_build_and_a_server_report_nothing(project: Path, tiny_directory: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scripts", "demo", "--model", str(tiny_directory)]
    command += ["--port", str(free_ports().inference)]
    found = run_isolated(command, tmp_path, project)
    assert found.status == 0, found.output
    assert "class " in found.output
    assert found.sent == 0
    assert not [path for path in found.files if not str(path).startswith(CACHES)]


def test_the_report_on_cppe5_reports_nothing(tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "report"), "--figures", str(tmp_path / "figures.json")]
    found = run_isolated([sys.executable, "-m", "eda", "--synthetic", "60", *out], tmp_path)
    assert found.status == 0, found.output
    assert found.sent == 0
    assert not [path for path in found.files if not str(path).startswith(CACHES)]


def test_make_notebook_fetches_neither_news_nor_versions() -> None:
    makefile = (PROJECT / "Makefile").read_text().replace("\\\n", "")
    options = re.search(r"^JUPYTER = (.*)$", makefile, re.MULTILINE)
    assert options
    assert re.search(r"^\t.*jupyter lab \$\(JUPYTER\) ", makefile, re.MULTILINE)
    app = LabApp()
    app.parse_command_line(options[1].split())
    assert (app.news_url, app.check_for_updates_class, app.extension_manager) == (None, NeverCheckForUpdate, "readonly")
