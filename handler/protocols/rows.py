"""A row of TorchServe's batch: a request's raw body under `body`, or the fields of its form by name.

TorchServe's worker makes a dict of a form's fields, which keeps the last one of each name: of two images, one would be
lost without a word. No setting changes that, so `keep_repeated_fields` replaces the function that makes the rows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ts.service import Service

Retrieved = tuple[list[Any], list[dict[str, Any]], dict[int, str]]  # headers, rows and ids of the requests

_retrieve = Service.retrieve_data_for_inference


class RepeatedFields(dict[str, Any]):
    """A row of a form that has several fields of one name: as a dict, the last ones.

    Args:
        row: as TorchServe makes it.
        fields: names and values of all fields, in the order of the form.
    """

    def __init__(self, row: Mapping[str, Any], fields: list[tuple[str, Any]]) -> None:
        super().__init__(row)
        self.fields = fields


def fields_of(row: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return names and values of a form's fields, as far as TorchServe hands them over."""
    return row.fields if isinstance(row, RepeatedFields) else list(row.items())


def keep_repeated_fields() -> None:
    """Have TorchServe's worker keep all fields of a form that have the same name, as `RepeatedFields`."""
    Service.retrieve_data_for_inference = staticmethod(_retrieve_all)


def _retrieve_all(batch: Sequence[Mapping[str, Any]]) -> Retrieved:
    headers, rows, ids = _retrieve(batch)
    for index, (row, request) in enumerate(zip(rows, batch, strict=True)):
        sent = request["parameters"]
        if len(row) < len(sent):
            rows[index] = RepeatedFields(row, [(field["name"], field["value"]) for field in sent])
    return headers, rows, ids
