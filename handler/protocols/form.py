"""A multipart form, read here and not by TorchServe, which responds 500 to those that it cannot parse.

The gateway sends `multipart/form-data` on as FORM, so that TorchServe hands the body over as it came.
"""

from io import BytesIO

from multipart import MultipartError, MultipartParser, parse_options_header

from handler.errors import NO_IMAGE, RequestError

FORM = "application/x-multipart-form-data"
MAX_FIELDS = 32  # a client needs three


def form_fields(body: bytes, content_type: str) -> dict[str, bytes]:
    """Return a form's fields by name; the last of those that share a name.

    Args:
        body: the form as it was sent.
        content_type: its content type, with the boundary.

    Raises:
        RequestError: no-image, for a form that cannot be read.
    """
    _, parameters = parse_options_header(content_type)
    size = len(body) + 1  # larger than any part: nothing goes to the disk
    try:
        parser = MultipartParser(
            BytesIO(body),
            parameters.get("boundary", ""),
            charset="latin-1",  # of file names, which are not used
            part_limit=MAX_FIELDS,
            spool_limit=size,
            memory_limit=size,
        )
        found = {part.name: part.raw for part in parser}
    except MultipartError as error:
        raise RequestError(
            NO_IMAGE, f"the form cannot be read ({error.args[0]}): send it as curl -F data=@photo.jpg"
        ) from error
    if not found:
        raise RequestError(NO_IMAGE, "the form is empty: send it as curl -F data=@photo.jpg")
    return found
