"""What readers do, and what they see."""

import base64
from collections.abc import Sequence
from pathlib import Path

import yaml
from playwright.sync_api import Locator, Page

HAND_OVER = """([kind, files]) => {
  const data = new DataTransfer();
  for (const [name, type, text] of files) {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    data.items.add(new File([bytes], name, {type}));
  }
  const options = {bubbles: true, cancelable: true};
  const event = kind === "paste" ? new ClipboardEvent(kind, {...options, clipboardData: data})
    : new DragEvent(kind, {...options, dataTransfer: data});
  document.getElementById("drop").dispatchEvent(event);
}"""


def hand_over(page: Page, kind: str, *files: tuple[str, bytes]) -> None:
    """Drop or paste files.

    Args:
        page: the page.
        kind: `drop` or `paste`.
        files: their names and bytes.
    """
    encoded = [[name, "", base64.b64encode(data).decode()] for name, data in files]
    page.evaluate(HAND_OVER, [kind, encoded])


def operations(document: Path) -> int:
    """Return how many operations an OpenAPI document has."""
    paths = yaml.safe_load(document.read_text(encoding="utf-8"))["paths"]
    return sum("responses" in operation for item in paths.values() for operation in item.values())


def choose(page: Page, *files: Path) -> None:
    """Choose files with the button."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose images").click()
    chooser.value.set_files(list(files))


def card(page: Page, name: str) -> Locator:
    """Return the card of an image once the server has responded."""
    found = page.locator("li.card", has=page.locator("figcaption", has_text=name))
    found.and_(page.locator("[aria-busy=false]")).wait_for()
    return found


def classes(found: Locator) -> list[tuple[str, str]]:
    """Return the labels and the scores on a card."""
    rows = found.locator(".class").all()
    return [(row.locator("b").inner_text(), row.locator(".score").inner_text()) for row in rows]


def as_shown(predictions: Sequence[dict[str, object]]) -> list[tuple[str, str]]:
    """Return what a card shows of predictions with at least 0.1 %."""
    return [(str(each["label"]), f"{float(str(each['score'])):.1%}") for each in predictions]
