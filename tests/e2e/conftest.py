"""One stack for all tests: built, started, and removed with its volumes."""

import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import requests

from scripts.common.example import example_image
from scripts.common.paths import BUILD
from tests.e2e import build, engine
from tests.e2e.stack import Stack, docker
from tests.waiting import wait_for

FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[int | None]:
    """The process id of an engine that these tests may stop: one of their own, or the one that DOCKERD_PID names."""
    try:
        with engine.running(BUILD / "dockerd.log") as own:
            yield own or int(os.environ.get("DOCKERD_PID", "0")) or None
    except engine.NoEngineError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI must run these tests: {error}")
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def base_images(docker_engine: int | None) -> None:
    subprocess.run([sys.executable, str(Path(__file__).with_name("base_images.py"))], check=True)


@pytest.fixture(scope="session")
def stack(base_images: None) -> Iterator[Stack]:
    stack = Stack(build.PROJECT_NAME)
    stack.compose("down", "--volumes")  # leftovers of an interrupted run
    stack.compose("build")
    try:
        stack.compose("up", "--detach")
        # Responses while the model is loading, for test_gateway.py.
        wait_for("the gateway", lambda: _is_ok(f"{stack.url}/healthz"))
        image = example_image().read_bytes()
        stack.early["alive"] = requests.get(f"{stack.url}/healthz", timeout=10)
        stack.early["ready"] = requests.get(f"{stack.url}/readyz", timeout=10)
        stack.early["v2 ready"] = requests.get(f"{stack.url}/v2/health/ready", timeout=10)
        stack.early["prediction"] = requests.post(f"{stack.url}/predictions/any", data=image, timeout=10)
        wait_for("a ready stack", stack.ready, 240)
        yield stack
    except BaseException:
        print(stack.compose("logs", "--tail", "100"))
        raise
    finally:
        BUILD.mkdir(exist_ok=True)
        (BUILD / "e2e-containers.log").write_text(stack.compose("logs", "--no-color"), encoding="utf-8")
        stack.compose("down", "--volumes", "--timeout", "60")


@pytest.fixture(autouse=True)
def whole_again(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test that failed, show the containers and start them again: the next one needs them."""
    yield
    if request.node.stash.get(FAILED, False) and "stack" in request.fixturenames:
        stack: Stack = request.getfixturevalue("stack")
        print(docker("ps", "--all", "--filter", f"name={stack.project}"))
        print(stack.compose("logs", "--tail", "40"))
        stack.up()


def _is_ok(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


@pytest.fixture(scope="session")
def image() -> bytes:
    return example_image().read_bytes()


@pytest.fixture
def predictions(stack: Stack) -> str:
    return f"{stack.url}/predictions/{stack.model()}"


@pytest.fixture(scope="session")
def label() -> str:
    """The top-1 label of the image."""
    return "espresso"
