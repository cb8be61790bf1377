"""Whether the gateway may pass a registration on: it asks before TorchServe does what the request says."""

import re
from pathlib import Path
from urllib.parse import parse_qsl

from scripts.archives import allowed

# Not `handler` and `runtime`, which change what code of an archive is run, and not the keys of other stores.
PARAMETERS = (
    "url",
    "model_name",
    "synchronous",
    "initial_workers",
    "batch_size",
    "max_batch_delay",
    "response_timeout",
    "startup_timeout",
)
# TorchServe's HTTP library takes ";" for "&" and ends at "#": what two programs could parse differently is
# refused.
PLAIN = re.compile(r"[A-Za-z0-9._~%+=&:/-]*")
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*\.mar")


def refusal(query: str, store: Path) -> str | None:
    """Return why a registration must not happen, None if it may; the sentence holds no quotes.

    Args:
        query: the address's query string, still encoded, as TorchServe will read it.
        store: the model store.
    """
    if not PLAIN.fullmatch(query):
        return "the address holds characters that no registration needs: send /models?url=<file name>"
    given = parse_qsl(query, keep_blank_values=True)
    if not {name for name, _ in given} <= set(PARAMETERS):
        return f"a registration takes {', '.join(PARAMETERS)} and nothing else"
    urls = [value for name, value in given if name == "url"]
    if len(urls) != 1:
        return "name one archive: send /models?url=<file name>"
    name = urls[0].removeprefix(f"file://{store}/")
    if not FILE_NAME.fullmatch(name):
        return "url is no file name of an archive in the model store: copy the archive there and send its name alone"
    return allowed.refusal(store / name)
