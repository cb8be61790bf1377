"""What a worker of TorchServe logs beside its requests: errors as such, and why its model cannot be loaded."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)

SECONDS_TO_READ = 1.0  # was enough each time beside six busy processes on two CPUs


def set_up() -> None:
    """Send warnings and errors of Python's log to stderr, whose lines TorchServe logs as warnings.

    A worker of TorchServe logs to stdout alone, whose lines are mere information to its log4j: an operator who asks for
    warnings would not see the handler's errors. TorchServe's own line for every batch is left out.
    """
    root = logging.getLogger()
    root.addFilter(_is_worth_a_line)
    for handler in root.handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stdout and not handler.filters:
            handler.addFilter(_is_no_warning)
            errors = logging.StreamHandler(sys.stderr)
            errors.setLevel(logging.WARNING)
            errors.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
            root.addHandler(errors)
            return


@contextmanager
def failure_explained() -> Iterator[None]:
    """Log why the body, which loads the model, fails, and leave TorchServe the time to read it.

    As soon as TorchServe hears that loading failed, it ends the worker and reads no more of its output: on a busy
    machine, the reason would be lost.

    Raises:
        RuntimeError: the body raised an OSError or a ValueError, for which TorchServe would restart the worker again
            and again; any other error stays what it is.
    """
    try:
        yield
    except Exception as error:
        expected = isinstance(error, (OSError, ValueError))
        logger.log(logging.ERROR, "the model cannot be loaded: %s", error, exc_info=not expected)
        time.sleep(SECONDS_TO_READ)
        if expected:
            raise RuntimeError(str(error)) from error
        raise


def _is_no_warning(record: logging.LogRecord) -> bool:
    return record.levelno < logging.WARNING


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Whether to log it: TorchServe's line for every batch says nothing, and wakes the frontend as the network begins.

    It costs 0.5 % of a lone image's time.
    """
    return not str(record.msg).startswith("Backend received inference")
