"""Reports of `python -m eda`, opened as files in a browser that may ask for nothing else."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route

from eda.explore import Exploration, explore
from eda.page import write_report
from eda.plots.findings import plot_findings
from eda.sections import Section
from tests import browser
from tests.unit.eda.faults import add_box, encode_image_again
from tests.unit.eda.folder import CocoFolder

Open = Callable[..., Page]


# Of a module: in the thread of Playwright no other test could run an event loop.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser.chromium() as running:
        yield running


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Exploration:
    """More findings than a page of the table has: tiny boxes, a box drawn twice, and a photo that leaks."""
    coco = CocoFolder(tmp_path_factory.mktemp("planted") / "cppe5")
    coco.add_images(70)
    for box in coco.documents["train"]["annotations"][2::2]:
        box["bbox"], box["area"] = [60, 80, 6, 30], 180
    coco.documents["test"]["annotations"][0] |= {"bbox": [10, 20, 5, 50], "area": 250, "category_id": 5}
    add_box(coco, 1, [10, 20, 40, 50])
    encode_image_again(coco, 1, 3)
    return explore(coco.dataset())


def findings_report(exploration: Exploration, folder: Path, *, pixels: bool = True) -> Path:
    """Write a report with the findings alone."""
    parts = [Section("Findings", "What the rules found.", (plot_findings,))]
    return write_report(exploration, parts, folder, pixels=pixels)


@pytest.fixture(scope="session")
def report(sample: Exploration, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return findings_report(sample, tmp_path_factory.mktemp("report"))


@pytest.fixture
def open_report(chromium: Browser) -> Iterator[Open]:
    """Opens a report; fails at the end if it asked for anything but itself, or if a script failed."""
    contexts = []
    asked: list[str] = []
    errors: list[str] = []

    def open_file(path: Path, fragment: str = "", **options: object) -> Page:
        url = path.as_uri()

        def refuse(route: Route) -> None:
            if route.request.url.split("#")[0] == url:
                route.continue_()
            else:
                asked.append(route.request.url)
                route.abort()

        context = chromium.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        context.route(lambda address: not address.startswith("data:"), refuse)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        page.goto(url + fragment)
        return page

    yield open_file
    for context in contexts:
        context.close()
    assert asked == []
    assert errors == []


@pytest.fixture
def page(open_report: Open, report: Path) -> Page:
    return open_report(report)


@pytest.fixture
def coco(tmp_path: Path) -> CocoFolder:
    return CocoFolder(tmp_path / "cppe5")
