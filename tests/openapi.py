"""config/openapi.yaml as a test generates requests from it: for one model, with real photos among the bodies."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import hypothesis
import requests
import schemathesis
import yaml
from hypothesis import strategies
from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi_checks

from scripts.common.paths import CONFIG
from scripts.fuzz.images import photos

EXAMPLES = 12  # requests an operation
SERVED = "served-model"  # stands for the name that is known only once a server runs
CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
]
# The same requests in each run; what takes long is the server, not the drawing.
SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)


def document(leave_out: str) -> dict[str, Any]:
    """Return the document for one model, without the paths that a pattern matches."""
    found: dict[str, Any] = yaml.safe_load((CONFIG / "openapi.yaml").read_text(encoding="utf-8"))
    found["components"]["parameters"]["name"] |= {"schema": {"enum": [SERVED, "nobody"]}, "examples": {}}
    found["components"]["parameters"]["version"] |= {"schema": {"enum": ["1.0", "9.9"]}, "examples": {}}
    found["paths"] = {path: item for path, item in found["paths"].items() if not re.search(leave_out, path)}
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


def load(leave_out: str = "$^") -> Any:
    """Return the schema that pytest draws requests from."""
    good = strategies.deferred(lambda: strategies.sampled_from(list(photos().values())))
    bodies = good | good.map(lambda data: data[:200])
    for media_type in ("image/*", "application/octet-stream"):
        schemathesis.openapi.media_type(media_type, bodies | strategies.binary())
    return schemathesis.openapi.from_dict(document(leave_out))


def check(case: Any, url: str, model: str, mend: Callable[[Mapping[str, str]], Mapping[str, str]] = dict) -> None:
    """Send a request and hold the answer against the document.

    Args:
        case: what schemathesis drew.
        url: where to.
        model: the served model's name.
        mend: what happens to its headers on the way.
    """
    request = requests.Request(**case.as_transport_kwargs(base_url=url)).prepare()
    request.url = str(request.url).replace(SERVED, model)
    request.headers.update(mend(request.headers))
    with requests.Session() as session:
        answer = session.send(request, timeout=60)
    case.validate_response(answer, checks=CHECKS)
