"""Manage the models of a running server; commands wait until the workers are ready."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from scripts.archives import allowed
from scripts.cli import options
from scripts.client.management import READY_TIMEOUT
from scripts.client.models import ModelVersion, RegisteredModel

wait = click.option("--wait", default=READY_TIMEOUT, help="Seconds to wait until the workers are ready.")


@click.group()
def models() -> None:
    """Manage the models of a running server."""


@models.command("list")
@options.management_url
def list_models(url: str) -> None:
    """List the registered models and their archives."""
    _print(options.management(url).models())


@models.command()
@click.argument("name")
@click.argument("version", required=False)
@options.management_url
def describe(name: str, version: str | None, url: str) -> None:
    """Show the workers and the queue of all versions of a model, or of one."""
    management = options.management(url)
    _print([management.version(name, version)] if version else management.versions(name))


@models.command()
@click.argument("archive")
@click.option("--workers", default=0, help="Number of workers (default: from its model-config.yaml).")
@wait
@options.store
@options.management_url
def register(archive: str, workers: int, wait: float, store: Path, url: str) -> None:
    """Register an archive in the model store; ARCHIVE is its file name, such as resnet-50.mar."""
    # The gateway checks archives; a server without the gateway does not. Its store may be another one.
    path = store / archive
    if allowed.sums() or path.is_symlink() or path.is_file():
        allowed.require(path)
    name, version = options.management(url).register(archive, workers, wait)
    click.echo(f'Model "{name}" Version: {version} registered')


@models.command()
@click.argument("name")
@click.argument("version", required=False)
@click.option("--workers", type=int, required=True, help="Number of workers.")
@wait
@options.management_url
def scale(name: str, version: str | None, workers: int, wait: float, url: str) -> None:
    """Set the number of workers."""
    options.management(url).scale(name, version, workers, wait)
    click.echo(f"Workers scaled to {workers} for model: {name}")


@models.command("set-default")
@click.argument("name")
@click.argument("version")
@options.management_url
def set_default(name: str, version: str, url: str) -> None:
    """Make a version the default."""
    click.echo(options.management(url).set_default(name, version))


@models.command()
@click.argument("name")
@click.argument("version", required=False)
@options.management_url
def unregister(name: str, version: str | None, url: str) -> None:
    """Unregister a version."""
    click.echo(options.management(url).unregister(name, version))


def _print(documents: Sequence[RegisteredModel | ModelVersion]) -> None:
    click.echo(json.dumps([asdict(document) for document in documents], indent=2))
