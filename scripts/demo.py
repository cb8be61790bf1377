"""From nothing to a named photo: builds what is missing, serves it, asks with curl as the README does, and stops."""

import argparse
import importlib.util
import shlex
import shutil
import subprocess
from pathlib import Path

from scripts import archive
from scripts.failure import Failure, run
from scripts.paths import BUILD
from scripts.ports import Ports
from scripts.predict import predict
from scripts.stopping import stopping_on_signals
from scripts.torchserve import TorchServe


def default_photo() -> Path:
    """Return a photo that is always at hand: a cup of espresso, which scikit-image brings along.

    Rachel Michetti took it and gave it to the public domain (CC0).
    """
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise Failure("the default photo is not installed: run make setup, or name a photo with PHOTO=")
    return Path(spec.submodule_search_locations[0]) / "data" / "coffee.png"


def ask(url: str, name: str, photo: Path, *, text: bool) -> None:
    """Show a curl command as one would type it, run it and show its answer.

    Raises:
        Failure: the server refuses.
    """
    command = ["curl", *(["-H", "Accept: text/plain"] if text else []), "-T", str(photo), f"{url}/predictions/{name}"]
    print(f"\n$ {shlex.join(command)}", flush=True)
    if shutil.which("curl"):
        result = subprocess.run([*command, "--silent", "--show-error", "--fail-with-body"], check=False)
        answered = result.returncode == 0
    else:
        print("(curl is not installed: this is what it would print)", flush=True)
        answer = predict(url, name, photo.read_bytes(), text=text)
        print(answer.text, end="", flush=True)
        answered = answer.ok
    print(flush=True)
    if not answered:
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
    packed = archive.ensure(given.model, given.name, apart=True)
    print(f"starting TorchServe with {packed.name}", flush=True)
    with (
        stopping_on_signals(),
        TorchServe({packed.stem: packed.name}, ports=ports, run_directory=BUILD / "demo" / str(given.port)),
    ):
        url = ports.url(ports.inference)
        ask(url, packed.stem, photo, text=True)
        ask(url, packed.stem, photo, text=False)
    chosen = [f"{key}={shlex.quote(value)}" for key, value in (("MODEL", given.model), ("NAME", given.name)) if value]
    print(f"\nThe server is stopped. Start it to stay with: {' '.join(['make serve', *chosen])}")


if __name__ == "__main__":
    run(main)
