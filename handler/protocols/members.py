"""The members of a JSON object that a client has sent."""

from collections.abc import Sequence
from typing import Any

from handler.errors import INVALID_JSON, INVALID_PARAMETER, RequestError
from handler.protocols.parameters import shown


def parameters_of(part: dict[str, Any]) -> dict[str, Any]:
    parameters = part.get("parameters")
    if not isinstance(parameters, (dict, type(None))):
        raise RequestError(INVALID_JSON, '"parameters" is no object: send {"parameters": {"top_k": 3}}')
    return parameters or {}


def flag_of(parameters: dict[str, Any], name: str) -> bool | None:
    value = parameters.get(name)
    if not isinstance(value, (bool, type(None))):
        raise RequestError(INVALID_PARAMETER, f"{name} is {shown(value)}: send true or false")
    return value


def check_names(kind: str, part: dict[str, Any], known: Sequence[str], instead: str) -> None:
    for name in part:
        if name not in known:
            raise RequestError(INVALID_PARAMETER, f"there is no {kind} {shown(name)}: {instead}")
