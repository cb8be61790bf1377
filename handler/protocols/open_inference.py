"""The Open Inference Protocol (V2) over REST: images as elements of a BYTES tensor, classes as tensors.

The body is JSON, or JSON with raw bytes behind it: Triton's extension for binary tensors, whose header says where the
JSON ends. There may be no JSON: then the body is the one image, as it is.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from handler.errors import EMPTY_BODY, INVALID_JSON, INVALID_PARAMETER, RequestError
from handler.protocols.encoding import ModelName, Response
from handler.protocols.media_types import bytes_of, looks_like_json
from handler.protocols.members import check_names, flag_of, parameters_of
from handler.protocols.model_tensors import ERRORS, OUTPUTS, SCORES
from handler.protocols.parameters import shown, threshold_of, top_k_of
from handler.protocols.predictions import Predictions
from handler.protocols.tensor_input import EXAMPLE, images_of, input_of
from handler.protocols.tensors import HEADER_LENGTH, WantedOutput, encode_tensors

FIRST_KEY = re.compile(rb'"(inputs|instances)"\s*:')
KEYS = ("id", "model_name", "model_version", "parameters", "inputs", "outputs")
# Triton's clients send the others, which mean nothing here: this server keeps no state between requests.
PARAMETERS = ("top_k", "threshold", "binary_data_output")
IGNORED_PARAMETERS = ("sequence_id", "sequence_start", "sequence_end", "priority", "timeout")


@dataclass(frozen=True)
class TensorRequest:
    """One client's request in tensors, understood but not yet decoded.

    Args:
        elements: of each image, its encoded bytes, or why there are none; bytes for at least one.
        top_k: how many classes to find for each image.
        width: how many of them the plain outputs have.
        threshold: minimum score of a returned class, 0 to 1.
        request_id: the client's own.
        outputs: what it asks for.
    """

    elements: Sequence[bytes | RequestError]
    top_k: int
    width: int
    threshold: float
    request_id: str | None
    outputs: tuple[WantedOutput, ...]

    @cached_property
    def images(self) -> list[bytes]:
        """The encoded images that there are."""
        return [element for element in self.elements if isinstance(element, bytes)]

    @property
    def groups(self) -> list[list[bytes]]:
        """The images that are decoded or refused together: each one alone."""
        return [[image] for image in self.images]

    def respond(
        self, predictions: list[Predictions], failures: Mapping[int, RequestError], model: ModelName
    ) -> Response:
        """Encode the predictions, and what is wrong with the other images.

        Args:
            predictions: of each image that could be decoded.
            failures: of the others, by their place in `images`.
            model: which one has made the predictions.
        """
        outcomes = self._outcomes(predictions, failures)
        outputs = list(self.outputs)
        is_asked = any(output.spec is ERRORS for output in outputs)
        if not is_asked and any(isinstance(outcome, RequestError) for outcome in outcomes):
            outputs.append(WantedOutput(ERRORS))
        return encode_tensors(self.request_id, model, outputs, outcomes, self.width)

    def error(self, failures: Mapping[int, RequestError]) -> RequestError:
        """Return what is wrong with the request, where no image could be decoded."""
        return _first_error(self._outcomes([], failures))

    def _outcomes(
        self, predictions: Sequence[Predictions], failures: Mapping[int, RequestError]
    ) -> list[Predictions | RequestError]:
        """Return what became of each element."""
        found = iter(predictions)
        decoded = iter([failures[place] if place in failures else next(found) for place in range(len(self.images))])
        return [next(decoded) if isinstance(element, bytes) else element for element in self.elements]


def speaks(row: Mapping[str, Any], header: Mapping[str, str]) -> bool:
    """Whether a row is in this protocol: it has binary tensors, or is a JSON object with "inputs"."""
    if HEADER_LENGTH.lower() in header:
        return True
    body = row.get("body")
    if isinstance(body, dict):
        return "inputs" in body
    if not isinstance(body, (bytes, bytearray)) or not looks_like_json(body):
        return False
    key = FIRST_KEY.search(body)  # not in a string of base64, which has no quotes
    return key is not None and key[1] == b"inputs"


def parse(row: Mapping[str, Any], header: Mapping[str, str], classes: int, max_images: int) -> TensorRequest:
    """Read one row.

    Args:
        row: the request as TorchServe hands it over.
        header: its headers by lower-case name.
        classes: number of the model's classes.
        max_images: most images in one request.

    Raises:
        RequestError: empty-body, invalid-json, invalid-base64, invalid-parameter, no-image or too-many-images.
    """
    document, elements = _read(row.get("body"), header.get(HEADER_LENGTH.lower()), max_images)
    check_names("member", document, KEYS, 'send top_k and threshold in "parameters"')
    request_id = document.get("id")
    if not isinstance(request_id, (str, type(None))):
        raise RequestError(INVALID_JSON, f'"id" is {shown(request_id)}: send a text')
    parameters = parameters_of(document)
    check_names("parameter", parameters, PARAMETERS + IGNORED_PARAMETERS, "send top_k or threshold")
    outputs = tuple(_outputs(document, flag_of(parameters, "binary_data_output") or False, classes))
    own = {name: value for name, value in parameters.items() if value is not None}
    options = {"top_k": header.get("x-top-k"), "threshold": header.get("x-threshold")} | own
    width = top_k_of(options["top_k"], classes)
    threshold = threshold_of(options["threshold"])
    if not any(isinstance(element, bytes) for element in elements):
        raise _first_error(elements)
    top_k = max([width, *(output.classification or 0 for output in outputs)])
    return TensorRequest(elements, top_k, width, threshold, request_id, outputs)


def _first_error(outcomes: Sequence[object]) -> RequestError:
    """Return the first error among them, with its place where there are several images."""
    place, error = next((place, each) for place, each in enumerate(outcomes) if isinstance(each, RequestError))
    return error.about(f"image {place}") if len(outcomes) > 1 else error


def _read(body: Any, head_length: str | None, max_images: int) -> tuple[dict[str, Any], list[bytes | RequestError]]:
    """Return a request's JSON and its images."""
    if body is None or body in (b"", ""):
        raise RequestError(EMPTY_BODY, f"the request has no body: {EXAMPLE}")
    if head_length == "0" and not isinstance(body, dict):  # Triton's raw binary request
        return {}, [bytes_of(body)]
    document, tail = _message(body, head_length)
    return document, list(images_of(input_of(document), tail, max_images))


def _message(body: Any, head_length: str | None) -> tuple[dict[str, Any], bytes]:
    """Return the JSON of a body, and the bytes behind it."""
    tail = b""
    if not isinstance(body, dict):
        body = bytes_of(body)
        if head_length is not None:
            size = int(head_length) if re.fullmatch("[0-9]{1,10}", head_length) else -1
            if not 0 < size <= len(body):
                raise RequestError(
                    INVALID_JSON,
                    f"{HEADER_LENGTH} is {shown(head_length)}, of a body of {len(body)} bytes: "
                    "send how many bytes of JSON it begins with",
                )
            body, tail = body[:size], body[size:]
        try:
            body = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise RequestError(INVALID_JSON, f"the body is not JSON ({error}): {EXAMPLE}") from error
    if not isinstance(body, dict):
        raise RequestError(INVALID_JSON, f"the body is no JSON object: {EXAMPLE}")
    return body, tail


def _outputs(document: dict[str, Any], binary: bool, classes: int) -> Iterator[WantedOutput]:
    """Return what the client asks for; all but the errors where it does not say.

    Args:
        document: the request.
        binary: whether outputs that do not say it are binary.
        classes: number of the model's classes.
    """
    outputs = document.get("outputs")
    if outputs in (None, []):
        yield from (WantedOutput(spec, binary) for spec in OUTPUTS if spec is not ERRORS)
        return
    if not isinstance(outputs, list) or not all(isinstance(each, dict) for each in outputs):
        raise RequestError(INVALID_JSON, '"outputs" is no list: send [{"name": "labels"}], or leave it out')
    left = {spec.name: spec for spec in OUTPUTS}
    for output in outputs:
        name = output.get("name")
        spec = left.pop(name, None) if isinstance(name, str) else None
        if spec is None:
            known = ", ".join(spec.name for spec in OUTPUTS)
            raise RequestError(
                INVALID_PARAMETER, f"output {shown(name)} is unknown or there twice: ask for {known}, each once"
            )
        parameters = parameters_of(output)
        check_names("parameter of an output", parameters, ("binary_data", "classification"), "send binary_data")
        wants_binary = flag_of(parameters, "binary_data")
        classification = parameters.get("classification")
        if classification is not None and (spec is not SCORES or type(classification) is not int or classification < 1):
            raise RequestError(
                INVALID_PARAMETER,
                f"classification of {spec.name} is {shown(classification)}: ask for it with {SCORES.name}, as a whole "
                "number from 1",
            )
        # More than there are gives all of them, as with Triton.
        top = None if classification is None else min(classification, classes)
        yield WantedOutput(spec, binary if wants_binary is None else wants_binary, top)
