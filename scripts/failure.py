"""How a command fails: one clear sentence on stderr that says what to do, and exit status 1."""

import errno
import sys
from collections.abc import Callable


class Failure(Exception):
    """Something the person at the terminal can mend; the message says what is wrong and what to do."""


def run(command: Callable[[], None]) -> None:
    """Run a command's main function and turn what can be mended into one sentence; anything else is our bug."""
    try:
        command()
    except Failure as failure:
        _exit(str(failure))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS):
            raise
        where = f" ({error.filename})" if error.filename else ""
        _exit(f"{error.strerror}{where}: free some space or mend the permissions, then run again")
    except KeyboardInterrupt:
        sys.exit(130)


def _exit(sentence: str) -> None:
    print(f"error: {sentence}", file=sys.stderr)
    sys.exit(1)
