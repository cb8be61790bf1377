"""What a person can mend is one sentence on stderr; a bug of ours is not dressed up as one."""

import errno
import os
from collections.abc import Callable

import pytest

from scripts.failure import Failure, run


def raising(error: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (Failure("the thing is broken: mend it"), "error: the thing is broken: mend it\n"),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "model_store"),
            "error: No space left on device (model_store): free some space or mend the permissions, then run again\n",
        ),
        (
            PermissionError(errno.EACCES, os.strerror(errno.EACCES)),
            "error: Permission denied: free some space or mend the permissions, then run again\n",
        ),
    ],
)
def test_one_sentence(error: BaseException, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(raising(error))
    assert caught.value.code == 1
    assert capsys.readouterr().err == sentence


def test_ctrl_c_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(raising(KeyboardInterrupt()))
    assert caught.value.code == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("error", [ZeroDivisionError(), OSError(errno.EBADF, "ours")])
def test_a_bug_keeps_its_traceback(error: Exception) -> None:
    with pytest.raises(type(error)):
        run(raising(error))
