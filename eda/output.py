"""Where the report is written: said before the work starts if that cannot be."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eda.errors import OutputError


def require_writable(folder: Path) -> None:
    """Raise OutputError if files cannot be written to a folder; folders that are created to find out are removed."""
    created = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    with writing(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        finally:
            for parent in created:
                if parent.is_dir():
                    parent.rmdir()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the file system refuses in the block into an OutputError that names `path`."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}); name another folder.") from error
