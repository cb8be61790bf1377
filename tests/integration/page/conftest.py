"""A real TorchServe with the tiny network, and a browser that opens its page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from scripts.server.torchserve import TorchServe
from tests import browser
from tests.conftest import encoded, picture
from tests.integration.conftest import STORE, free_ports, stored

NAME = "tiny-resnet"


# Of a module: in the thread of Playwright no other test could run an event loop.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser.chromium() as running:
        yield running


@pytest.fixture(scope="session")
def url(tiny_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the model, and of its page."""
    archive = stored(str(tiny_directory), "")
    with TorchServe({NAME: archive.name}, STORE, free_ports(), tmp_path_factory.mktemp("serve")) as running:
        yield f"{running.ports.url(running.ports.inference)}/predictions/{NAME}"


@pytest.fixture
def page(chromium: Browser, url: str) -> Iterator[Page]:
    with browser.opened(chromium, url) as opened:
        yield opened


@pytest.fixture(scope="session")
def image() -> bytes:
    return encoded(picture(240, 160), "PNG")


@pytest.fixture
def photo(tmp_path: Path, image: bytes) -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(image)
    return path
