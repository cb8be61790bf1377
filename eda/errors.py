"""What can go wrong for a reason that the person at the keyboard can mend.

EdaError            one clear sentence; the command line prints it and exits with 1
 ├─ DataError       the folder or file named is missing, truncated or of another schema
 ├─ HubError        the Hugging Face Hub cannot be reached, or has no such revision
 └─ ServerError     the model server cannot be reached, or does not serve the model asked for

A fault *inside* sound files (a box past the edge, a photo that cannot be read) is no error: it is a row in
the findings.
"""


class EdaError(Exception):
    """One sentence that says what is wrong and what to do instead."""


class DataError(EdaError):
    """The data named cannot be read as CPPE-5."""


class HubError(EdaError):
    """The Hugging Face Hub did not give the data set."""


class ServerError(EdaError):
    """The model server did not answer as its API promises."""


def first_line(error: Exception) -> str:
    """Return an exception's first line, or its type where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
