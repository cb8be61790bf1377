"""Whether a call to the management API may pass: the gateway asks before TorchServe gets it.

MANAGEMENT_TOKEN  opens management to calls with this bearer token; or the file management_token in SECRETS
SECRETS           the folder of that file (default /run/secrets/torchserve)
SERVICE           the name that stands for all model servers in DNS; without it, this is the only one
"""

import hmac
import os
import re
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from scripts.archives import registration
from scripts.common.errors import CommandError

READS = ("GET", "HEAD")
CANARY = re.compile(r"/gateway/canary/[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Refusal:
    """Why a call must not pass, in the words of the gateway's problem document.

    Args:
        status: 401 without the token, or 403; nginx's auth_request knows no other.
        slug: the problem's type.
        title: what is wrong.
        detail: what to do; no text here holds quotes.
    """

    status: int
    slug: str
    title: str
    detail: str


NO_TOKEN = Refusal(401, "token-needed", "Management needs a token", "send Authorization: Bearer and the token")
CLOSED = Refusal(
    403, "management-closed", "Management is closed", "set MANAGEMENT_TOKEN in .env and start the containers again"
)
SEVERAL = Refusal(
    403,
    "several-replicas",
    "Nothing was changed, because the service has several model servers",
    "each has its own models: build the change into the image and run make update, use one server (REPLICAS=1), "
    "or run the service on Kubernetes (docs/deployment.md)",
)


@dataclass(frozen=True)
class Authorization:
    """Checks calls.

    Args:
        token: the token; None closes management.
        store: the model store, for registrations.
        service: the name of all model servers in DNS; None where this is the only one.
    """

    token: str | None
    store: Path
    service: str | None = None

    def refusal(self, method: str, address: str, credentials: str, expected: int = 1) -> Refusal | None:
        """Return why a call must not pass, None if it may.

        Args:
            method: of the call.
            address: path and query as the client sent them.
            credentials: the header Authorization.
            expected: model servers that should run (REPLICAS); one that is away now would miss a change.

        Raises:
            OSError: DNS does not say how many model servers there are.
        """
        if self.token is None:
            return CLOSED
        if not hmac.compare_digest(credentials.encode("latin-1"), f"Bearer {self.token}".encode()):
            return NO_TOKEN
        path, _, query = address.partition("?")
        ends_canary = method == "DELETE" and CANARY.fullmatch(path)
        if method in READS or ends_canary:
            return None
        if self.service and (expected > 1 or replicas(self.service) > 1):
            return SEVERAL
        if method == "POST" and (detail := registration.refusal(query, self.store)):
            return Refusal(403, "registration-refused", "The archive is not registered", detail)
        return None


def replicas(service: str) -> int:
    """Return how many addresses a name has.

    Raises:
        OSError: it cannot be looked up.
    """
    return len({found[4][0] for found in socket.getaddrinfo(service, None, socket.AF_INET, socket.SOCK_STREAM)})


def read_token() -> str | None:
    """Return the token and remove it from the environment, which TorchServe and its workers inherit.

    Raises:
        CommandError: it is too short or has other characters, or every user can read its file.
    """
    token = os.environ.pop("MANAGEMENT_TOKEN", "")
    path = Path(os.environ.get("SECRETS", "/run/secrets/torchserve")) / "management_token"
    if not token and path.exists():
        if path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
            raise CommandError("every user can read or change management_token: chmod o-rwx management_token")
        try:
            token = path.read_text(encoding="utf-8").strip()
        except PermissionError as error:
            raise CommandError("management_token cannot be read: chown 10001 management_token") from error
    if token and not re.fullmatch("[A-Za-z0-9_-]{16,}", token):
        raise CommandError(
            "MANAGEMENT_TOKEN is shorter than 16 characters, or holds others than letters, digits, _ and -: make one "
            "with openssl rand -hex 32"
        )
    return token or None
