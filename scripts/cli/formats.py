"""Try image files without a server."""

from pathlib import Path

import click

from scripts.common.errors import CommandError


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--to", type=click.Path(path_type=Path), help="Write the rows to this .csv or .json file too.")
@click.option("--max-pixels", type=click.IntRange(min=1), help="Limit of pixels (default: the handler's).")
def formats(folder: Path, to: Path | None, max_pixels: int | None) -> None:
    """Try a folder's images without a server.

    Prints status, format, size, time and reason of each file of FOLDER, and how far its pixels are from a second
    decoder's. The exit status is 1 if a file is refused or differs.
    """
    if not folder.exists():
        raise CommandError(f"there is no {folder}: name a folder of images, or an image")
    from handler.settings import Settings
    from scripts.formats.report import run

    run(folder, Settings(max_pixels=max_pixels) if max_pixels else Settings(), to)
