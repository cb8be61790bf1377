"""The same request as code: copied from the page, it runs and predicts the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, Route

from tests.integration.page.steps import card, choose

RUN = {
    "curl": ["bash", "-c", "{}"],
    "Python": [sys.executable, "-c", "{}"],
    "JavaScript": ["node", "--input-type=module", "-e", "{}"],
}
NAMES = ["photo.png", '-it\'s "my" $HOME [1]{2} größe\\.png']


def copied(page: Page, language: str) -> str:
    """Copy a program with the page's button, and return what the clipboard has."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_text(language, exact=True).click()
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    return str(page.evaluate("navigator.clipboard.readText()"))


def run(language: str, program: str, folder: Path, **environment: str) -> str:
    command = [part.replace("{}", program) for part in RUN[language]]
    result = subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, f"{program}\n{result.stderr}"
    return result.stdout


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", RUN)
def test_a_program_predicts_the_same(page: Page, url: str, photo: Path, language: str, name: str) -> None:
    renamed = photo.rename(photo.parent / name)
    choose(page, renamed)
    card(page, name)
    printed = run(language, copied(page, language), photo.parent)
    top = requests.post(url, data=renamed.read_bytes(), timeout=60).json()[0]
    assert top["label"] in printed
    if language == "curl":
        assert json.loads(printed)[0] == top


@pytest.mark.parametrize("language", RUN)
def test_a_program_sends_a_token_that_it_does_not_hold(page: Page, photo: Path, language: str) -> None:
    page.route("**/predictions/*", lambda route: _guard(route, "Bearer s3cret"))
    choose(page, photo)
    page.get_by_label("This server asks for a token.").fill("s3cret")
    page.get_by_role("button", name="Send again").click()
    card(page, "photo.png").locator(".class").first.wait_for()
    program = copied(page, language)
    assert "s3cret" not in program
    assert "TOKEN" in program
    assert "class" in run(language, program, photo.parent, TOKEN="s3cret")


def _guard(route: Route, expected: str) -> None:
    if route.request.headers.get("authorization") == expected:
        route.continue_()
    else:
        route.fulfill(status=401)


def test_where_a_page_may_not_copy_the_program_is_selected(page: Page) -> None:
    """Browsers give pages the clipboard only over HTTPS and on this machine."""
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Selected").wait_for()
    assert page.evaluate("getSelection().toString()") == page.locator("#program").inner_text()


def test_before_an_image_the_program_names_an_example(page: Page, url: str) -> None:
    assert page.locator("#program").inner_text() == f"curl -T photo.jpg {url}"
