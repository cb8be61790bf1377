"""What a server's /metrics says."""

import time

import requests
from prometheus_client.parser import text_string_to_metric_families

from scripts.server.torchserve import TorchServe

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]  # (name, labels but the host's) -> value


def scrape(server: TorchServe) -> Samples:
    answer = requests.get(f"{server.ports.url(server.ports.metrics)}/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, tuple(sorted((k, v) for k, v in sample.labels.items() if k.lower() != "hostname"))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def settled(server: TorchServe) -> Samples:
    """Scrape once nothing of ours changes any more: TorchServe reads what a worker writes in a thread of its own."""
    before: Samples = {}
    while (now := {key: value for key, value in scrape(server).items() if key[0].startswith("classifier_")}) != before:
        before = now
        time.sleep(0.2)
    return now
