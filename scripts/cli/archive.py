"""Build an archive, and show its contents."""

from pathlib import Path

import click

from scripts.cli import options


@click.command()
@options.model
@options.name
@click.option("--version", default="1.0", help="Version to serve it as.")
@click.option(
    "--reference",
    default="",
    envvar="REFERENCE",
    show_envvar=True,
    metavar="FOLDER",
    help="Images that those served are compared with.",
)
def archive(model: str, name: str, version: str, reference: str) -> None:
    """Pack the model into model_store/<name>.mar.

    Does nothing if the archive is up to date. PRECISION, CALIBRATION, MIN_AGREEMENT and WORKERS in the environment
    configure the build.
    """
    from scripts.build.archive import ensure

    ensure(model, name, version, reference=reference)


@click.command()
@click.argument("archive", type=click.Path(path_type=Path))
def show(archive: Path) -> None:
    """Show the contents of an archive."""
    from scripts.archives import describe
    from scripts.archives.reading import read_manifest

    click.echo(describe.manifest(read_manifest(archive)))
