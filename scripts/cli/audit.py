"""Check the pinned packages for known vulnerabilities."""

import click


@click.command()
def audit() -> None:
    """Look for known vulnerabilities of the packages."""
    from scripts.audit.audit import run

    run()
