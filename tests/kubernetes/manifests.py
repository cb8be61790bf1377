"""The manifests of config/kubernetes/, rendered by kubectl and validated against the API's schemas."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from scripts.common.paths import CONFIG

KUBERNETES = CONFIG / "kubernetes"
OVERLAYS = tuple(sorted(path.name for path in (KUBERNETES / "overlays").iterdir()))
ALL = ("base", *OVERLAYS)
VERSION = "1.37"  # of the API
MIN_KUBECTL = 28  # its kustomize knows all that is used here
SCHEMAS = Path(__file__).with_name("schemas")

Resource = dict[str, Any]


@cache
def kubectl() -> str:
    """Return the path of kubectl; skip the test if there is none, or an old one."""
    path = shutil.which("kubectl")
    if path:
        version = subprocess.run([path, "version", "--client", "--output", "json"], capture_output=True, check=False)
        minor = re.match(r"\d+", json.loads(version.stdout or "{}").get("clientVersion", {}).get("minor", "0"))
        if minor and int(minor[0]) >= MIN_KUBECTL:
            return path
    reason = f"kubectl 1.{MIN_KUBECTL} or later is not installed (Debian 13: apt-get install kubectl)"
    if os.environ.get("CI"):
        pytest.fail(f"CI must run these tests: {reason}")
    pytest.skip(reason)


def render(folder: Path) -> list[Resource]:
    """Return the resources of a kustomization."""
    command = [kubectl(), "kustomize", str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
    assert "deprecated" not in result.stderr, result.stderr
    return [resource for resource in yaml.safe_load_all(result.stdout) if resource]


def combined(folder: Path, *components: str) -> tuple[Resource, ...]:
    """Return the resources of the base with these components, by a kustomization that is written into the folder."""
    here = os.path.relpath(KUBERNETES, folder.resolve())
    kustomization = {
        "resources": [f"{here}/base"],
        "components": [f"{here}/components/{component}" for component in components],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
    return tuple(render(folder))


@cache
def rendered(name: str) -> tuple[Resource, ...]:
    """Return the resources of the base or of an overlay."""
    return tuple(render(KUBERNETES / name if name == "base" else KUBERNETES / "overlays" / name))


def of_kind(resources: tuple[Resource, ...], *kinds: str) -> list[Resource]:
    """Return the resources of these kinds."""
    return [resource for resource in resources if resource["kind"] in kinds]


def named(resources: tuple[Resource, ...], kind: str, name: str) -> Resource:
    """Return one resource."""
    (found,) = [resource for resource in of_kind(resources, kind) if resource["metadata"]["name"] == name]
    return found


def pods(resources: tuple[Resource, ...]) -> Iterator[tuple[str, Mapping[str, str], Mapping[str, Any]]]:
    """Yield name, labels and spec of the Pods that Deployments and serving runtimes make.

    KServe merges a predictor into its runtime, and labels its pods itself.
    """
    for resource in of_kind(resources, "Deployment"):
        template = resource["spec"]["template"]
        yield resource["metadata"]["name"], template["metadata"]["labels"], template["spec"]
    for resource in of_kind(resources, "ServingRuntime"):
        (service,) = of_kind(resources, "InferenceService")
        pod = {key: resource["spec"][key] for key in ("containers", "volumes")}
        extended = {key: value for key, value in service["spec"]["predictor"].items() if key in POD_FIELDS}
        yield resource["metadata"]["name"], resource["spec"]["labels"], pod | extended


POD_FIELDS = {"automountServiceAccountToken", "enableServiceLinks", "terminationGracePeriodSeconds", "securityContext"}


def validate(resource: Resource) -> None:
    """Validate a resource strictly: an unknown field is an error.

    Raises:
        jsonschema.ValidationError: it does not conform.
    """
    try:
        kubernetes_validate.validate(resource, VERSION, strict=True)
    except kubernetes_validate.SchemaNotFoundError:
        _validate_custom(resource)


def _validate_custom(resource: Resource) -> None:
    """Validate a resource of a CRD against schemas/, and what it contains of Kubernetes' own types."""
    path = SCHEMAS / f"{resource['kind'].lower()}.yaml"
    text = path.read_text(encoding="utf-8")
    assert resource["apiVersion"] in text.split("\n", 1)[0], f"{path.name} describes another version"
    assert set(resource) == {"apiVersion", "kind", "metadata", "spec"}
    jsonschema.Draft202012Validator(yaml.safe_load(text)).validate(resource["spec"])
    spec = resource["spec"]
    if resource["kind"] == "ServingRuntime":
        pod = {"containers": spec["containers"], "volumes": spec["volumes"]}
        validate({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": pod})
    if resource["kind"] == "ScaledObject":
        scaler = {
            "scaleTargetRef": {"kind": "Deployment", **spec["scaleTargetRef"]},
            "maxReplicas": spec["maxReplicaCount"],
            "behavior": spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"],
        }
        validate({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {}, "spec": scaler})
