"""The messages of both services, from the protos in TorchServe's jar."""

import sys
import tempfile
import zipfile
from functools import cache
from types import ModuleType

import grpc

from scripts.server import jvm

PREDICTIONS, OPEN_INFERENCE = "inference.proto", "open_inference_grpc.proto"
IMPORTED = ("google/rpc/status.proto", "google/protobuf/any.proto", "google/protobuf/empty.proto")


@cache
def messages(proto: str) -> ModuleType:
    """Return the messages of a proto: classes by name.

    Raises:
        CommandError: TorchServe is not installed.
    """
    jar = jvm.package() / "frontend" / "model-server.jar"
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(jar) as archive:
        archive.extractall(folder, (proto, *IMPORTED))
        sys.path.insert(0, folder)  # where grpc looks for protos
        try:
            found: ModuleType = grpc.protos(proto)
        finally:
            sys.path.remove(folder)
    return found
