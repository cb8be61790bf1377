"""Debian's Chromium, headless, and pages that must ask no other server and break no policy of their own."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route

from scripts.docs import screenshot

WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
});
"""

# WCAG 2.2's contrast ratio of each text that can be seen, against the nearest background that is opaque.
CONTRASTS = """() => {
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => parse(colour).slice(0, 3).map((value) => value / 255)
    .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, channel) => sum + value * [0.2126, 0.7152, 0.0722][channel], 0);
  const ground = (node) => {
    const colour = getComputedStyle(node).backgroundColor;
    return (parse(colour)[3] ?? 1) === 1 || !node.parentElement ? colour : ground(node.parentElement);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = {};
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (walker.currentNode.data.trim() && node.checkVisibility() && !node.closest(".unseen, script, style")) {
      const ink = getComputedStyle(node)[node.closest("svg") ? "fill" : "color"];
      const [one, other] = [light(ink), light(ground(node))].sort((a, b) => b - a);
      found[walker.currentNode.data.trim()] = (one + 0.05) / (other + 0.05);
    }
  }
  return found;
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the browser; skips the test where it is not installed."""
    if shutil.which("chromium") is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with screenshot.chromium() as browser:
        yield browser


@contextmanager
def opened(browser: Browser, url: str, **options: object) -> Iterator[Page]:
    """Open a page in a context of its own.

    At the end, fails if a script of the page failed, if its Content-Security-Policy blocked something, or if it asked
    another server.

    Args:
        browser: the browser.
        url: the page's address.
        options: of the context, such as `viewport`.
    """
    with browser.new_context(**options) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.add_init_script(WATCH)
        asked: list[str] = []
        errors: list[str] = []
        context.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        yield page
        assert errors == []
        assert page.evaluate("violations") == []
        servers = {urlsplit(each).netloc for each in asked if urlsplit(each).scheme not in ("blob", "data")}
        assert servers == {urlsplit(url).netloc}


def respond_once(page: Page, pattern: str, status: int, body: str, content_type: str) -> None:
    """Have the next request to an address answered here, in the browser."""

    def respond(route: Route) -> None:
        route.fulfill(status=status, body=body, content_type=content_type)

    page.route(pattern, respond, times=1)
