"""What KServe's protocols ask about the server and its models; TorchServe itself knows predictions only.

==============================================  ===================================================================
/v1/models/<name>                               200 if the default version is ready, as /v2/models/<name>/ready
/v2                                             the server's name, version and extensions
/v2/health/live                                 200 if the workers of each model's default version are READY
/v2/health/ready                                200 if, besides, a prediction by each of them succeeds
/v2/models/<name>[/versions/<version>]          names, datatypes and shapes of the tensors, and the labels
/v2/models/<name>[/versions/<version>]/ready    200 if the version's workers are READY and a prediction succeeds
==============================================  ===================================================================

V2 is the Open Inference Protocol. What a path without a version asks is about the model's default version.
"""

import json
import re
from collections.abc import Mapping
from importlib.metadata import version as version_of
from types import MappingProxyType
from typing import Any, NamedTuple

from handler.errors import PROBLEM_MEDIA_TYPE, Problem, RequestError
from handler.protocols import model_tensors
from handler.protocols.media_types import JSON
from scripts.client.models import ModelVersion
from scripts.common.errors import CommandError
from scripts.container.readiness import Readiness

NAME = "([A-Za-z0-9._-]+)"
MODEL = re.compile(f"/v2/models/{NAME}(?:/versions/{NAME})?(/ready)?")
MODEL_V1 = re.compile(f"/v1/models/{NAME}")
EXTENSIONS = ("binary_tensor_data", "classification")
# With the titles of config/nginx/problems.conf.
NOT_FOUND = Problem("not-found", 404, "There is nothing at this address")
BUSY = Problem("busy", 503, "No model server can take the request now", retry_after=1)


class Response(NamedTuple):
    """A response of the status service.

    Args:
        status: the HTTP status code.
        content_type: of the body.
        body: its text.
        headers: further headers.
    """

    status: int
    content_type: str
    body: str
    headers: Mapping[str, str] = MappingProxyType({})


def respond(path: str, readiness: Readiness) -> Response | None:
    """Return the response to a GET, None for an address that is not one of these.

    Args:
        path: the address.
        readiness: what is known about the server.
    """
    try:
        return _about_server(path, readiness) or _about_model(path, readiness)
    except RequestError as error:
        problem = error.problem
        return Response(problem.status, PROBLEM_MEDIA_TYPE, error.document().decode(), problem.headers)


def _about_server(path: str, readiness: Readiness) -> Response | None:
    match path:
        case "/v2" | "/v2/":
            version = version_of("torchserve")
            return _json(200, {"name": "torchserve", "version": version, "extensions": EXTENSIONS})
        case "/v2/health/live":
            return _checked("live", readiness.missing_workers())
        case "/v2/health/ready":
            return _checked("ready", readiness.problem())
    return None


def _about_model(path: str, readiness: Readiness) -> Response | None:
    if found := MODEL_V1.fullmatch(path):
        return _ready(readiness, _model(readiness, found[1], None))
    if found := MODEL.fullmatch(path):
        model = _model(readiness, found[1], found[2])
        return _ready(readiness, model) if found[3] else _json(200, _metadata(readiness, model))
    return None


def _model(readiness: Readiness, name: str, version: str | None) -> ModelVersion:
    model = readiness.find(name, version)
    if model is None:
        asked = f"{name} {version}" if version else name
        raise RequestError(NOT_FOUND, f"no model {asked} is served: send a name that GET /v1/models lists")
    return model


def _ready(readiness: Readiness, model: ModelVersion) -> Response:
    return _checked("ready", readiness.problem_of(model), name=model.name)


def _metadata(readiness: Readiness, model: ModelVersion) -> dict[str, Any]:
    """Return what a client needs to know to call a model."""
    try:
        labels = readiness.labels(model)
    except CommandError as error:
        detail = f"{model.id} does not tell its labels: send the request again in a second"
        raise RequestError(BUSY, detail) from error
    return {
        "name": model.name,
        "versions": sorted(each.version for each in readiness.versions if each.name == model.name),
        "platform": "torchserve",
        "inputs": [model_tensors.INPUT._asdict()],
        "outputs": [output._asdict() for output in model_tensors.OUTPUTS],
        "labels": labels,
    }


def _checked(check: str, problem: str | None, **members: str) -> Response:
    """Return whether a check has succeeded, and why not."""
    if problem is None:
        return _json(200, members | {check: True})
    return _json(503, members | {check: False, "detail": problem})


def _json(status: int, document: Mapping[str, Any]) -> Response:
    return Response(status, JSON, json.dumps(document, ensure_ascii=False) + "\n")
