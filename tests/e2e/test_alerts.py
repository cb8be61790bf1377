"""Alerts reach a webhook, from the real Prometheus through the real Alertmanager.

Only the waits are shorter than in config/prometheus/: promtool tests the real ones (tests/unit/monitoring/).
"""

import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from scripts.common.paths import CONFIG, PROJECT
from tests.e2e.stack import Stack, docker, free_port
from tests.waiting import wait_for

Alerts = set[tuple[str, str]]  # name and severity


@pytest.fixture
def url_file(tmp_path: Path) -> Path:
    path = tmp_path / "webhook_url"
    path.touch()
    return path


@pytest.fixture
def override(tmp_path: Path) -> Path:
    """A compose file that mounts the configuration with shorter waits."""
    folder = tmp_path / "prometheus"
    shutil.copytree(CONFIG / "prometheus", folder)
    for name, wait in (("rules.yml", "for"), ("alertmanager.yml", "group_wait")):
        text, found = re.subn(rf"\b{wait}: \d+[sm]$", f"{wait}: 1s", (folder / name).read_text(), flags=re.MULTILINE)
        assert found
        (folder / name).write_text(text)
    services = {
        "prometheus": {"volumes": [f"{folder}:/etc/prometheus:ro"]},
        "alertmanager": {"volumes": [f"{folder}/alertmanager.yml:/etc/alertmanager/alertmanager.yml:ro"]},
    }
    path = tmp_path / "override.yml"
    path.write_text(yaml.safe_dump({"services": services}))
    return path


@pytest.fixture
def gateway_alone(base_images: None, url_file: Path, override: Path) -> Iterator[Stack]:
    """A gateway, Prometheus and Alertmanager without a model server."""
    stack = Stack("classifier-alerts")
    stack.environment |= {
        "COMPOSE_FILE": os.pathsep.join([str(PROJECT / "docker-compose.yml"), str(override)]),
        "COMPOSE_PROFILES": "alerts",
        "ALERTMANAGER_PORT": str(free_port()),
        "ALERT_WEBHOOK_FILE": str(url_file),
    }
    stack.compose("down", "--volumes")  # leftovers of an interrupted run
    try:
        stack.compose("up", "--detach", "--no-deps", "gateway", "prometheus", "alertmanager")
        yield stack
    except BaseException:
        print(stack.compose("logs", "--tail", "50"))
        raise
    finally:
        stack.compose("down", "--volumes")


@contextmanager
def webhook(address: str, received: Alerts) -> Iterator[str]:
    """Receive alerts at an address of this machine, and provide the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.update((alert["labels"]["alertname"], alert["labels"]["severity"]) for alert in document["alerts"])
            self.send_response(200)
            self.end_headers()

    with ThreadingHTTPServer((address, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{address}:{server.server_port}/"
        server.shutdown()


def test_a_stopped_gateway_and_missing_model_servers_page(gateway_alone: Stack, url_file: Path) -> None:
    stack, received = gateway_alone, set[tuple[str, str]]()
    host = docker("network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", f"{stack.project}_monitoring")
    with webhook(host, received) as url:
        url_file.write_text(f"{url}\n")
        wait_for("Prometheus", stack.prometheus_is_ready)
        wait_for("the gateway's first scrape", lambda: stack.query('up{job="gateway"} == 1'))
        stack.compose("stop", "gateway")
        wait_for("no target", lambda: not stack.query('up{job="gateway"}'))
        pages = {("GatewayDown", "page"), ("NoModelServer", "page")}
        wait_for(f"{pages}", lambda: received >= pages, 180)
