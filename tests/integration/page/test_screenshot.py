"""The README's picture."""

from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from scripts.common.example import example_image
from scripts.common.paths import PROJECT
from scripts.docs import screenshot

MAX_SIZE = 150_000  # bytes


def test_a_picture_of_the_page(chromium: Browser, url: str, tmp_path: Path) -> None:
    screenshot.take(url, example_image(), tmp_path / "page.png", chromium)
    with Image.open(tmp_path / "page.png") as picture:
        assert picture.width == screenshot.WIDTH
        assert picture.height >= screenshot.HEIGHT
    assert (tmp_path / "page.png").stat().st_size < MAX_SIZE


def test_the_readme_has_a_small_one() -> None:
    assert (PROJECT / "docs" / "images" / "page.png").stat().st_size < MAX_SIZE
