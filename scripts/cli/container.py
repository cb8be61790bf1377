"""Commands of the image, hidden from the help."""

import click


@click.group(hidden=True)
def container() -> None:
    """Commands of the model server's image."""


@container.command()
def run() -> None:
    """Restore the registered models and serve them until SIGTERM."""
    from scripts.container.run import run

    run()


@container.command()
def ready() -> None:
    """Check readiness, for the image's health check; STATUS_PORT sets another port."""
    from scripts.container.status import check

    check()
    click.echo("ready")
