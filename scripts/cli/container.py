"""What the image runs; hidden from a person's list of commands."""

import click


@click.group(hidden=True)
def container() -> None:
    """Commands of the model server's image."""


@container.command()
def run() -> None:
    """Serve what was registered last, in the foreground, until SIGTERM."""
    from scripts.container.run import run

    run()


@container.command()
def ready() -> None:
    """Check that a prediction works, as the image's health check does; STATUS_PORT names another port."""
    from scripts.container.status import check

    check()
    click.echo("ready")
