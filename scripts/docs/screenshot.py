"""Takes the README's picture: a model's page after it has classified the example image (`make screenshot`)."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import click
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from scripts.build.archive import ensure
from scripts.cli import options
from scripts.common.errors import CommandError, reported
from scripts.common.example import example_image
from scripts.common.paths import BUILD, PROJECT
from scripts.common.signals import stopping_on_signals
from scripts.server.ports import Ports
from scripts.server.torchserve import TorchServe

PICTURE = PROJECT / "docs" / "images" / "page.png"
WIDTH, HEIGHT = 1120, 800  # pixels
COLOURS = 256  # of the palette: the picture stays below 150 kB


@click.command()
@options.model
@options.name
@options.port
def screenshot(model: str, name: str, port: int) -> None:
    """Serve a model, and take a picture of its page for README.md."""
    ports = Ports(port)
    ports.require_free()
    archive = ensure(model, name, in_subprocess=True)
    server = TorchServe({archive.stem: archive.name}, ports=ports, run_directory=BUILD / "screenshot" / str(port))
    with stopping_on_signals(), server, chromium() as browser:
        take(f"{ports.url(ports.inference)}/predictions/{archive.stem}", example_image(), PICTURE, browser)
    print(f"wrote {PICTURE.relative_to(PROJECT)}, {PICTURE.stat().st_size / 1e3:.0f} kB")


def take(url: str, image: Path, picture: Path, browser: Browser) -> None:
    """Classify an image twice in a page, so that the time shown is not the first one's, and write the picture.

    Args:
        url: the page's address.
        image: the image's path.
        picture: path of the PNG.
        browser: a running one.
    """
    with browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}) as page:
        for _ in range(2):
            page.goto(url)
            with page.expect_response("**/explanations/*") as explanation:
                page.set_input_files("#files", image)
            if explanation.value.ok:
                page.wait_for_selector("canvas:not([hidden])")
        shot = page.screenshot(full_page=True)
    seen = Image.open(BytesIO(shot)).convert("RGB")
    seen.quantize(palette=seen.quantize(COLOURS)).save(picture, optimize=True)  # dithered: a heat map has no steps


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Debian's Chromium, headless.

    Raises:
        CommandError: it is not installed.
    """
    program = shutil.which("chromium")
    if program is None:
        raise CommandError("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


if __name__ == "__main__":
    with reported():
        screenshot()
