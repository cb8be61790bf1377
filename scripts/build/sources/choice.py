"""Chooses the source of the model, and loads it."""

from pathlib import Path

from scripts.build.sources import fallback, hub, local
from scripts.build.sources.source import Origin, SourceModel
from scripts.common.errors import CommandError


def choose(directory: str, name: str) -> Origin:
    """Choose the source: a named directory, the Hub, or the fallback model if the Hub cannot be reached.

    Args:
        directory: a local Hugging Face model directory, or "".
        name: the served name, or "" for the source's own.

    Raises:
        CommandError: the named directory, or the Hub's download, cannot be used.
    """
    if directory:
        return local.origin_of_directory(Path(directory), name)
    try:
        return hub.origin(name)
    except hub.HubUnreachableError as error:
        if name not in ("", fallback.NAME):
            raise CommandError(
                f"the Hub cannot be reached ({error}) and the fallback model is never served as {name}: "
                "leave NAME out, or name a local model directory with MODEL="
            ) from error
        print(fallback.banner(str(error)), flush=True)
        return fallback.origin()


def load(origin: Origin) -> SourceModel:
    """Load the model of an origin.

    Raises:
        CommandError: its files are not those of an image classifier.
    """
    return local.load(origin.directory) if origin.directory else fallback.load()
