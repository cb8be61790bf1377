"""Which models a server has."""

import requests

from scripts.client.management import Management
from scripts.common.errors import CommandError

TIMEOUT = 30.0  # s


def only_model(url: str) -> str:
    """Return the name of the only model of a server.

    Args:
        url: its inference address. The gateway lists its models there; `make serve` has management on the next port.

    Raises:
        CommandError: no server responds, or it has not one model.
    """
    names = _served(url)
    if len(names) != 1:
        raise CommandError(f"{url} serves {', '.join(names) or 'no model'}: name one with --name")
    return names[0]


def _served(url: str) -> list[str]:
    try:
        response = requests.get(f"{url}/v1/models", timeout=TIMEOUT)
        if response.ok:
            names: list[str] = response.json()["models"]
            return names
    except (requests.RequestException, ValueError, LookupError) as error:
        raise CommandError(
            f"no inference API responds at {url}: start the server with make serve, or name it with --url"
        ) from error
    host, _, port = url.rpartition(":")
    if not port.isdigit():
        raise CommandError(f"{url} does not say which models it serves: name one with --name")
    return [model.name for model in Management(f"{host}:{int(port) + 1}").models()]
