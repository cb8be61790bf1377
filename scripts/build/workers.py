"""The number of workers where config/model-config.yaml says `auto`.

WORKERS in the environment sets it; otherwise it follows from the CPUs and GPUs of the machine that packs the archive.
The container image is packed with WORKERS=1, because its machine is not known then and containers scale by replicas.
"""

import importlib.metadata
import os
import re
from pathlib import Path

from handler.cpus import cpus
from scripts.common.errors import CommandError

# One worker with all CPUs gives a lone client the lowest latency and holds one copy of the weights. But its
# single-threaded part, about 1 ms an image (scripts.bench: the frontend and TorchServe's protocol), does not shrink
# with more CPUs, while the network does: 76 ms of CPU time take 19 ms on 4 CPUs and 5 ms on 16.
CPUS_PER_WORKER = 4
WORKERS_PER_GPU = 2  # one decodes and responds while the GPU computes the other's batch

GPUS = Path("/proc/driver/nvidia/gpus")  # one folder for each


def workers_for(cpus: int, gpus: int = 0) -> int:
    return WORKERS_PER_GPU * gpus if gpus else max(1, cpus // CPUS_PER_WORKER)


def gpus() -> int:
    """Count the GPUs that torch could use here, without importing torch."""
    return 0 if importlib.metadata.version("torch").endswith("+cpu") else len(list(GPUS.glob("*")))


def configured() -> int:
    """Return the number of workers from WORKERS or from this machine.

    Raises:
        CommandError: WORKERS is not a number of workers.
    """
    text = os.environ.get("WORKERS") or "auto"
    if text == "auto":
        return workers_for(cpus(), gpus())
    if not (text.isdecimal() and int(text)):
        raise CommandError(f"WORKERS is {text!r}: give a number from 1 on, or auto")
    return int(text)


def fill_in(config: str) -> str:
    """Replace `auto` workers in the text of a model-config.yaml with a number."""
    return re.sub(r"^((?:min|max)Workers:\s*)auto\b", rf"\g<1>{configured()}", config, flags=re.MULTILINE)
