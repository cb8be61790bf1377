"""Roll out a new version, or go back to the previous one."""

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import click

from scripts.archives import allowed
from scripts.cli import options
from scripts.common.errors import CommandError
from scripts.common.signals import stopping_on_signals
from scripts.rollout import history
from scripts.rollout.compare import read_images
from scripts.rollout.rollout import DRAIN_TIMEOUT, Rollout
from scripts.rollout.server import Server

Command = Callable[..., Any]


@click.group()
def rollout() -> None:
    """Replace a version of a model, or go back.

    A rollout registers the archive, waits for its workers, requires a successful prediction, compares both versions'
    predictions and, with --canary, sends the new version a share of the requests. Then it makes the new version the
    default, waits until the old one is idle, and unregisters it. If a step fails before the new version is the
    default, the new version is unregistered.
    """


def connection(command: Command) -> Command:
    """Add the options for the server's addresses and the drain timeout."""
    drain = click.option("--drain", default=DRAIN_TIMEOUT, help="Seconds to wait until the old version is idle.")
    return reduce(
        lambda decorated, option: option(decorated),
        (drain, options.inference_url, options.management_url, options.store),
        command,
    )


@rollout.command()
@click.argument("archive")
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Images to compare both versions on (default: four examples).",
)
@click.option("--max-differ", type=int, help="Reject the version if more images have another top-1 class.")
@click.option("--canary", type=click.IntRange(1, 99), metavar="PERCENT", help="Share of requests for the new version.")
@click.option("--watch", default=60.0, help="Duration of the canary in seconds.")
@connection
def start(
    archive: str,
    images: Path | None,
    max_differ: int | None,
    canary: int | None,
    watch: float,
    store: Path,
    url: str,
    inference: str,
    drain: float,
) -> None:
    """Roll out an archive in the model store; ARCHIVE is its file name, such as resnet-50-2.0.mar."""
    server = Server(options.management(url), inference.rstrip("/"))
    if canary is not None and not server.behind_gateway:
        raise CommandError(f"--canary needs the gateway (make up), and {url} has none")
    steps = _allowed(Rollout(server, archive, drain), store)
    examples = read_images(images)
    with stopping_on_signals():
        if steps.load():
            with steps.rollback_on_error():
                steps.compare(examples, max_differ)
                if canary is not None:
                    steps.try_canary(canary, watch)
                steps.switch()
        steps.finish()


@rollout.command()
@click.argument("name")
@connection
def back(name: str, store: Path, url: str, inference: str, drain: float) -> None:
    """Go back to the version that the last rollout of a model replaced."""
    management = options.management(url)
    last = history.last(management.url, name)
    steps = _allowed(
        Rollout(Server(management, inference.rstrip("/")), last.archive, drain, expected=last.version), store
    )
    with stopping_on_signals():
        if steps.load():
            with steps.rollback_on_error():
                steps.switch()
        steps.finish()


def _allowed(steps: Rollout, store: Path) -> Rollout:
    """Return the steps if their archive may be served. With a gateway, the model server checks the archive."""
    archive = store / steps.archive
    if not steps.server.behind_gateway and (allowed.sums() or archive.is_symlink()):
        allowed.require(archive)
    return steps
