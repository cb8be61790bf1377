"""Pages of the gateway, as the status service serves them.

=============  =======================================================================================
/page          leads to the served model's page; a list of their pages where there are several models
/docs          config/api/openapi.yaml, rendered by Swagger UI
/docs/<file>   what that page loads: a style and its start, and Swagger UI from the package swagger-ui-bundle-v2
=============  =======================================================================================
"""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote

from scripts.container.kserve import Response

HERE = Path(__file__).parent
TYPES = {".css": "text/css", ".html": "text/html", ".js": "text/javascript"}
OWN = ("docs.css", "start.js")
SWAGGER_UI = ("swagger-ui.css", "swagger-ui-bundle.js")
# Nothing from another server, no inline script; Swagger UI has its icons as data: URLs, and responses as blob: ones.
DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}


def respond(path: str, served: Sequence[str]) -> Response | None:
    """Return the response to a GET, None for an address that is not one of these.

    Args:
        path: the address.
        served: the names of the served models.
    """
    match path.strip("/").split("/"):
        case ["page"]:
            return _models(served)
        case ["docs"]:
            return _file(HERE / "docs.html")
        case ["docs", name] if name in OWN:
            return _file(HERE / name)
        case ["docs", name] if name in SWAGGER_UI:
            return _file(_swagger_ui() / name)
    return None


def _models(served: Sequence[str]) -> Response:
    if len(served) == 1:
        return Response(302, "text/plain", "", {"Location": address_of(served[0]), "Vary": "Accept"})
    links = "".join(f'<li><a href="{address_of(name)}">{escape(name)}</a></li>\n' for name in served)
    template = Template((HERE / "models.html").read_text(encoding="utf-8"))
    style = (HERE / "models.css").read_text(encoding="utf-8")
    policy = f"default-src 'none'; style-src 'sha256-{_sha256(style)}'; base-uri 'none'; frame-ancestors 'none'"
    body = template.substitute(links=links or "<li>No model is served now.</li>", style=style)
    more = {"Content-Security-Policy": policy, "Vary": "Accept"}
    return Response(200, "text/html; charset=utf-8", body, HEADERS | more)


def address_of(name: str) -> str:
    """Return the path of a model's page."""
    return f"/predictions/{quote(name, safe='')}"


@cache
def _file(path: Path) -> Response:
    headers = HEADERS | ({"Content-Security-Policy": DOCS_POLICY} if path.suffix == ".html" else {})
    return Response(200, f"{TYPES[path.suffix]}; charset=utf-8", path.read_text(encoding="utf-8"), headers)


def _swagger_ui() -> Path:
    from swagger_ui_bundle import swagger_ui_path  # noqa: PLC0415 - only a browser needs it

    return Path(swagger_ui_path)


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
