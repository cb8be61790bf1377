"""`make up` where something is missing, the notebook's choice there, and what docker-compose.yml says."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.common.example import example_image
from scripts.common.paths import PROJECT
from scripts.notebook import walkthrough

NEEDED = ("bash", "dirname", "env", "grep", "tail", "seq", "make", "curl")


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A folder of programs without docker."""
    for program in NEEDED:
        found = shutil.which(program)
        assert found, program
        (tmp_path / program).symlink_to(found)
    return tmp_path


def make_up(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", "PYTHON=python3", "up"]
    return subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_without_compose_it_says_what_to_install(bare_path: Path) -> None:
    result = make_up({**os.environ, "PATH": str(bare_path)})
    assert result.returncode != 0
    assert result.stderr.startswith(
        "error: neither docker compose nor docker-compose is installed: "
        "install one (Debian: apt-get install docker.io docker-compose)"
    )


def test_without_an_engine_it_says_what_to_start(bare_path: Path) -> None:
    for program in ("docker", "docker-compose"):
        (bare_path / program).write_text("#!/bin/sh\nexit 1\n")
        (bare_path / program).chmod(0o755)
    result = make_up({**os.environ, "PATH": str(bare_path)})
    assert result.returncode != 0
    assert result.stderr.startswith("error: no Docker engine responds: start it")


def test_a_token_that_every_user_can_read_is_refused(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    environment = {**os.environ, "DOCKER_HOST": "tcp://127.0.0.1:9"}
    setting = tmp_path / ".env"

    def up(text: str, mode: int) -> str:
        setting.write_text(text)
        setting.chmod(mode)
        command = ["bash", str(tmp_path / "scripts" / "container" / "up.sh")]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert result.returncode == 1
        return result.stderr

    refused = "error: .env holds MANAGEMENT_TOKEN, and every user of this machine can read it: chmod 600 .env\n"
    assert up("MANAGEMENT_TOKEN=0123456789abcdef\n", 0o644) == refused
    assert up("export MANAGEMENT_TOKEN = 0123456789abcdef\n", 0o644) == refused
    assert up("MANAGEMENT_TOKEN=0123456789abcdef\n", 0o640) != refused
    assert up("MANAGEMENT_TOKEN=\nMODEL=\n", 0o644) != refused


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of what `make up` runs, with a docker that writes down its environment and fails."""
    folder = tmp_path / "clone"
    shutil.copytree(PROJECT / "scripts" / "container", folder / "scripts" / "container")
    shutil.copytree(PROJECT / "config", folder / "config", ignore=shutil.ignore_patterns("tls.*", "management_token"))
    shutil.copy(PROJECT / "Makefile", folder)
    docker = folder / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text('#!/bin/sh\n[ "$2" != up ] || { env >"$0.environment"; exit 1; }\n')
    docker.chmod(0o755)
    return folder


def environment_of_compose(clone: Path, command: str, **environment: str) -> dict[str, str]:
    """Run a make command, and return what docker compose finds in its environment of the model's variables."""
    names = ("MODEL", "NAME", "VERSION")
    inherited = {name: value for name, value in os.environ.items() if name not in (*names, "MAKEFLAGS", "MAKELEVEL")}
    path = {"PATH": f"{clone / 'bin'}:{os.environ['PATH']}"}
    subprocess.run(
        ["bash", "-c", command], cwd=clone, env=inherited | path | environment, capture_output=True, check=False
    )
    lines = (clone / "bin" / "docker.environment").read_text().splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    return {name: found[name] for name in names if name in found}


def test_make_leaves_the_model_to_the_settings_file(clone: Path) -> None:
    """Whatever is in the environment, compose takes instead of .env."""
    assert environment_of_compose(clone, "make up") == {}


def test_a_model_on_the_command_line_wins_over_the_settings_file(clone: Path) -> None:
    given = environment_of_compose(clone, "make up MODEL=models/mine VERSION=2.0")
    assert given == {"MODEL": "models/mine", "VERSION": "2.0"}
    assert environment_of_compose(clone, "make up", NAME="cats") == {"NAME": "cats"}


def test_the_host_name_that_wsl_sets_is_no_name(clone: Path) -> None:
    name = Path("/proc/sys/kernel/hostname").read_text().strip()
    assert environment_of_compose(clone, "make up", NAME=name) == {}


@pytest.mark.parametrize(
    ("setting", "environment", "port"),
    [
        ("GATEWAY_PORT=9080", {}, "9080"),
        ("GATEWAY_PORT='9080'", {}, "9080"),
        ("GATEWAY_PORT=9080 # of the proxy", {}, "9080"),
        ('GATEWAY_PORT="9080" # of the proxy', {}, "9080"),
        ("export GATEWAY_PORT=9080", {}, "9080"),
        (" GATEWAY_PORT = 9080 ", {}, "9080"),
        ("GATEWAY_PORT=9080\r", {}, "9080"),
        ("GATEWAY_PORT=9080", {"GATEWAY_PORT": "9090"}, "9090"),
        ("GATEWAY_PORT=9080", {"GATEWAY_PORT": ""}, "8080"),  # as compose reads it
    ],
)
def test_up_waits_at_the_port_that_compose_publishes(
    clone: Path, setting: str, environment: dict[str, str], port: str
) -> None:
    (clone / ".env").write_text(f"{setting}\n")
    assert f"  inference   http://127.0.0.1:{port}\n" in output_of_up(clone, **environment)


def test_up_names_the_served_models_and_their_curl_lines(clone: Path) -> None:
    output = output_of_up(clone, models='{"models": ["cats", "resnet-50"]}')
    assert "  models      cats resnet-50\n" in output
    for model in ("cats", "resnet-50"):
        assert f"  curl -T photo.jpg http://127.0.0.1:8080/predictions/{model}\n" in output


def output_of_up(clone: Path, models: str = "", **environment: str) -> str:
    """Run up.sh with a docker that does nothing and a gateway that lists these models, and return what it prints."""
    curl = f"#!/bin/sh\ncase \"$*\" in */v1/models) echo '{models}' ;; esac\n"
    for program, text in {"docker": "#!/bin/sh\n", "curl": curl}.items():
        (clone / "bin" / program).write_text(text)
        (clone / "bin" / program).chmod(0o755)
    inherited = {name: value for name, value in os.environ.items() if name != "GATEWAY_PORT"}
    path = {"PATH": f"{clone / 'bin'}:{os.environ['PATH']}"}
    up = ["bash", str(clone / "scripts" / "container" / "up.sh")]
    result = subprocess.run(
        up, cwd=clone, env=inherited | path | environment, capture_output=True, text=True, check=True, timeout=60
    )
    return result.stdout


def test_a_clone_under_umask_077_is_opened_to_the_containers_users(clone: Path) -> None:
    """But for the secrets, which belong to one container's user each."""
    config = clone / "config"
    secrets = {config / "nginx" / "secrets" / "tls.key", config / "docker" / "secrets" / "management_token"}
    for secret in secrets:
        secret.write_text("secret")
    for path in [config, *config.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    subprocess.run(
        ["bash", "scripts/container/compose.sh", "up"],
        cwd=clone,
        env={**os.environ, "PATH": f"{clone / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        check=False,
    )
    assert (clone / "bin" / "docker.environment").exists()  # compose was called, and finds the modes as they are now
    closed = {path for path in config.rglob("*") if path.stat().st_mode & 0o4 == 0}
    assert closed == {*secrets, *(secret.with_name("README.md") for secret in secrets)}
    assert all(path.stat().st_mode & 0o1 for path in config.rglob("*") if path.is_dir())


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
    return found


@pytest.mark.parametrize("service", services())
def test_docker_keeps_the_last_50_mb_of_each_log(service: str) -> None:
    log = services()[service]["logging"]
    assert log == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "5"}}
    assert "Docker keeps the last 50 MB of each container's log" in (PROJECT / "docs" / "deployment.md").read_text()


def test_grafana_reports_and_fetches_nothing() -> None:
    """As docs/security.md says; no container of it runs in the tests."""
    environment = services()["grafana"]["environment"]
    fetches = ("REPORTING_ENABLED", "CHECK_FOR_UPDATES", "CHECK_FOR_PLUGIN_UPDATES", "FEEDBACK_LINKS_ENABLED")
    others = ("GF_NEWS_NEWS_FEED_ENABLED", "GF_PLUGINS_PLUGIN_ADMIN_ENABLED", "GF_SNAPSHOTS_EXTERNAL_ENABLED")
    off = {*(f"GF_ANALYTICS_{name}" for name in fetches), *others}
    on = {"GF_SECURITY_DISABLE_GRAVATAR", "GF_PLUGINS_PREINSTALL_DISABLED", "GF_PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED"}
    expected = dict.fromkeys(off, "false") | dict.fromkeys(on, "true")
    assert {name: environment.get(name) for name in expected} == expected


def test_without_docker_the_notebook_uses_the_local_server(bare_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(bare_path))
    monkeypatch.delenv("SERVICE", raising=False)
    assert "neither docker compose nor docker-compose is installed" in str(walkthrough.missing())
    assert walkthrough.choose().kind == "the local server of make serve"


def test_offline_the_notebook_uses_the_example_image(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PHOTO", raising=False)
    monkeypatch.setattr(walkthrough, "BUILD", tmp_path)
    monkeypatch.setattr(walkthrough, "COCO_IMAGE", "http://127.0.0.1:9/photo.jpg")
    assert walkthrough.image() == example_image()
    assert not list(tmp_path.iterdir())  # no partial download is left
