"""Classify one image, or a folder of them."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from scripts.client import predict as client
from scripts.common.errors import CommandError


@click.command()
@click.argument("words", metavar="[NAME] IMAGES...", nargs=-1, required=True)
@click.option("--url", default=client.DEFAULT_URL, help="Inference API.")
@click.option("--name", default="", help="Served name, if NAME is a file too (default: the server's only model).")
@click.option("--model", default="", metavar="ARCHIVE", help="Archive or model directory to use without a server.")
@click.option("--to", type=click.Path(path_type=Path), help="Table to write: .csv, .jsonl or .parquet.")
@click.option("--clients", type=click.IntRange(1, 1000), default=16, help="Images that the server gets at a time.")
@click.option("--text", is_flag=True, help="Print only the labels of one image, one per line.")
@click.option("--top-k", type=int, help="Number of classes.")
def predict(
    words: Sequence[str],
    url: str,
    name: str,
    model: str,
    to: Path | None,
    clients: int,
    text: bool,
    top_k: int | None,
) -> None:
    """Classify one image, or thousands into a table.

    NAME is the served name, such as resnet-50, or NAME/VERSION. Leave it out if the server has one model. IMAGES are
    files, folders, patterns such as 'photos/**/*.jpg', or - for the paths on stdin.

    The response to one image is printed. Of several, or with --to, each is a row: file, status, class_id, label and
    score of the top-1 class, predictions (the top-k classes), type and detail of an error.

    The same command goes on after an interruption: images that have a row are skipped, unless the upload took
    too long (408), the server failed (429, 5xx) or the file could not be read. Parquet is written at the end; until
    then, its rows are in a .jsonl file beside it.
    """
    from scripts.batch import classify, local, server
    from scripts.batch.files import files_of, names_files

    if not (name or model) and len(words) > 1 and not names_files(words[0]):
        name, *words = words
    if to:
        classify.check_table(to)
    files = files_of(words, sys.stdin.buffer)
    if not (to or model) and [*words] == files and len(files) == 1:
        _predict_one(url.rstrip("/"), name, Path(files[0]), text, top_k)
        return
    if text:
        raise CommandError("--text prints the labels of one image from a server: leave it out")
    if model:
        with local.opened(model, top_k) as opened:
            classify.classify(opened, files, to)
    else:
        from scripts.client.served import only_model

        url = url.rstrip("/")
        classify.classify(server.Server(url, name or only_model(url), top_k, clients), files, to)


def _predict_one(url: str, name: str, image: Path, text: bool, top_k: int | None) -> None:
    from scripts.client.served import only_model

    try:
        data = image.read_bytes()
    except OSError as error:
        raise CommandError(f"{image} cannot be read ({error.strerror}): name an image") from error
    response = client.predict(url, name or only_model(url), data, text=text, top_k=top_k)
    if not response.ok:
        raise CommandError(f"the server refused (status {response.status_code}): {response.text.strip()}")
    click.echo(response.text, nl=not text)
