"""Turns off the usage statistics of packages, which most of them send by default; imported before any of them."""

import os
import sys

VARIABLES = (
    "DO_NOT_TRACK",  # a convention of command-line programs
    "HF_HUB_DISABLE_TELEMETRY",  # huggingface_hub, transformers, datasets
    "ORT_DISABLE_TELEMETRY",  # ONNX Runtime, which also writes a device id below the home directory
)


def turn_off() -> None:
    """Turn them off in this process and in those that it starts, unless the user has set a variable."""
    for name in VARIABLES:
        os.environ.setdefault(name, "1")
    os.environ.setdefault("HF_UPDATE_DOWNLOAD_COUNTS", "0")  # datasets
    # OpenVINO imports it where it is there, and it sends to an analytics service; there is no variable for that.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
