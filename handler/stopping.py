"""How a server that is being stopped refuses requests: TorchServe alone would cut them."""

import os
from pathlib import Path

STOPPING_FILE = "STOPPING_FILE"  # variable with the path of a file that is there once no more requests are wanted


def is_stopping() -> bool:
    """Say whether the operator has asked this server to stop."""
    path = os.environ.get(STOPPING_FILE, "")
    return bool(path) and Path(path).exists()
