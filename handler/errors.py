"""Every way in which a request can fail, as one table, and the problem document that tells the client.

=====  ============================  ==========================================================
400    empty-body                    the request has no body
400    photo-sent-as-form            sent with a form's content type, as curl's `--data-binary` does: use `-T photo.jpg`
400    invalid-json                  broken JSON, or JSON that is not `{"instances": [{"b64": …}]}`
400    invalid-base64                an instance, or the image of a form, that is not base64
400    invalid-parameter             an option out of range, misspelled, or where it has no effect
400    no-image                      a form or JSON without an image
400    several-images                a form with more than one image; several for a picture of an explanation
404    no-explanations               `/explanations/<name>`: this model gives none
406    not-acceptable                an `Accept` that matches nothing offered here
413    body-too-large                a compressed body of over 20 MiB once decompressed
413    too-many-pixels               over 64 megapixels a request (16 as AVIF, HEIC, JPEG 2000), counted before decoding
413    too-many-images               over 16 images in a request
413    too-much-work                 images that take over 4 s to decode, or too long to explain
415    unsupported-format            not an image, or a format that is not supported
415    unsupported-content-encoding  a `Content-Encoding` other than gzip and deflate, or a body that is not in it
422    damaged-image                 an image that is cut off or cannot be read
429    too-many-explanations         more explanations at once than fit; `Retry-After` says when to send it again
500    internal-error                a fault of the server; its log has the stage and the response's `x-request-id`
503    out-of-memory                 no memory left for these images; `Retry-After` says when to send them again
503    stopping                      the server is shutting down; `Retry-After` says when to send it again
504    deadline-exceeded             the time that the client waits, `X-Request-Timeout`, is over or would be
=====  ============================  ==========================================================

Above the byte limit (`max_request_size`) TorchServe itself responds with an empty 413 before a handler sees anything.
"""

import json
import logging
import sys
from dataclasses import dataclass

logger = logging.getLogger(__name__)

PROBLEM_MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Problem:
    """One row of the table.

    Args:
        slug: the row's name; the last part of the document's `type` and the metrics' `reason`.
        status: the HTTP status code.
        title: the sentence that is the same for every request.
        retry_after: s after which the same request may succeed, 0 where it never will.
        accept_encoding: the content codings that a body may have, where it had another one.
    """

    slug: str
    status: int
    title: str
    retry_after: int = 0
    accept_encoding: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """The headers of such a response."""
        found = {"Retry-After": str(self.retry_after or ""), "Accept-Encoding": self.accept_encoding}
        return {name: value for name, value in found.items() if value}


EMPTY_BODY = Problem("empty-body", 400, "The request has no body")
PHOTO_SENT_AS_FORM = Problem("photo-sent-as-form", 400, "The photo was sent as a form")
INVALID_JSON = Problem("invalid-json", 400, "The JSON body cannot be used")
INVALID_BASE64 = Problem("invalid-base64", 400, "An image is not valid base64")
INVALID_PARAMETER = Problem("invalid-parameter", 400, "A parameter cannot be used")
NO_IMAGE = Problem("no-image", 400, "The request holds no image")
SEVERAL_IMAGES = Problem("several-images", 400, "The request holds several images")
NO_EXPLANATIONS = Problem("no-explanations", 404, "This model gives no explanations")
NOT_ACCEPTABLE = Problem("not-acceptable", 406, "No response in the accepted media types")
BODY_TOO_LARGE = Problem("body-too-large", 413, "The request is too large")
TOO_MANY_PIXELS = Problem("too-many-pixels", 413, "The image has too many pixels")
TOO_MANY_IMAGES = Problem("too-many-images", 413, "The request holds too many images")
TOO_MUCH_WORK = Problem("too-much-work", 413, "The images take too long")
UNSUPPORTED_FORMAT = Problem("unsupported-format", 415, "The body is not an image of a supported format")
UNSUPPORTED_CONTENT_ENCODING = Problem(
    "unsupported-content-encoding", 415, "The body's encoding is not supported", accept_encoding="gzip, deflate"
)
DAMAGED_IMAGE = Problem("damaged-image", 422, "The image is damaged")
TOO_MANY_EXPLANATIONS = Problem("too-many-explanations", 429, "Too many explanations at once", retry_after=1)
INTERNAL_ERROR = Problem("internal-error", 500, "The server failed to respond")
OUT_OF_MEMORY = Problem("out-of-memory", 503, "The server has no memory left for this request", retry_after=10)
STOPPING = Problem("stopping", 503, "The server is stopping", retry_after=10)
DEADLINE_EXCEEDED = Problem("deadline-exceeded", 504, "The response would come too late", retry_after=1)

TABLE: tuple[Problem, ...] = (
    EMPTY_BODY,
    PHOTO_SENT_AS_FORM,
    INVALID_JSON,
    INVALID_BASE64,
    INVALID_PARAMETER,
    NO_IMAGE,
    SEVERAL_IMAGES,
    NO_EXPLANATIONS,
    NOT_ACCEPTABLE,
    BODY_TOO_LARGE,
    TOO_MANY_PIXELS,
    TOO_MANY_IMAGES,
    TOO_MUCH_WORK,
    UNSUPPORTED_FORMAT,
    UNSUPPORTED_CONTENT_ENCODING,
    DAMAGED_IMAGE,
    TOO_MANY_EXPLANATIONS,
    INTERNAL_ERROR,
    OUT_OF_MEMORY,
    STOPPING,
    DEADLINE_EXCEEDED,
)


class RequestError(Exception):
    """A request that gets a problem instead of predictions.

    Args:
        problem: the row of the table.
        detail: what is wrong with this request, and what to send instead.
    """

    def __init__(self, problem: Problem, detail: str) -> None:
        super().__init__(detail)
        self.problem = problem
        self.detail = detail

    def about(self, where: str) -> "RequestError":
        """Return the same error with the place it happened at in front, such as `instance 3`."""
        return RequestError(self.problem, f"{where}: {self.detail}")

    def document(self) -> bytes:
        """Return the RFC 9457 problem document as UTF-8 JSON; `error` is what KServe's and Triton's clients show."""
        body = {
            "type": f"/problems/{self.problem.slug}",
            "title": self.problem.title,
            "status": self.problem.status,
            "detail": self.detail,
            "error": f"{self.problem.title}: {self.detail}",
        }
        return json.dumps(body, ensure_ascii=False).encode("utf-8", errors="replace")


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether memory is missing; torch and ONNX Runtime say so in words only."""
    words = ("allocate memory", "insufficient memory", "out of memory", "bad_alloc")
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in words)


def server_error(stage: str, request_id: str) -> RequestError:
    """Log the exception that is being handled, with its traceback, and return what the client may know."""
    logger.error("request %s failed in stage %s", request_id, stage, exc_info=True)
    if is_out_of_memory(sys.exception()):
        return RequestError(
            OUT_OF_MEMORY, "wait for the seconds in Retry-After and send it again, or send smaller or fewer images"
        )
    return RequestError(
        INTERNAL_ERROR,
        "the request failed on the server: give its operator this response's x-request-id header",
    )
