"""The steps of the notebook, on the containers if a Docker engine runs, otherwise on the local server."""

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

COCO_IMAGE = "http://images.cocodataset.org/val2017/000000039769.jpg"  # two cats on a sofa
DOWNLOAD_TIMEOUT = 15.0  # s


class Service(Protocol):
    """A way to serve the model."""

    kind: str
    url: str
    management: Management

    def build(self) -> str:
        """Build what is served, and return what was built."""
        ...

    def up(self) -> str:
        """Start the service, wait until a prediction works, and return its addresses as a sentence."""
        ...

    def metrics(self) -> dict[str, float]:
        """Return the number of requests by outcome."""
        ...

    def down(self) -> str:
        """Stop the service gracefully, and return a sentence that says so."""
        ...


class Containers:
    """The containers that `make up` starts."""

    kind = "the containers of docker-compose.yml"

    def __init__(self) -> None:
        # Management is closed without a token; this one is valid as long as the notebook runs.
        token = os.environ.setdefault("MANAGEMENT_TOKEN", secrets.token_hex(16))
        self.url = f"http://127.0.0.1:{os.environ.get('GATEWAY_PORT') or 8080}"
        self.management = Management(f"http://127.0.0.1:{os.environ.get('MANAGEMENT_PORT') or 8081}", token)
        self._prometheus = f"http://127.0.0.1:{os.environ.get('PROMETHEUS_PORT') or 9090}"

    def build(self) -> str:
        _bash("compose.sh", "build")
        return "the image is built"

    def up(self) -> str:
        _bash("up.sh")
        return f"the gateway is at {self.url}, management at {self.management.url}, Prometheus at {self._prometheus}"

    def metrics(self) -> dict[str, float]:
        query = "sum by (outcome) (classifier_requests_total)"
        response = requests.get(f"{self._prometheus}/api/v1/query", params={"query": query}, timeout=10)
        response.raise_for_status()
        results = response.json()["data"]["result"]
        return {result["metric"]["outcome"]: float(result["value"][1]) for result in results}

    def down(self) -> str:
        _bash("compose.sh", "down")
        return "the containers are stopped; their volumes keep the models and the metrics"


class Local:
    """The local server that `make serve` starts."""

    kind = "the local server of make serve"

    def __init__(self) -> None:
        self._ports = Ports(int(os.environ.get("PORT") or 8080))
        self.url = self._ports.url(self._ports.inference)
        self.management = Management(self._ports.url(self._ports.management))
        self._server: TorchServe | None = None

    def build(self) -> str:
        self._archive = archive.ensure(os.environ.get("MODEL", ""), os.environ.get("NAME", ""))
        return f"{self._archive.name} is built"

    def up(self) -> str:
        self._server = TorchServe({self._archive.stem: self._archive.name}, self._archive.parent, self._ports)
        self._server.start()
        try:
            self._server.wait_ready()
        except BaseException:
            self.down()
            raise
        return f"TorchServe is at {self.url}"

    def metrics(self) -> dict[str, float]:
        text = requests.get(self._ports.url(self._ports.metrics) + "/metrics", timeout=10).text
        return {
            sample.labels["outcome"]: sample.value
            for sample in samples(text)
            if sample.name == "classifier_requests_total"
        }

    def down(self) -> str:
        if self._server:
            self._server.stop()
        return "TorchServe is stopped"


def missing() -> str | None:
    """Return why the containers cannot be used, None if they can. SERVICE=local selects the local server."""
    if os.environ.get("SERVICE") == "local":
        return "SERVICE=local is set"
    try:
        _bash("compose.sh", "ps")
    except CommandError as error:
        return str(error)
    return None


def choose() -> Service:
    """Return the containers if they can be used, otherwise the local server."""
    return Local() if missing() else Containers()


def image() -> Path:
    """Return the image to classify: PHOTO, a downloaded one of COCO 2017, or the example image without a network."""
    if named := os.environ.get("PHOTO"):
        return Path(named)
    path = BUILD / "coco-39769.jpg"
    if not path.exists():
        try:
            response = requests.get(COCO_IMAGE, timeout=DOWNLOAD_TIMEOUT)
            response.raise_for_status()
        except requests.RequestException:
            return example_image()
        if not response.headers.get("Content-Type", "").startswith("image/"):
            return example_image()  # the login page of a captive portal
        BUILD.mkdir(exist_ok=True)
        path.write_bytes(response.content)
    return path


def curl(*options: str | Path) -> str:
    """Print a curl command as a user would type it, run it, and return its output.

    Raises:
        CommandError: it failed, with curl's message and the response.
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
        CommandError: it failed, with the last line of its output.
    """
    command = ["bash", str(PROJECT / "scripts" / "container" / script), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        last = (result.stderr.strip() or result.stdout.strip()).splitlines()[-1:]
        raise CommandError(
            last[0].removeprefix("error: ") if last else f"{script} failed with status {result.returncode}"
        )
    return result.stdout
