"""The steps of the walk-through notebook: on the containers where a Docker engine runs, else on the local server."""

import os
import secrets
import shlex
import subprocess
from pathlib import Path
from typing import Protocol

import requests

from scripts.build import archive
from scripts.client.management import Management
from scripts.client.metrics import samples
from scripts.common.errors import CommandError
from scripts.common.example import example_image
from scripts.common.paths import BUILD, PROJECT
from scripts.server.ports import Ports
from scripts.server.torchserve import TorchServe

COCO_PHOTO = "http://images.cocodataset.org/val2017/000000039769.jpg"  # two cats on a sofa
DOWNLOAD_TIMEOUT = 15.0  # s


class Service(Protocol):
    """What the notebook needs of either way to serve."""

    kind: str
    url: str
    management: Management

    def build(self) -> str:
        """Build what is served and say what came of it."""
        ...

    def up(self) -> str:
        """Start it, wait until a prediction works, and say where it is."""
        ...

    def metrics(self) -> dict[str, float]:
        """Return how many requests the handler has seen, by outcome."""
        ...

    def down(self) -> str:
        """Stop it in order and say so."""
        ...


class Containers:
    """The compose stack, as `make up` starts it."""

    kind = "the containers of docker-compose.yml"

    def __init__(self) -> None:
        # Management is closed without a token; this one lives as long as the notebook.
        token = os.environ.setdefault("MANAGEMENT_TOKEN", secrets.token_hex(16))
        self.url = f"http://127.0.0.1:{os.environ.get('GATEWAY_PORT') or 8080}"
        self.management = Management(f"http://127.0.0.1:{os.environ.get('MANAGEMENT_PORT') or 8081}", token)
        self._prometheus = f"http://127.0.0.1:{os.environ.get('PROMETHEUS_PORT') or 9090}"

    def build(self) -> str:
        """See Service."""
        _bash("compose.sh", "build")
        return "the image is built"

    def up(self) -> str:
        """See Service."""
        _bash("up.sh")
        return (
            f"the gateway answers at {self.url}, management at {self.management.url}, Prometheus at {self._prometheus}"
        )

    def metrics(self) -> dict[str, float]:
        """See Service; Prometheus asks every five seconds."""
        query = "sum by (outcome) (classifier_requests_total)"
        answer = requests.get(f"{self._prometheus}/api/v1/query", params={"query": query}, timeout=10)
        answer.raise_for_status()
        return {one["metric"]["outcome"]: float(one["value"][1]) for one in answer.json()["data"]["result"]}

    def down(self) -> str:
        """See Service."""
        _bash("compose.sh", "down")
        return "the containers are stopped; their volumes keep the models and the metrics"


class Local:
    """The local server, as `make serve` starts it."""

    kind = "the local server of make serve"

    def __init__(self) -> None:
        self._ports = Ports(int(os.environ.get("PORT") or 8080))
        self.url = self._ports.url(self._ports.inference)
        self.management = Management(self._ports.url(self._ports.management))
        self._server: TorchServe | None = None

    def build(self) -> str:
        """See Service."""
        self._archive = archive.ensure(os.environ.get("MODEL", ""), os.environ.get("NAME", ""))
        return f"{self._archive.name} is built"

    def up(self) -> str:
        """See Service."""
        self._server = TorchServe({self._archive.stem: self._archive.name}, self._archive.parent, self._ports)
        self._server.start()
        try:
            self._server.wait_ready()
        except BaseException:
            self.down()
            raise
        return f"TorchServe answers at {self.url}"

    def metrics(self) -> dict[str, float]:
        """See Service."""
        text = requests.get(self._ports.url(self._ports.metrics) + "/metrics", timeout=10).text
        return {
            sample.labels["outcome"]: sample.value
            for sample in samples(text)
            if sample.name == "classifier_requests_total"
        }

    def down(self) -> str:
        """See Service."""
        if self._server:
            self._server.stop()
        return "TorchServe is stopped"


def missing() -> str | None:
    """Return why the containers cannot be used here, None if they can; SERVICE=local chooses the local server."""
    if os.environ.get("SERVICE") == "local":
        return "SERVICE=local asks for it"
    try:
        _bash("compose.sh", "ps")
    except CommandError as failure:
        return str(failure)
    return None


def choose() -> Service:
    """Return the containers where they can be used, and the local server elsewhere."""
    return Local() if missing() else Containers()


def photo() -> Path:
    """Return a photo: PHOTO, one of COCO 2017, or the one that is always at hand where that cannot be had."""
    if named := os.environ.get("PHOTO"):
        return Path(named)
    path = BUILD / "coco-39769.jpg"
    if not path.exists():
        try:
            answer = requests.get(COCO_PHOTO, timeout=DOWNLOAD_TIMEOUT)
            answer.raise_for_status()
        except requests.RequestException:
            return example_image()
        if not answer.headers.get("Content-Type", "").startswith("image/"):
            return example_image()  # a portal's page instead of the photo
        BUILD.mkdir(exist_ok=True)
        path.write_bytes(answer.content)
    return path


def curl(*options: str | Path) -> str:
    """Show a curl command as one would type it, run it and return what it prints.

    Raises:
        CommandError: it does not answer, or refuses; with what it said.
    """
    shown = [option.name if isinstance(option, Path) else option for option in options]
    print(f"$ curl {shlex.join(shown)}")
    command = ["curl", "--silent", "--show-error", "--fail-with-body", *map(str, options)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise CommandError(f"curl failed: {result.stderr.strip()} {result.stdout.strip()}")
    return result.stdout


def _bash(script: str, *arguments: str) -> str:
    """Run one of the project's shell scripts and return its output.

    Raises:
        CommandError: what it said when it failed.
    """
    command = ["bash", str(PROJECT / "scripts" / "container" / script), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        last = (result.stderr.strip() or result.stdout.strip()).splitlines()[-1:]
        raise CommandError(
            last[0].removeprefix("error: ") if last else f"{script} failed with status {result.returncode}"
        )
    return result.stdout
