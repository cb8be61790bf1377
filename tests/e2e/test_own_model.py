"""A clone under a umask of 077 with an own model in models/, which .env names."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from scripts.common.paths import PROJECT
from tests.e2e.problems import assert_problem
from tests.e2e.stack import Stack, docker
from tests.waiting import wait_for

# What the layers with the installed packages are made from; with another mode, they would be built again.
PACKAGES = ("pyproject.toml", "constraints.txt", "config/docker/install.sh")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, tiny_directory: Path) -> Path:
    folder = tmp_path_factory.mktemp("own-model") / "clone"
    for name in ("handler", "scripts", "config"):
        ignored = shutil.ignore_patterns("__pycache__", "tls.crt", "tls.key", "management_token")
        shutil.copytree(PROJECT / name, folder / name, ignore=ignored)
    for name in ("docker-compose.yml", ".dockerignore", "pyproject.toml", "constraints.txt"):
        shutil.copy(PROJECT / name, folder / name)
    shutil.copytree(tiny_directory, folder / "models" / "my-model")
    (folder / ".env").write_text("MODEL=models/my-model\nNAME=mine\nVERSION=3.0\nCONSOLE_LEVEL=info\n")
    for path in folder.rglob("*"):
        if str(path.relative_to(folder)) not in PACKAGES:
            path.chmod(path.stat().st_mode & 0o700)
    return folder


@pytest.fixture(scope="module")
def own(stack: Stack, clone: Path) -> Iterator[Stack]:
    """The containers of the clone, beside those of all other tests, which have built the layers with the packages."""
    own = Stack(f"{stack.project}-own", clone)
    for name in ("MODEL", "NAME", "VERSION"):
        del own.environment[name]
    try:
        own.compose("up", "--detach", "--build", "torchserve", "gateway")
        wait_for("a ready stack", own.ready, 240)
        yield own
    except BaseException:
        print(own.compose("logs", "--tail", "100"))
        raise
    finally:
        own.compose("down", "--volumes", "--timeout", "60")
        docker("rmi", "--force", own.environment["IMAGE"])


def test_it_is_served_as_the_settings_say(own: Stack, image: bytes) -> None:
    (version,) = own.versions("mine")
    assert version.version == "3.0"
    response = requests.post(f"{own.url}/predictions/mine", data=image, timeout=60)
    assert response.ok, response.text
    assert response.json()[0]["label"].startswith("class ")


def test_the_log_shows_clients_requests_alone(own: Stack, image: bytes) -> None:
    """And none of the checks of readiness, which come every second, or of Prometheus."""
    requests.post(f"{own.url}/predictions/mine?marked", data=image, timeout=60)
    server = own.containers("torchserve")[0]
    requests.get(f"http://{own.address(server)}:8082/metrics", timeout=10)
    requests.get(f"http://{own.address(server)}:8081/models?marked", timeout=10)  # comes after the line of the scrape

    def lines() -> list[str]:
        logged = [line for line in docker("logs", server).splitlines() if "ACCESS_LOG" in line]
        return logged if "GET /models?marked" in "".join(logged) else []

    logged = wait_for("the line of the last request", lines)
    assert any("POST /predictions/mine?marked" in line for line in logged)
    assert not [line for line in logged if "/127.0.0.1:" in line or "GET /metrics" in line]


def test_half_an_archive_is_refused(own: Stack) -> None:
    """A full disk leaves it; the sentence is the model server's own."""
    copy = "head -c 100000 /srv/models/mine-3.0.mar >/srv/models/half.mar"
    docker("exec", own.containers("torchserve")[0], "sh", "-c", copy)
    response = own.manage("POST", "/models", url="half.mar")
    assert_problem(response, 403, "registration-refused")
    assert response.json()["detail"].startswith("half.mar is cut off, damaged or no archive")


def test_the_archive_comes_back_when_the_models_are_lost(own: Stack) -> None:
    """The volume `state` is kept, and with it what is registered."""
    own.manage("PUT", "/models/mine", min_worker=2, max_worker=2, synchronous="true")
    own.compose("down", "--timeout", "60")
    docker("volume", "rm", f"{own.project}_models")
    own.compose("up", "--detach", "torchserve", "gateway")
    wait_for("a ready stack", own.ready, 240)
    (version,) = own.versions("mine")
    assert (version.version, len(version.workers)) == ("3.0", 2)
