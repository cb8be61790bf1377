"""A Prometheus of a test's own (Debian's), with the project's rules."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from scripts.common.paths import CONFIG


def query(url: str, expression: str) -> list[dict[str, Any]]:
    """Run a PromQL query; raises a requests.RequestException where Prometheus does not answer it."""
    response = requests.get(f"{url}/api/v1/query", params={"query": expression}, timeout=10)
    response.raise_for_status()
    results: list[dict[str, Any]] = response.json()["data"]["result"]
    return results


class Prometheus:
    """A running one.

    Args:
        url: its address.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Run a PromQL query; none are found before it is up."""
        try:
            return query(self.url, expression)
        except (requests.ConnectionError, requests.HTTPError):
            return []


@contextmanager
def scraping(target: str, port: int, folder: Path) -> Iterator[Prometheus]:
    """Scrape a target each second; skips the test where Prometheus is not installed.

    Args:
        target: host and port.
        port: to listen at.
        folder: an empty one.
    """
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("Prometheus is not installed (Debian: apt-get install prometheus)")
    config = folder / "prometheus.yml"
    document = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(CONFIG / "prometheus" / "rules.yml")],
        "scrape_configs": [{"job_name": "torchserve", "static_configs": [{"targets": [target]}]}],
    }
    config.write_text(yaml.safe_dump(document))
    command = [program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    process = subprocess.Popen(command)
    try:
        yield Prometheus(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(30)
