"""Each manifest conforms to the API's schema."""

from copy import deepcopy
from pathlib import Path

import jsonschema
import pytest

from tests.kubernetes.manifests import ALL, Resource, combined, rendered, validate


@pytest.mark.parametrize("name", ALL)
def test_every_resource_is_valid(name: str) -> None:
    resources = rendered(name)
    assert resources
    for resource in resources:
        validate(resource)
    identities = [(resource["kind"], resource["metadata"]["name"]) for resource in resources]
    assert len(identities) == len(set(identities))


@pytest.mark.parametrize("scaler", ["hpa", "keda"])
def test_components_can_be_combined(scaler: str, tmp_path: Path) -> None:
    resources = combined(tmp_path, "gpu", scaler, "grpc", "model-volume", "monitoring", "tracing")
    for resource in resources:
        validate(resource)
    (server,) = [one for one in resources if one["kind"] == "Deployment" and one["metadata"]["name"] == "torchserve"]
    (container,) = server["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert "replicas" not in server["spec"]
    assert any(mount["mountPath"] == "/srv/archives" and mount["readOnly"] for mount in container["volumeMounts"])


def every_kind() -> list[Resource]:
    found = {resource["kind"]: resource for name in ALL for resource in rendered(name)}
    return [found[kind] for kind in sorted(found) if "spec" in found[kind]]


def test_an_unknown_field_is_refused() -> None:
    resources = every_kind()
    assert len(resources) > 10
    for resource in resources:
        wrong = deepcopy(resource)
        wrong["spec"]["replicaz"] = 2
        with pytest.raises(jsonschema.ValidationError, match="replicaz"):
            validate(wrong)


def test_an_unknown_field_of_a_container_is_refused() -> None:
    for resource in every_kind():
        if resource["kind"] in ("Deployment", "ServingRuntime"):
            wrong = deepcopy(resource)
            pod = wrong["spec"].get("template", wrong)["spec"]
            pod["containers"][0]["readynessProbe"] = {}
            with pytest.raises(jsonschema.ValidationError, match="readynessProbe"):
                validate(wrong)
