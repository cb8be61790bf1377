"""An error that the user can fix is one sentence on stderr; a bug keeps its traceback."""

import errno
import os

import pytest

from scripts.common.errors import CommandError, reported


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (CommandError("the file is broken: copy it again"), "error: the file is broken: copy it again\n"),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "model_store"),
            "error: No space left on device (model_store): free some space or fix the permissions, then run again\n",
        ),
        (
            PermissionError(errno.EACCES, os.strerror(errno.EACCES)),
            "error: Permission denied: free some space or fix the permissions, then run again\n",
        ),
    ],
)
def test_one_sentence(error: BaseException, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught, reported():
        raise error
    assert caught.value.code == 1
    assert capsys.readouterr().err == sentence


def test_ctrl_c_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught, reported():
        raise KeyboardInterrupt
    assert caught.value.code == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("error", [ZeroDivisionError(), OSError(errno.EBADF, "ours")])
def test_a_bug_keeps_its_traceback(error: Exception) -> None:
    with pytest.raises(type(error)), reported():
        raise error
