"""Serve the model until Ctrl-C, or classify one image and stop."""

import shlex
import shutil
import subprocess
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import click

from scripts.cli import options
from scripts.client.predict import predict
from scripts.common.errors import CommandError
from scripts.common.example import example_image
from scripts.common.paths import BUILD
from scripts.common.signals import stopping_on_signals
from scripts.server.ports import Ports
from scripts.server.torchserve import TorchServe


@click.command()
@options.model
@options.name
@options.port
@click.option("--grpc", "with_grpc", is_flag=True, envvar="GRPC", help="Serve gRPC too, at the inference port plus 4.")
def serve(model: str, name: str, port: int, with_grpc: bool) -> None:
    """Serve the model until Ctrl-C or SIGTERM."""
    archive, ports = _packed(model, name, port)
    # A folder per served name, so that a restart restores the models that were registered with this one.
    server = TorchServe(
        {archive.stem: archive.name},
        ports=ports,
        run_directory=run_directory(port),
        state=BUILD / "serve" / "state" / archive.stem,
    )
    with stopping_on_signals():
        try:
            print(f"starting TorchServe with {archive.name}", flush=True)
            with server, _grpc(ports) if with_grpc else nullcontext():
                print(_addresses(server, archive.stem), flush=True)
                if with_grpc:
                    print(f"  gRPC        127.0.0.1:{ports.grpc}\n", flush=True)
                status = server.process.wait()
        except KeyboardInterrupt:
            print("stopped", flush=True)
            sys.exit(0)
    raise CommandError(f"TorchServe ended unexpectedly (status {status}): see {server.log}")


def run_directory(port: int) -> Path:
    """Return the folder of a server at a port; its logs are in `logs` there."""
    return BUILD / "serve" / str(port)


@click.command()
@options.model
@options.name
@options.port
@click.option("--photo", default="", help="Photo to classify (default: a cup of espresso).")
def demo(model: str, name: str, port: int, photo: str) -> None:
    """Build, serve, classify a photo with curl, stop."""
    image = Path(photo) if photo else example_image()
    if not image.is_file():
        raise CommandError(f"there is no photo {image}: name one with PHOTO=")
    archive, ports = _packed(model, name, port)
    print(f"starting TorchServe with {archive.name}", flush=True)
    server = TorchServe({archive.stem: archive.name}, ports=ports, run_directory=BUILD / "demo" / str(port))
    with stopping_on_signals(), server:
        url = ports.url(ports.inference)
        _ask(url, archive.stem, image, text=True)
        _ask(url, archive.stem, image, text=False)
    chosen = [f"{key}={shlex.quote(value)}" for key, value in (("MODEL", model), ("NAME", name)) if value]
    print(f"\nThe server is stopped. To keep it running: {' '.join(['make serve', *chosen])}")


def _grpc(ports: Ports) -> AbstractContextManager[None]:
    from scripts.container.rpc.server import beside  # without gRPC, its libraries are not loaded

    return beside(ports)


def _packed(model: str, name: str, port: int) -> tuple[Path, Ports]:
    """Return the model's archive and the ports. Check the ports first, because a build takes half a minute."""
    from scripts.build.archive import ensure

    ports = Ports(port)
    ports.require_free()
    return ensure(model, name, in_subprocess=True), ports


def _addresses(server: TorchServe, name: str) -> str:
    url, ports = server.ports.url, server.ports
    return (
        f"\n{name} is served (Ctrl-C stops it)\n"
        f"  page        {url(ports.inference)}/predictions/{name}\n"
        f"  inference   {url(ports.inference)}\n"
        f"  management  {url(ports.management)}\n"
        f"  metrics     {url(ports.metrics)}/metrics\n"
        f"  log         {server.log}\n\n"
        f"  curl -T photo.jpg {url(ports.inference)}/predictions/{name}\n"
    )


def _ask(url: str, name: str, photo: Path, *, text: bool) -> None:
    """Print a curl command as a user would type it, run it, and print the response."""
    command = ["curl", *(["-H", "Accept: text/plain"] if text else []), "-T", str(photo), f"{url}/predictions/{name}"]
    print(f"\n$ {shlex.join(command)}", flush=True)
    if shutil.which("curl"):
        result = subprocess.run([*command, "--silent", "--show-error", "--fail-with-body"], check=False)
        succeeded = result.returncode == 0
    else:
        print("(curl is not installed; it would print:)", flush=True)
        response = predict(url, name, photo.read_bytes(), text=text)
        print(response.text, end="", flush=True)
        succeeded = response.ok
    print(flush=True)
    if not succeeded:
        raise CommandError("the server could not classify the photo: see its response above")
