"""How many workers a model gets where config/model-config.yaml says `auto`: the rule for the machine that packs it."""

import re
from pathlib import Path

from handler.settings import cpus

# One worker of all CPUs answers a lone client fastest and has one copy of the weights. But what it does beside the
# network on a single CPU, about 1 ms a photo (scripts.bench: the front end and TorchServe's protocol), stands still
# while the network's share shrinks: some 76 ms of CPU time over 4 CPUs are 19 ms, over 16 they are 5.
CPUS_A_WORKER = 4
WORKERS_A_GPU = 2  # one decodes and answers while the other's batch is computed

GPUS = Path("/proc/driver/nvidia/gpus")  # a folder each


def rule(cpus: int, gpus: int = 0) -> int:
    """Return the workers for a machine."""
    return WORKERS_A_GPU * gpus if gpus else max(1, cpus // CPUS_A_WORKER)


def here() -> int:
    """Return the workers for this machine, or for the part of it that this container may use."""
    return rule(cpus(), len(list(GPUS.glob("*"))))


def filled_in(config: str) -> str:
    """Return the text of a model-config.yaml with a number wherever it leaves the workers to the rule."""
    return re.sub(r"^((?:min|max)Workers:\s*)auto\b", rf"\g<1>{here()}", config, flags=re.MULTILINE)
