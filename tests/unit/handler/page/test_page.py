"""The page of a model: who gets it, what it says, and what it may load."""

import base64
import hashlib
import re
from typing import Any

import pytest
from ts.context import Context

from handler.classifier import ImageClassifier
from handler.explanations.response import COLOURS, GAIN, OPACITY
from handler.page.page import FOLDER, SCRIPTS
from tests.conftest import PROJECT
from tests.unit.handler.batches import PHOTO, handled

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8"


def opened(classifier: ImageClassifier, context: Context) -> str:
    """Return the page as a browser gets it."""
    ((status, content_type, body),) = handled(classifier, context, ({}, {"Accept": CHROME}))
    assert (status, content_type) == (200, "text/html; charset=utf-8")
    return bytes(body).decode()


@pytest.mark.parametrize("row", [{}, {"body": bytearray()}])  # without a body, TorchServe hands over either
@pytest.mark.parametrize("accept", [CHROME, "text/html", "TEXT/HTML", "text/html;q=0.9, application/json;q=0.5"])
def test_a_browser_gets_the_page(
    classifier: ImageClassifier, context: Context, accept: str, row: dict[str, Any]
) -> None:
    ((status, content_type, _),) = handled(classifier, context, (row, {"accept": accept, "content-length": "0"}))
    assert (status, content_type) == (200, "text/html; charset=utf-8")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 400),
        ("", 400),
        ("text/*", 400),
        ("application/json, text/html;q=0.5", 400),
        ("text/html;q=0, */*", 400),
        ("text/html;q=0", 406),
        ("image/*", 406),
    ],
)
def test_other_clients_get_an_error(classifier: ImageClassifier, context: Context, accept: str, status: int) -> None:
    assert handled(classifier, context, ({}, {"Accept": accept}))[0][:2] == (status, "application/problem+json")


def test_the_address_of_explanations_has_no_page(classifier: ImageClassifier, context: Context) -> None:
    ((status, content_type, _),) = handled(classifier, context, ({}, {"Accept": CHROME, "explain": "True"}))
    assert status >= 400
    assert content_type == "application/problem+json"


def test_an_image_from_a_browser_gets_json(classifier: ImageClassifier, context: Context) -> None:
    ((status, content_type, _),) = handled(classifier, context, ({"body": PHOTO}, {"Accept": CHROME}))
    assert (status, content_type) == (200, "application/json")


def test_a_page_harms_none_of_its_batch_mates(classifier: ImageClassifier, context: Context) -> None:
    batch: list[tuple[dict[str, Any], dict[str, str]]] = [({"body": PHOTO}, {}), ({}, {"Accept": CHROME}), ({}, {})]
    responses = handled(classifier, context, *batch)
    assert [status for status, _, _ in responses] == [200, 200, 400]


def test_the_page_says_which_model_speaks(classifier: ImageClassifier, context: Context) -> None:
    page = opened(classifier, context)
    assert "<h1>tiny-resnet</h1>" in page
    facts = re.findall("<li>(.*)</li>", page)
    engine = {"onnx": "ONNX Runtime", "openvino": "OpenVINO", "torch": "PyTorch"}[classifier.model.engine.name]
    assert facts[:4] == ["version 1.0", engine, classifier.model.engine.precision, "10 classes"]


def test_a_name_is_text_in_the_page(context: Context) -> None:
    context.model_name = '<b>"&'
    classifier = ImageClassifier()
    classifier.initialize(context)
    assert "<h1>&lt;b&gt;&quot;&amp;</h1>" in opened(classifier, context)


def test_the_policy_allows_only_what_is_in_the_page(classifier: ImageClassifier, context: Context) -> None:
    page = opened(classifier, context)
    policy = context.get_response_headers(0)["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (inline,) = re.findall(f"<{tag}[^>]*>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy


def test_the_page_names_no_address(classifier: ImageClassifier, context: Context) -> None:
    assert re.findall(r"""(?:src|href|url)\b[=(]"?([^"\s)]+)""", opened(classifier, context)) == ["data:,"]
    assert "://" not in opened(classifier, context).replace("// ", "")


def test_every_script_is_in_the_page() -> None:
    assert sorted(SCRIPTS) == sorted(path.name for path in FOLDER.glob("*.js"))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.*")), ids=lambda path: path.name)
def test_a_file_is_short(path: Any) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 250, path.relative_to(PROJECT)


def test_heat_maps_look_like_pictures_of_explanations() -> None:
    script = (FOLDER / "heat_map.js").read_text()
    assert f"const COLOURS = {COLOURS.astype(int).tolist()};" in script
    assert f"255 * Math.min(1, heat * {GAIN})" in script
    assert f'max="100" value="{OPACITY * 100:.0f}"' in (FOLDER / "index.html").read_text()
