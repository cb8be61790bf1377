"""What a server's /metrics says."""

import requests

from scripts.client.metrics import samples
from scripts.common.waiting import wait_until
from scripts.server.torchserve import TorchServe

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]  # (name, labels but the host's) -> value


def scrape(server: TorchServe) -> Samples:
    response = requests.get(f"{server.ports.url(server.ports.metrics)}/metrics")
    assert response.status_code == 200
    return {
        (sample.name, tuple(sorted((k, v) for k, v in sample.labels.items() if k.lower() != "hostname"))): sample.value
        for sample in samples(response.text)
    }


def settled(server: TorchServe) -> Samples:
    """Scrape once nothing of ours changes any more: TorchServe reads what a worker writes in a thread of its own."""
    last: Samples = {}

    def unchanged() -> bool:
        nonlocal last
        before = last
        last = {key: value for key, value in scrape(server).items() if key[0].startswith("classifier_")}
        return last == before

    assert wait_until(unchanged, 60, poll=0.2)
    return last
