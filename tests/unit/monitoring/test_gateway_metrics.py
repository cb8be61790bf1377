"""The gateway's counters begin at 0, because Prometheus sees no increase in a series that begins at 1."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.monitoring import gateway
from tests.unit.monitoring.gateway import Request, request


def errors(requests: list[Request], served: list[str] | None) -> dict[tuple[str, str], float]:
    """Return the number of 503s by model and version."""
    families = text_string_to_metric_families(gateway.metrics(requests, served))
    samples = [sample for family in families for sample in family.samples if sample.name == "gateway_requests_total"]
    return {
        (sample.labels["model"], sample.labels["version"]): sample.value
        for sample in samples
        if sample.labels["status"] == "503"
    }


@pytest.mark.parametrize("served", [["m"], [], None])
def test_requests_without_a_model_begin_at_0(served: list[str] | None) -> None:
    assert errors([], served)["", ""] == 0
    assert errors([request(503)], served)["", ""] == 1


def test_a_served_model_begins_at_0() -> None:
    assert errors([], ["m"])["m", "default"] == 0
    assert errors([request(503, "m")], ["m"])["m", "default"] == 1


def test_a_version_begins_at_0_with_its_first_success() -> None:
    canary = request(200, "m", "2.0", canary="m/2.0")
    assert errors([canary], ["m"])["m", "2.0"] == 0
    assert errors([canary, {**canary, "status": "503"}], ["m"])["m", "2.0"] == 1


def test_zeros_stay_while_no_model_server_responds() -> None:
    assert errors([request(200, "m")], None)["m", "default"] == 0


def test_names_that_clients_make_up_are_no_labels() -> None:
    unknown, stopped = request(404, "made-up"), request(503, "made-up-2", responds=False)
    assert errors([unknown, stopped, request(503, "m")], []) == {("", ""): 1, ("m", "default"): 1}


def test_a_known_model_keeps_its_label_while_no_model_server_responds() -> None:
    assert errors([request(200, "m"), request(503, "m", responds=False)], None)["m", "default"] == 1
