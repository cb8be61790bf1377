"""Errors that the user can correct.

EdaError            one sentence; the command line prints it and exits with status 1
 ├─ DataError       the folder or file is missing, truncated or of another schema
 ├─ HubError        the Hugging Face Hub cannot be reached, or has no such revision
 ├─ ArchiveError    the model archive is missing, damaged or returns no features
 ├─ OutputError     the report cannot be written
 └─ ServerError     the model server cannot be reached, or does not serve the model

A fault *inside* valid files (a box past the edge, an image that cannot be decoded) is no error but a finding.
"""


class EdaError(Exception):
    """One sentence that says what is wrong and how to correct it."""


class DataError(EdaError):
    """The data cannot be read."""


class OutputError(EdaError):
    """A file of the report cannot be written."""


class HubError(EdaError):
    """The data set cannot be downloaded from the Hugging Face Hub."""


class ArchiveError(EdaError):
    """The model archive cannot compute features."""


class ServerError(EdaError):
    """The model server did not respond as its API specifies."""


def first_line(error: Exception) -> str:
    """Return an exception's first line, or its type if the message is empty."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
