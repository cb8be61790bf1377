"""Options that several commands share."""

import os
from pathlib import Path

import click

from scripts.client.management import DEFAULT_URL, Management
from scripts.client.predict import DEFAULT_URL as INFERENCE_URL
from scripts.common.paths import MODEL_STORE

model = click.option(
    "--model", default="", metavar="DIRECTORY", help="Hugging Face model directory (default: the Hub, then a fallback)."
)
name = click.option("--name", default="", help="Served name (default: the model's own).")
port = click.option("--port", default=8080, help="Inference port; management and metrics use the next two.")
store = click.option(
    "--store",
    type=click.Path(path_type=Path),
    default=MODEL_STORE,
    help="Model store, for the check against ALLOWED_SHA256.",
)
management_url = click.option(
    "--url", default=DEFAULT_URL, envvar="MANAGEMENT_URL", show_envvar=True, help="Management API."
)
inference_url = click.option("--inference", default=INFERENCE_URL, help="Inference API.")
server_url = click.option("--url", default="", help="A running server (default: start one).")
images = click.option(
    "--images", default="", metavar="FOLDER", help="Folder of JPEGs to send (default: the example image)."
)
rounds = click.option("--rounds", default=3, help="Number of repetitions.")
seconds = click.option("--seconds", default=5.0, help="Seconds per measurement.")


def management(url: str) -> Management:
    """Return a client; its bearer token comes from MANAGEMENT_TOKEN, never from the command line."""
    return Management(url.rstrip("/"), os.environ.get("MANAGEMENT_TOKEN"))
