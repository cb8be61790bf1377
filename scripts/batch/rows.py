"""A row of the table: what became of one image."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from handler.protocols.predictions import Prediction
from scripts.common.errors import CommandError

UNREADABLE = "unreadable-file"
MAX_BYTES = 20_971_520  # max_request_size in config.properties
OF_ANY_IMAGE = (401, 403, 404, 405, 406)  # statuses
INVALID_PARAMETER = "/problems/invalid-parameter"
TEXT = 300  # characters of a response that is not this server's


@dataclass(frozen=True)
class Row:
    """What became of one image; the fields are the columns.

    Args:
        file: its path, as it was given; see `printable`.
        status: the HTTP status of the response; None where the file could not be read.
        class_id: of the top-1 class; None without a prediction.
        label: likewise.
        score: likewise.
        predictions: the top-k classes, best first.
        type: of the error, such as /problems/unsupported-format.
        detail: what is wrong, and what to send instead.
    """

    file: str
    status: int | None
    class_id: int | None = None
    label: str | None = None
    score: float | None = None
    predictions: list[Prediction] = field(default_factory=list)
    type: str | None = None
    detail: str | None = None

    @property
    def is_final(self) -> bool:
        """Whether the image itself decided: a next run need not try again."""
        return self.status is not None and self.status < 500 and self.status not in (408, 429)

    @classmethod
    def of_response(cls, file: str, status: int, body: bytes) -> Self:
        """Read a response.

        Raises:
            CommandError: it is not this server's, or an error that each image would get, such as an unknown model.
        """
        try:
            document = json.loads(body)
        except ValueError:
            document = None
        if status == 200:
            if not (isinstance(document, list) and document and isinstance(document[0], dict)):
                raise CommandError(f"this is no prediction: {_shown(body)}")
            top = document[0]
            return cls(printable(file), status, top.get("class_id"), top.get("label"), top.get("score"), document)
        problem = document if isinstance(document, dict) else {"detail": _shown(body)}
        detail = problem.get("detail") or problem.get("message")  # TorchServe's own errors have a message
        if status in OF_ANY_IMAGE or problem.get("type") == INVALID_PARAMETER:
            raise CommandError(f"the server refused (status {status}): {detail}")
        return cls(printable(file), status, type=problem.get("type"), detail=detail)

    def columns(self) -> dict[str, Any]:
        """Return the columns by name."""
        return asdict(self)


def read_image(file: str) -> bytes | Row:
    """Return the bytes of a file, or the row of one that cannot be sent."""
    try:
        if (size := Path(file).stat().st_size) > MAX_BYTES:
            detail = f"{size} bytes are over the limit of {MAX_BYTES}: send a smaller copy"
            return Row(printable(file), 413, type="/problems/body-too-large", detail=detail)
        return Path(file).read_bytes()
    except OSError as error:
        return Row(printable(file), None, type=UNREADABLE, detail=f"the file cannot be read: {error.strerror}")


def printable(path: str) -> str:
    r"""Return a path as text in one line: a line break becomes \n, a byte that is not UTF-8, for example, \xff."""
    text = os.fsencode(path).decode("utf-8", errors="backslashreplace")
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _shown(body: bytes) -> str:
    return body[:TEXT].decode("utf-8", errors="replace").strip()
