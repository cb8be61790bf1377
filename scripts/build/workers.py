"""How many workers a model gets where config/model-config.yaml says `auto`.

WORKERS in the environment says it, and else the rule for the machine that packs the archive. The containers' image is
packed with WORKERS=1: what it will run on is not known then, and more replicas are the way to more there.
"""

import importlib.metadata
import os
import re
from pathlib import Path

from handler.settings import cpus
from scripts.common.errors import CommandError

# One worker of all CPUs answers a lone client fastest and has one copy of the weights. But what it does beside the
# network on a single CPU, about 1 ms a photo (scripts.bench: the front end and TorchServe's protocol), stands still
# while the network's share shrinks: some 76 ms of CPU time over 4 CPUs are 19 ms, over 16 they are 5.
CPUS_A_WORKER = 4
WORKERS_A_GPU = 2  # one decodes and answers while the other's batch is computed

GPUS = Path("/proc/driver/nvidia/gpus")  # a folder each


def rule(cpus: int, gpus: int = 0) -> int:
    """Return the workers for a machine."""
    return WORKERS_A_GPU * gpus if gpus else max(1, cpus // CPUS_A_WORKER)


def gpus() -> int:
    """Return the GPUs that torch could use here, without importing it."""
    return 0 if importlib.metadata.version("torch").endswith("+cpu") else len(list(GPUS.glob("*")))


def chosen() -> int:
    """Return the workers to pack.

    Raises:
        CommandError: WORKERS is no number of workers.
    """
    given = os.environ.get("WORKERS") or "auto"
    if given == "auto":
        return rule(cpus(), gpus())
    if not (given.isdecimal() and int(given)):
        raise CommandError(f"WORKERS is {given!r}: give a number from 1 on, or auto")
    return int(given)


def filled_in(config: str) -> str:
    """Return the text of a model-config.yaml with a number wherever it leaves the workers to the rule."""
    return re.sub(r"^((?:min|max)Workers:\s*)auto\b", rf"\g<1>{chosen()}", config, flags=re.MULTILINE)
