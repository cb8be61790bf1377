"""docs/deployment.md: its kubectl commands name what the manifests contain, and its kustomization can be rendered."""

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from scripts.common.paths import PROJECT
from tests.kubernetes.manifests import ALL, KUBERNETES, Resource, named, render, rendered, validate
from tests.pages import COMMANDS

PAGE = PROJECT / "docs" / "deployment.md"
LINES = [command.line for command in COMMANDS if command.run_by == "tests/kubernetes/test_docs.py"]
KUBECTL = [shlex.split(line)[1:] for line in LINES if line.startswith("kubectl ")]


def known() -> dict[str, Resource]:
    """Return every resource by kind and name, as kubectl writes them: deployment/torchserve."""
    resources = [resource for name in ALL for resource in rendered(name)]
    return {f"{resource['kind'].lower()}/{resource['metadata']['name']}": resource for resource in resources}


def test_every_command_is_checked() -> None:
    """What is left after kubectl: building an image, and a cluster on a laptop."""
    assert {line for line in LINES if not line.startswith("kubectl ")} == {
        "docker compose build torchserve",
        "kind create cluster",
        "kind load docker-image image-classifier-server:1.0.0",
    }


@pytest.mark.parametrize("words", KUBECTL, ids=" ".join)
def test_the_commands_fit_the_manifests(words: list[str]) -> None:
    if "-k" in words:
        assert words[0] in ("apply", "delete")
        assert render(PROJECT / words[words.index("-k") + 1])
        return
    option, namespace, *rest = words
    assert (option, namespace) == ("-n", "image-classifier")
    # `patch httproute NAME` is another way to write httproute/NAME.
    text = re.sub(r"\b(httproute|inferenceservice) ", r"\1/", " ".join(rest))
    targets = re.findall(r"\b(?:deployment|service|httproute|inferenceservice)/\S+", text)
    assert targets
    for target in targets:
        assert target in known(), target
        if rest[:2] == ["set", "image"]:
            containers = known()[target]["spec"]["template"]["spec"]["containers"]
            assert rest[-1].partition("=")[0] in [container["name"] for container in containers]
        if rest[0] == "port-forward":
            assert int(rest[-1].partition(":")[2]) in [port["port"] for port in known()[target]["spec"]["ports"]]
        if rest[0] == "patch":
            for change in json.loads(rest[-1]):
                node = known()[target]
                *parents, last = change["path"].strip("/").split("/")
                for key in parents:
                    node = node[int(key) if isinstance(node, list) else key]
                assert isinstance(node[last], type(change["value"]))


def test_weights_on_the_page_divide_all_requests() -> None:
    patches = [json.loads(words[-1]) for words in KUBECTL if "patch" in words]
    assert patches
    assert all(sum(change["value"] for change in patch) == 100 for patch in patches)


def test_deleting_the_canary_deletes_nothing_else() -> None:
    canary = render(KUBERNETES / "overlays" / "canary" / "servers")
    stable = {(resource["kind"], resource["metadata"]["name"]) for resource in rendered("base")}
    assert canary
    assert not {(resource["kind"], resource["metadata"]["name"]) for resource in canary} & stable


def test_the_kustomization_on_the_page(tmp_path: Path) -> None:
    (tmp_path / "image-classifier-server").mkdir()
    # kustomize follows no link out of its root, but takes a folder that is named by a relative path.
    (text,) = re.findall(r"```yaml\n(resources:.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "image-classifier-server" / "config").symlink_to(PROJECT / "config")
    (tmp_path / "kustomization.yaml").write_text(text, encoding="utf-8")
    resources = tuple(render(tmp_path))
    for resource in resources:
        validate(resource)
    server = named(resources, "Deployment", "torchserve")
    image = yaml.safe_load(text)["images"][0]
    assert server["spec"]["template"]["spec"]["containers"][0]["image"] == f"{image['newName']}:{image['newTag']}"
    assert named(resources, "Service", "gateway")["spec"]["type"] == "LoadBalancer"


def test_every_overlay_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [
        name for name in ALL if f"| `config/kubernetes/{'' if name == 'base' else 'overlays/'}{name}` |" not in page
    ] == []
