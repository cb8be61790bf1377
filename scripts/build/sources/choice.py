"""Which model to build, and how to load it."""

from pathlib import Path

from scripts.build.sources import fallback, hub, huggingface
from scripts.build.sources.source import Origin, SourceModel
from scripts.common.errors import CommandError


def choose(directory: str, name: str) -> Origin:
    """Choose the source, in this order: a named directory, the Hub, the stand-in where the Hub cannot be reached.

    Args:
        directory: a local Hugging Face model directory, or "".
        name: the name to serve it under, or "" for the source's own.

    Raises:
        CommandError: the named directory, or what the Hub sent, cannot be used.
    """
    if directory:
        return huggingface.origin_of_directory(Path(directory), name)
    try:
        return hub.origin(name)
    except hub.HubUnreachableError as error:
        if name not in ("", fallback.NAME):
            raise CommandError(
                f"the Hub cannot be reached ({error}) and the stand-in is never served as {name}: "
                "leave NAME out, or name a local model directory with MODEL="
            ) from error
        print(fallback.banner(str(error)), flush=True)
        return fallback.origin()


def load(origin: Origin) -> SourceModel:
    """Load the model of an origin.

    Raises:
        CommandError: its files are not what an image classifier needs.
    """
    return huggingface.load(origin.directory) if origin.directory else fallback.load()
