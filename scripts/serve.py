"""Serves the archive of the chosen model in the foreground until Ctrl-C or SIGTERM."""

import argparse
import sys

from scripts import archive
from scripts.failure import Failure, run
from scripts.paths import BUILD
from scripts.ports import Ports
from scripts.stopping import stopping_on_signals
from scripts.torchserve import TorchServe


def addresses(server: TorchServe, name: str) -> str:
    """Return what a person needs to know of a running server."""
    url, ports = server.ports.url, server.ports
    return (
        f"\n{name} is served (Ctrl-C stops it)\n"
        f"  inference   {url(ports.inference)}\n"
        f"  management  {url(ports.management)}\n"
        f"  metrics     {url(ports.metrics)}/metrics\n"
        f"  log         {server.log}\n\n"
        f"  curl -T photo.jpg {url(ports.inference)}/predictions/{name}\n"
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m scripts.serve", description=__doc__)
    parser.add_argument("--model", default="", help="a local Hugging Face model directory")
    parser.add_argument("--name", default="", help="the name to serve it under")
    parser.add_argument("--port", type=int, default=8080, help="inference; management is the next, then metrics")
    given = parser.parse_args()
    ports = Ports(given.port)
    ports.require_free()  # said at once, and not after a build of half a minute
    packed = archive.ensure(given.model, given.name, apart=True)
    # One folder a served name: what was registered beside one model comes back with that model.
    kept = BUILD / "serve" / "state" / packed.stem
    server = TorchServe(
        {packed.stem: packed.name}, ports=ports, run_directory=BUILD / "serve" / str(given.port), state=kept
    )
    with stopping_on_signals():
        try:
            print(f"starting TorchServe with {packed.name}", flush=True)
            with server:
                print(addresses(server, packed.stem), flush=True)
                status = server.process.wait()
        except KeyboardInterrupt:
            print("stopped", flush=True)
            sys.exit(0)
    raise Failure(f"TorchServe ended by itself (status {status}): see {server.log}")


if __name__ == "__main__":
    run(main)
