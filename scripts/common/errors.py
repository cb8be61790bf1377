"""How a command fails: one clear sentence on stderr that says what to do, and exit status 1."""

import errno
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


class CommandError(Exception):
    """A failure that the user can fix; the message says what is wrong and what to do."""


@contextmanager
def reported() -> Iterator[None]:
    """Turn an error that the user can fix into one sentence and exit status 1. Others are bugs and propagate."""
    try:
        yield
    except CommandError as error:
        _exit(str(error))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS):
            raise
        where = f" ({error.filename})" if error.filename else ""
        _exit(f"{error.strerror}{where}: free some space or fix the permissions, then run again")
    except KeyboardInterrupt:
        sys.exit(130)


def first_line(error: BaseException) -> str:
    """Return the first line of another library's error, without colour codes; its type where it says nothing."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _exit(sentence: str) -> NoReturn:
    print(f"error: {sentence}", file=sys.stderr)
    sys.exit(1)
