"""How the tensors of a response are written in the Open Inference Protocol.

A binary tensor follows the JSON of its message as raw bytes: numbers little-endian, each element of BYTES with its
length in four bytes before it.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from handler.errors import RequestError
from handler.protocols.encoding import ModelName, Response
from handler.protocols.media_types import JSON, OCTETS
from handler.protocols.model_tensors import CLASS_IDS, ERRORS, LABELS, SCORES, TensorSpec
from handler.protocols.predictions import Prediction, Predictions

HEADER_LENGTH = "Inference-Header-Content-Length"  # bytes of JSON in a body with binary tensors
LENGTH = struct.Struct("<I")
NUMBERS = {"FP32": "f", "INT64": "q"}  # as struct names them
NONE: Prediction = {"class_id": -1, "label": "", "score": 0.0}  # fills the places of classes that are left out


VALUES: dict[str, Literal["score", "class_id", "label"]] = {
    SCORES.name: "score",
    CLASS_IDS.name: "class_id",
    LABELS.name: "label",
}

Outcome = Predictions | RequestError  # of one image


@dataclass(frozen=True)
class WantedOutput:
    """An output that a client asks for.

    Args:
        spec: which.
        binary: whether its data follows the JSON as raw bytes.
        classification: how many classes Triton's extension shall name in it; None returns the tensor itself.
    """

    spec: TensorSpec
    binary: bool = False
    classification: int | None = None


def encode_tensors(
    request_id: str | None, model: ModelName, wanted: Sequence[WantedOutput], outcomes: Sequence[Outcome], top_k: int
) -> Response:
    """Return the response to one request.

    Args:
        request_id: the client's own, which the response repeats.
        model: which one has made the predictions.
        wanted: the outputs, in this order.
        outcomes: of each image.
        top_k: the classes of each image; where it has fewer, the rest has class id -1, score 0 and no label.
    """
    document: dict[str, Any] = {} if request_id is None else {"id": request_id}
    outputs: list[dict[str, Any]] = []
    raw: list[bytes] = []
    for output in wanted:
        datatype, shape, data = _tensor(output, outcomes, top_k)
        tensor = {"name": output.spec.name, "datatype": datatype, "shape": shape}
        if output.binary:
            raw.append(_raw(datatype, data))
            outputs.append(tensor | {"parameters": {"binary_data_size": len(raw[-1])}})
        else:
            outputs.append(tensor | {"data": data})
    document |= {"model_name": model.name, "model_version": model.version, "outputs": outputs}
    head = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    if not any(output.binary for output in wanted):
        return Response(head, JSON)
    return Response(b"".join((head, *raw)), OCTETS, {HEADER_LENGTH: str(len(head))})


def _tensor(output: WantedOutput, outcomes: Sequence[Outcome], top_k: int) -> tuple[str, list[int], list[Any]]:
    """Return the datatype, the shape and the data of an output in row-major order."""
    images = len(outcomes)
    if output.spec is ERRORS:
        return ERRORS.datatype, [images], [_text(outcome) for outcome in outcomes]
    if output.classification is None:
        key = VALUES[output.spec.name]
        return output.spec.datatype, [images, top_k], [place[key] for place in _places(outcomes, top_k)]
    places = _places(outcomes, output.classification)
    return "BYTES", [images, output.classification], [_classification(place) for place in places]


def _places(outcomes: Sequence[Outcome], width: int) -> list[Prediction]:
    """Return so many classes of each image, filled up where it has fewer."""
    found = ([] if isinstance(outcome, RequestError) else outcome[:width] for outcome in outcomes)
    return [place for classes in found for place in classes + [NONE] * (width - len(classes))]


def _classification(place: Prediction) -> str:
    """Return a class as Triton writes it."""
    return "" if place is NONE else f"{place['score']:f}:{place['class_id']}:{place['label']}"


def _text(outcome: Outcome) -> str:
    """Return what is wrong with an image, nothing where nothing is."""
    if isinstance(outcome, RequestError):
        return f"{outcome.problem.status} {outcome.problem.slug}: {outcome.detail}"
    return ""


def _raw(datatype: str, data: list[Any]) -> bytes:
    if datatype in NUMBERS:
        return struct.pack(f"<{len(data)}{NUMBERS[datatype]}", *data)
    encoded = [element.encode("utf-8", "replace") for element in data]
    return b"".join(LENGTH.pack(len(element)) + element for element in encoded)
