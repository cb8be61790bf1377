"""The messages of both services, from the protos in TorchServe's jar."""

import sys
import tempfile
import zipfile
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import grpc
from google.protobuf.message import DecodeError

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


def unary(call: Callable[[Any, grpc.ServicerContext], Any], request: Any, response: Any) -> grpc.RpcMethodHandler:
    """Return the handler of a call.

    Bytes that are no such message are the client's mistake; gRPC itself would say INTERNAL.

    Args:
        call: from a request to a response.
        request: class of the one.
        response: class of the other.
    """

    def parse(data: bytes) -> Any:
        try:
            return request.FromString(data)
        except DecodeError as error:
            return error

    def respond(parsed: Any, context: grpc.ServicerContext) -> Any:
        if isinstance(parsed, DecodeError):
            name = request.DESCRIPTOR.full_name
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the bytes are no {name}: send one as the proto has it")
        return call(parsed, context)

    return grpc.unary_unary_rpc_method_handler(respond, parse, response.SerializeToString)
