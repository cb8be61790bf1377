"""From nothing to a named photo: builds what is missing, serves it, asks with curl as the README does, and stops."""

import argparse
import importlib.util
import shlex
import shutil
import subprocess
from pathlib import Path

from scripts import archive
from scripts.failure import Failure, run
from scripts.stopping import stopping_on_sigterm
from scripts.torchserve import Ports, TorchServe


def default_photo() -> Path:
    """Return a photo that is always at hand: a cup of espresso, which scikit-image brings along.

    Rachel Michetti took it and gave it to the public domain (CC0).
    """
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise Failure("the default photo is not installed: run make setup, or name a photo with PHOTO=")
    return Path(spec.submodule_search_locations[0]) / "data" / "coffee.png"


def ask(command: list[str]) -> None:
    """Show a curl command as one would type it, run it and show its answer.

    Raises:
        Failure: there is no curl, or the server refuses.
    """
    if shutil.which("curl") is None:
        raise Failure("curl is not installed: install it (Debian: apt-get install curl) and run again")
    print(f"\n$ {shlex.join(command)}", flush=True)
    result = subprocess.run([*command, "--silent", "--show-error", "--fail-with-body"], check=False)
    print(flush=True)
    if result.returncode:
        raise Failure("the server did not name the photo: its answer stands above")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m scripts.demo", description=__doc__)
    parser.add_argument("--model", default="", help="a local Hugging Face model directory")
    parser.add_argument("--name", default="", help="the name to serve it under")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--photo", default="", help="a photo (default: one that is always at hand)")
    given = parser.parse_args()
    photo = Path(given.photo) if given.photo else default_photo()
    if not photo.is_file():
        raise Failure(f"there is no photo {photo}: name one with PHOTO=")
    ports = Ports(given.port)
    ports.require_free()  # said at once, and not after a build of half a minute
    packed = archive.ensure(given.model, given.name)
    print(f"starting TorchServe with {packed.name}", flush=True)
    with stopping_on_sigterm(), TorchServe({packed.stem: packed.name}, ports=ports):
        url = f"{ports.url(ports.inference)}/predictions/{packed.stem}"
        ask(["curl", "-H", "Accept: text/plain", "-T", str(photo), url])
        ask(["curl", "-T", str(photo), url])
    print("\nThe server is stopped. Start it to stay with: make serve")


if __name__ == "__main__":
    run(main)
