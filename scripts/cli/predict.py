"""Classify an image on a running server."""

from pathlib import Path

import click

from scripts.client import predict as client
from scripts.common.errors import CommandError


@click.command()
@click.argument("name")
@click.argument("image", type=click.Path(path_type=Path))
@click.option("--url", default=client.DEFAULT_URL, help="Inference API.")
@click.option("--text", is_flag=True, help="Print only the labels, one per line.")
@click.option("--top-k", type=int, help="Number of classes.")
def predict(name: str, image: Path, url: str, text: bool, top_k: int | None) -> None:
    """Classify one image on a running server.

    NAME is the served name, such as resnet-50, or NAME/VERSION.
    """
    try:
        data = image.read_bytes()
    except OSError as error:
        raise CommandError(f"{image} cannot be read ({error.strerror}): name an image") from error
    response = client.predict(url.rstrip("/"), name, data, text=text, top_k=top_k)
    if not response.ok:
        raise CommandError(f"the server refused (status {response.status_code}): {response.text.strip()}")
    click.echo(response.text, nl=not text)
