"""config/api/openapi.yaml is valid, and lists exactly the problems of the handler and the gateway."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from handler.errors import TABLE
from handler.protocols.content_encoding import CODINGS
from scripts.client.predict import TINY_IMAGE
from scripts.common.paths import CONFIG

# Problems of the management port, whose API is TorchServe's and not described here.
MANAGEMENT = {"token-needed", "management-closed", "registration-refused", "replicas-changing"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((CONFIG / "api" / "openapi.yaml").read_text(encoding="utf-8"))
    return document


def nginx_problems() -> dict[str, int]:
    """Return the gateway's own problems: slug -> status."""
    texts = [(CONFIG / "nginx" / name).read_text(encoding="utf-8") for name in ("problems.conf", "nginx.conf.template")]
    found = re.findall(r"'\{\"type\":\"/problems/([a-z-]+)\",[^']*?\"status\":(\d+)", "".join(texts))
    return {slug: int(status) for slug, status in found}


def problem_schemas(node: Any) -> Iterator[dict[str, Any]]:
    """Yield the properties of every schema that lists types of problems."""
    if isinstance(node, dict):
        if "enum" in node.get("properties", {}).get("type", {}):
            yield node["properties"]
        for child in node.values():
            yield from problem_schemas(child)
    elif isinstance(node, list):
        for child in node:
            yield from problem_schemas(child)


def test_problems_match_handler_and_gateway(document: dict[str, Any]) -> None:
    described = {
        slug.removeprefix("/problems/"): schema["status"]["const"]
        for schema in problem_schemas(document)
        for slug in schema["type"]["enum"]
    }
    gateway = {slug: status for slug, status in nginx_problems().items() if slug not in MANAGEMENT}
    assert described == gateway | {problem.slug: problem.status for problem in TABLE}


def test_references_match_components(document: dict[str, Any]) -> None:
    references = set(re.findall(r"\$ref: '#/components/([\w/-]+)'", (CONFIG / "api" / "openapi.yaml").read_text()))
    components = {f"{kind}/{name}" for kind, named in document["components"].items() for name in named}
    assert references == components


def test_a_response_has_the_status_of_its_problems(document: dict[str, Any]) -> None:
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation.get("responses", {}).items() if isinstance(operation, dict) else ():
                name = response.get("$ref", "").rpartition("/")[2]
                for schema in problem_schemas(document["components"]["responses"].get(name, {})):
                    assert schema["status"]["const"] == int(status)


def test_examples_are_valid(document: dict[str, Any]) -> None:
    media_type = document["components"]["requestBodies"]["image"]["content"]["application/json"]
    schema = {**media_type["schema"], "components": document["components"]}
    for example in media_type["examples"].values():
        Draft202012Validator(json.loads(json.dumps(schema))).validate(example["value"])
        assert base64.b64decode(example["value"]["instances"][0]["b64"]) == TINY_IMAGE


@pytest.mark.parametrize("header", ["Retry-After", "Allow"])
def test_a_header_is_documented_for_the_statuses_that_have_it(document: dict[str, Any], header: str) -> None:
    nginx = (CONFIG / "nginx" / "problems.conf").read_text(encoding="utf-8")
    blocks = [block for block in nginx.split("location ")[1:] if f"add_header {header}" in block]
    blocks = [block for block in blocks if not any(f'/{slug}"' in block for slug in MANAGEMENT)]
    statuses = {int(status) for block in blocks for status in re.findall(r"return (\d+)", block)}
    responses = document["components"]["responses"].values()
    described = [response for response in responses if header in response.get("headers", {})]
    assert statuses == {
        schema["status"]["const"] for response in described for schema in with_components(document, response)
    }


def with_components(document: dict[str, Any], response: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what `problem_schemas` finds in a response and in the components that it refers to."""
    text = json.dumps(response)
    yield from problem_schemas(response)
    for name in re.findall(r"#/components/schemas/(\w+)", text):
        yield from problem_schemas(document["components"]["schemas"][name])


def test_every_path_has_a_preflight_with_the_headers_of_nginx(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        assert set(item["options"]["responses"]) >= {"204", "405"}, path
    nginx = (CONFIG / "nginx" / "nginx.conf.template").read_text(encoding="utf-8")
    (block,) = re.findall(r"location @preflight \{(.*?)\}", nginx, re.DOTALL)
    always = (CONFIG / "nginx" / "response-headers.conf").read_text(encoding="utf-8")
    sent = set(re.findall(r"add_header ([\w-]+)", block + always))
    described = document["components"]["responses"]["preflight"]["headers"]
    assert set(described) == sent - {"Vary", "Access-Control-Expose-Headers"}  # which no page reads


def test_every_prediction_takes_the_content_codings_of_the_handler(document: dict[str, Any]) -> None:
    codings = set(document["components"]["parameters"]["Content-Encoding"]["schema"]["enum"])
    assert codings == set(CODINGS) - {"x-gzip"} | {"identity"}  # RFC 9110 has x-gzip for old clients only
    reference = {"$ref": "#/components/parameters/Content-Encoding"}
    for path, item in document["paths"].items():
        assert (reference in item.get("parameters", ())) == bool(re.search(r"^/predictions/|:predict$|/infer$", path))
