"""config/openapi.yaml holds exactly the problems that handler and gateway answer, and what it says is valid."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from handler.errors import TABLE
from scripts.client.predict import TINY_IMAGE
from scripts.common.paths import CONFIG

# Answers of the management port, which is TorchServe's API and not described here.
MANAGEMENT = {"token-needed", "management-closed", "registration-refused", "replicas-changing"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((CONFIG / "openapi.yaml").read_text(encoding="utf-8"))
    return document


def nginx_problems() -> dict[str, int]:
    """Return slug -> status of what the gateway answers by itself."""
    text = (CONFIG / "nginx" / "problems.conf").read_text(encoding="utf-8")
    found = re.findall(r"return (\d+) '\{\"type\":\"/problems/([a-z-]+)\"", text)
    return {slug: int(status) for status, slug in found}


def problem_schemas(node: Any) -> Iterator[dict[str, Any]]:
    """Find every schema that narrows a problem down to some types."""
    if isinstance(node, dict):
        if "enum" in node.get("properties", {}).get("type", {}):
            yield node["properties"]
        for child in node.values():
            yield from problem_schemas(child)
    elif isinstance(node, list):
        for child in node:
            yield from problem_schemas(child)


def test_the_problems_are_those_of_handler_and_gateway(document: dict[str, Any]) -> None:
    described = {
        slug.removeprefix("/problems/"): schema["status"]["const"]
        for schema in problem_schemas(document)
        for slug in schema["type"]["enum"]
    }
    gateway = {slug: status for slug, status in nginx_problems().items() if slug not in MANAGEMENT}
    assert described == gateway | {problem.slug: problem.status for problem in TABLE}


def test_every_reference_leads_somewhere_and_every_component_is_used(document: dict[str, Any]) -> None:
    references = set(re.findall(r"\$ref: '#/components/([\w/-]+)'", (CONFIG / "openapi.yaml").read_text()))
    components = {f"{kind}/{name}" for kind, named in document["components"].items() for name in named}
    assert references == components


def test_a_status_of_a_response_is_that_of_its_problems(document: dict[str, Any]) -> None:
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation.get("responses", {}).items() if isinstance(operation, dict) else ():
                name = response.get("$ref", "").rpartition("/")[2]
                for schema in problem_schemas(document["components"]["responses"].get(name, {})):
                    assert schema["status"]["const"] == int(status)


def test_the_examples_fit_their_schemas(document: dict[str, Any]) -> None:
    media_type = document["components"]["requestBodies"]["photo"]["content"]["application/json"]
    schema = {**media_type["schema"], "components": document["components"]}
    for example in media_type["examples"].values():
        Draft202012Validator(json.loads(json.dumps(schema))).validate(example["value"])
        assert base64.b64decode(example["value"]["instances"][0]["b64"]) == TINY_IMAGE


def test_what_is_limited_says_so_as_the_gateway_does(document: dict[str, Any]) -> None:
    """Whoever is to come again is told when; whoever used another method, which are taken."""
    nginx = (CONFIG / "nginx" / "problems.conf").read_text(encoding="utf-8")
    for header in ("Retry-After", "Allow"):
        blocks = [block for block in nginx.split("location ")[1:] if f"add_header {header}" in block]
        blocks = [block for block in blocks if not any(f'/{slug}"' in block for slug in MANAGEMENT)]
        statuses = {int(re.findall(r"return (\d+)", block)[0]) for block in blocks}
        responses = [one for one in document["components"]["responses"].values() if header in one.get("headers", {})]
        assert statuses == {schema["status"]["const"] for one in responses for schema in narrowed(document, one)}


def narrowed(document: dict[str, Any], response: dict[str, Any]) -> Iterator[dict[str, Any]]:
    text = json.dumps(response)
    yield from problem_schemas(response)
    for name in re.findall(r"#/components/schemas/(\w+)", text):
        yield from problem_schemas(document["components"]["schemas"][name])
