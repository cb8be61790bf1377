"""How TorchServe's process is prepared; what it does then is in tests/integration."""

import subprocess
import sys

from scripts.server import torchserve

PR_GET_PDEATHSIG, PR_GET_TIMERSLACK = 2, 30  # of prctl(2)


def test_the_process_ends_with_its_parent_and_wakes_up_in_time() -> None:
    said = f"""
import ctypes
death = ctypes.c_int()
ctypes.CDLL(None).prctl({PR_GET_PDEATHSIG}, ctypes.byref(death))
print(death.value, ctypes.CDLL(None).prctl({PR_GET_TIMERSLACK}))
"""
    done = subprocess.run(
        [sys.executable, "-c", said],
        preexec_fn=torchserve._before_start,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["15", "1"]
