"""From a TorchServe row to images and options, whichever protocol the client speaks.

A row is what TorchServe makes of one HTTP request: the raw body under `body`, or the fields of a form by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from handler.errors import EMPTY_BODY, RequestError
from handler.protocols import kserve_v1, native, open_inference
from handler.protocols.accept import negotiate
from handler.protocols.content_encoding import decompressed
from handler.protocols.encoding import CONTENT_TYPES, ModelName, Response, ToDocument, encode_response
from handler.protocols.form import restored
from handler.protocols.open_inference import TensorRequest
from handler.protocols.parameters import OPTIONS, threshold_of, top_k_of
from handler.protocols.predictions import Predictions


class WireProtocol(Protocol):
    """What a module of this package has that reads one protocol's requests."""

    def speaks(self, row: Mapping[str, Any], header: Mapping[str, str]) -> bool:
        """Whether a row is a request of this protocol."""

    def parse(
        self, row: Mapping[str, Any], header: Mapping[str, str], max_images: int, options: Sequence[str]
    ) -> tuple[list[bytes], dict[str, Any]]:
        """Return the images and the parameters of one row, which may be these options."""

    def to_document(self, predictions: list[Predictions]) -> object:
        """Return the JSON document for the predictions of all images."""


PROTOCOLS: tuple[WireProtocol, ...] = (kserve_v1, native)  # the first that speaks a row reads it; the last speaks all


@dataclass(frozen=True)
class Request:
    """One client's request, understood but not yet decoded.

    Args:
        images: the encoded images in the order sent; at least one.
        top_k: how many classes to return for each, 1 to the number of classes.
        threshold: minimum score of a returned class, 0 to 1.
        media_type: of the response, `application/json` or `text/plain`.
        to_document: the protocol's JSON document for the predictions of all images.
    """

    images: list[bytes]
    top_k: int
    threshold: float
    media_type: str
    to_document: ToDocument

    @property
    def groups(self) -> list[list[bytes]]:
        """The images that are decoded or refused together: all of them."""
        return [self.images]

    def respond(
        self, predictions: list[Predictions], _failures: Mapping[int, RequestError], _model: ModelName
    ) -> Response:
        """Encode the predictions of all images."""
        body = encode_response(predictions, self.media_type, self.to_document)
        return Response(body, CONTENT_TYPES[self.media_type])

    def error(self, failures: Mapping[int, RequestError]) -> RequestError:
        """Return what is wrong with the request: an image that could not be decoded fails it as a whole."""
        return failures[0]


def is_describe(row: Mapping[str, Any], headers: Mapping[str, Any]) -> bool:
    """Whether an operator asks for the manifest: GET /models/<name>?customized=true."""
    return headers.get("describe") == "True" and not row


def is_explain(headers: Mapping[str, Any]) -> bool:
    """Whether a client asks for an explanation: /explanations/<name> and /v1/models/<name>:explain."""
    return headers.get("explain") == "True"


def parse_request(
    row: Mapping[str, Any], headers: Mapping[str, Any], classes: int, max_images: int
) -> Request | TensorRequest:
    """Read one row.

    Args:
        row: the request as TorchServe hands it over.
        headers: its headers, in any case; TorchServe mixes the form fields' own headers (dicts) into them.
        classes: number of the model's classes, the largest `top_k`.
        max_images: most images in one request.

    Raises:
        RequestError: every 400 and 406 of the table, too-many-images, body-too-large and
            unsupported-content-encoding.
    """
    header = header_of(headers)
    row = restored_row(row, header)
    if open_inference.speaks(row, header):
        return open_inference.parse(row, header, classes, max_images)
    media_type = negotiate(header.get("accept", "*/*"))
    protocol = protocol_of(row, header)
    images, own_parameters = protocol.parse(row, header, max_images, OPTIONS)
    if not all(images):
        raise RequestError(EMPTY_BODY, "the image has no bytes: send an image file, such as curl -T photo.jpg")
    parameters = {"top_k": header.get("x-top-k"), "threshold": header.get("x-threshold")} | own_parameters
    return Request(
        images=images,
        top_k=top_k_of(parameters["top_k"], classes),
        threshold=threshold_of(parameters["threshold"]),
        media_type=media_type,
        to_document=protocol.to_document,
    )


def header_of(headers: Mapping[str, Any]) -> dict[str, str]:
    """Return a request's headers by lower-case name."""
    return {name.lower(): value for name, value in headers.items() if isinstance(value, str)}


def restored_row(row: Mapping[str, Any], header: Mapping[str, str]) -> Mapping[str, Any]:
    """Return a row as its client sent it, decompressed.

    Raises:
        RequestError: body-too-large or unsupported-content-encoding.
    """
    return restored(decompressed(row, header), header)


def protocol_of(row: Mapping[str, Any], header: Mapping[str, str]) -> WireProtocol:
    """Return the protocol of a row, which is not the Open Inference Protocol's."""
    return next(each for each in PROTOCOLS if each.speaks(row, header))
