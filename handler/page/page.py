"""One HTML document from the files beside this module, with the headers that let it run and nothing else."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

from handler.engines.engine import Engine
from handler.errors import RequestError
from handler.manifest import Manifest
from handler.protocols.accept import OFFERED, negotiate
from handler.protocols.media_types import HTML
from handler.protocols.request import is_explain

CONTENT_TYPE = f"{HTML}; charset=utf-8"
ENGINES = {"onnx": "ONNX Runtime", "openvino": "OpenVINO", "torch": "PyTorch"}
FOLDER = Path(__file__).parent
SCRIPTS = ("requests.js", "code.js", "heat_map.js", "card.js", "main.js")  # in the order in which they run


@dataclass(frozen=True)
class Page:
    """The page of one model.

    Args:
        body: the document, in UTF-8.
        headers: what a browser must know beside its content type.
    """

    body: bytes
    headers: Mapping[str, str]

    @classmethod
    def of(cls, manifest: Manifest, name: str, engine: Engine) -> "Page":
        """Return the page that says what speaks.

        Args:
            manifest: of the model.
            name: the served name.
            engine: what runs the network.
        """
        facts = {
            "model": name,
            "version": manifest.version,
            "engine": ENGINES[engine.name],
            "precision": engine.precision,
            "classes": f"{len(manifest.labels):,}",
        }
        style = (FOLDER / "page.css").read_text(encoding="utf-8")
        script = "".join((FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS)
        template = Template((FOLDER / "index.html").read_text(encoding="utf-8"))
        shown = {name: escape(value) for name, value in facts.items()}
        body = template.substitute(shown, style=style, script=script)
        return cls(body.encode(), headers(style, script))


def headers(style: str, script: str) -> dict[str, str]:
    """Return the headers of a page with this style and this script inline, which alone are allowed.

    Requests go to this server only, images come from the reader alone, and no other page may frame it.
    """
    policy = {
        "default-src": "'none'",
        "style-src": _hashed(style),
        "script-src": _hashed(script),
        "connect-src": "'self'",
        "img-src": "blob: data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {sources}" for name, sources in policy.items()),
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept",
        "X-Content-Type-Options": "nosniff",
    }


def wants_page(row: Mapping[str, object], headers: Mapping[str, object]) -> bool:
    """Whether a browser opens a model's address: a request without a body whose `Accept` prefers HTML.

    TorchServe tells a handler no method, and gives every request a length, so an empty POST gets the page too.

    Args:
        row: the request as TorchServe hands it over.
        headers: its headers, in any case.
    """
    if any(row.values()):  # TorchServe's own row of a GET is {"body": b""}
        return False
    accept = next((str(value) for name, value in headers.items() if name.lower() == "accept"), "")
    if HTML not in accept.lower() or is_explain(headers):
        return False
    try:
        return negotiate(accept, (*OFFERED, HTML)) == HTML
    except RequestError:
        return False


def _hashed(text: str) -> str:
    """Return the source of a Content-Security-Policy that allows an inline text (CSP level 3, section 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
