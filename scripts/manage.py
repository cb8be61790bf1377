"""Manages models on a running TorchServe through its management API, and waits until workers are really ready."""

import argparse
import json
import os
from pathlib import Path

from scripts import allowed
from scripts.failure import run
from scripts.management import DEFAULT_URL, READY_TIMEOUT, Management
from scripts.paths import MODEL_STORE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.manage", description=__doc__)
    parser.add_argument("--url", default=os.environ.get("MANAGEMENT_URL", DEFAULT_URL), help="(default %(default)s)")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the registered models")
    describe = commands.add_parser("describe", help="one model's versions, workers and queue")
    register = commands.add_parser("register", help="register an archive that lies in the model store")
    scale = commands.add_parser("scale", help="set the number of workers")
    default = commands.add_parser("set-default", help="make a version the default")
    unregister = commands.add_parser("unregister", help="take a version out of service")
    register.add_argument("archive", help="its file name, such as resnet-50.mar")
    register.add_argument("--store", type=Path, default=MODEL_STORE, help="where it lies, for ALLOWED_SHA256")
    for command in (describe, scale, default, unregister):
        command.add_argument("name")
    describe.add_argument("version", nargs="?", default="all")
    default.add_argument("version")
    unregister.add_argument("version", nargs="?", default="")
    scale.add_argument("version", nargs="?", default="")
    scale.add_argument("--workers", type=int, required=True)
    register.add_argument("--workers", type=int, default=0, help="(default: as its model-config.yaml says)")
    for command in (register, scale):
        command.add_argument("--wait", type=float, default=READY_TIMEOUT, help="seconds (default %(default).0f)")
    return parser


def main() -> None:
    """Run the command line; a bearer token comes from MANAGEMENT_TOKEN, never from the command line."""
    given = _parser().parse_args()
    server = Management(given.url.rstrip("/"), os.environ.get("MANAGEMENT_TOKEN", ""))
    match given.command:
        case "list":
            print(json.dumps(server.models(), indent=2))
        case "describe":
            print(json.dumps(server.describe(given.name, given.version), indent=2))
        case "register":
            # The gateway asks for the same on its side; a server without it does not look.
            archive = given.store / given.archive
            if allowed.sums() or archive.is_symlink():
                allowed.require(archive)
            name, version = server.register(given.archive, given.workers, given.wait)
            print(f'Model "{name}" Version: {version} registered')
        case "scale":
            server.scale(given.name, given.version, given.workers, given.wait)
            print(f"Workers scaled to {given.workers} for model: {given.name}")
        case "set-default":
            print(server.set_default(given.name, given.version))
        case "unregister":
            print(server.unregister(given.name, given.version))


if __name__ == "__main__":
    run(main)
