"""Responses of a real TorchServe to generated requests conform to config/api/openapi.yaml.

The document describes the gateway. What TorchServe alone does otherwise is left out here, and tests/e2e looks at it:
health, descriptions of models, the document itself and the gateway's pages, versions in V2, other methods, and options
in the address. Forms are labelled as the gateway does.
"""

from collections.abc import Mapping
from typing import Any

from handler.protocols.form import FORM
from scripts.build.sources import fallback
from tests import openapi

schema = openapi.load(
    exclude="healthz|readyz|openapi|^/(docs)?$|^/v2$|/(live|ready|models)$|models/[^/:]+$|/versions/",
    without=["options"],
)


def as_the_gateway_does(headers: Mapping[str, str]) -> dict[str, str]:
    given = headers.get("Content-Type", "")
    return {"Content-Type": given.replace("multipart/form-data", FORM)} if given else {}


@schema.parametrize()  # type: ignore[untyped-decorator]
@openapi.SETTINGS
def test_responses_conform(case: Any, inference: str) -> None:
    openapi.check(case, inference, fallback.NAME, as_the_gateway_does)
