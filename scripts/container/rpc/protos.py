"""The messages of both services, from the protos in TorchServe's jar."""

import importlib.util
import sys
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from types import ModuleType

import grpc

from scripts.common.errors import CommandError

PREDICTIONS, OPEN_INFERENCE = "inference.proto", "open_inference_grpc.proto"
IMPORTED = ("google/rpc/status.proto", "google/protobuf/any.proto", "google/protobuf/empty.proto")


@cache
def messages(proto: str) -> ModuleType:
    """Return the messages of a proto: classes by name.

    Raises:
        CommandError: TorchServe is not installed, or is another version.
    """
    spec = importlib.util.find_spec("ts")
    if spec is None or not spec.submodule_search_locations:
        raise CommandError("torchserve is not installed in this environment: run make setup")
    jar = Path(spec.submodule_search_locations[0]) / "frontend" / "model-server.jar"
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(jar) as archive:
        archive.extractall(folder, (proto, *IMPORTED))
        sys.path.insert(0, folder)  # where grpc looks for protos
        try:
            found: ModuleType = grpc.protos(proto)
        finally:
            sys.path.remove(folder)
    return found
