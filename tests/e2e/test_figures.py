"""Measures the containers' figures in docs/performance.md.

Writes build/gateway.json, build/image.json and build/replicas.json.
"""

import json

from scripts.bench.gateway_cost import Plan, measure
from scripts.common.example import example_image
from scripts.common.paths import BUILD
from scripts.load.measurement import measure_load
from tests.e2e.stack import Stack, docker


def test_cost_of_the_gateway(stack: Stack) -> None:
    image = example_image()
    model, containers = stack.model(), [stack.containers(service)[0] for service in ("gateway", "torchserve")]
    # Between containers, so that neither goes through Docker's proxy for published ports.
    direct = f"http://{stack.address(stack.containers('torchserve')[0])}:8080/predictions/{model}"
    gateway = f"http://{stack.address(stack.containers('gateway')[0], 'outside')}:8080/predictions/{model}"
    measured = measure(direct, gateway, image, Plan(clients=8, seconds=2.0, rounds=4))
    measured["model"] = model
    # CPU time as well, which other work on the machine does not affect.
    before = [stack.cpu_seconds(container) for container in containers]
    responses = measure_load(gateway, [image], clients=8, seconds=5.0).requests
    after = [stack.cpu_seconds(container) for container in containers]
    gateway_used, server_used = (end - start for start, end in zip(before, after, strict=True))
    measured["cpu_ms_per_request"] = {
        "gateway": round(gateway_used * 1000 / responses, 2),
        "server": round(server_used * 1000 / responses, 2),
    }
    measured["gateway_share_of_cpu_percent"] = round(gateway_used / (gateway_used + server_used) * 100, 2)
    (BUILD / "gateway.json").write_text(json.dumps(measured, indent=1) + "\n")
    # A loose bound: noise on a busy machine must not fail the test, but a gateway that uses too much CPU must.
    assert gateway_used < 0.1 * server_used


def test_replicas_with_a_cpu_limit(stack: Stack) -> None:
    """As many as this host has room for, as if each had a machine of that many CPUs."""
    image, model = example_image(), stack.model()
    limit = 0.3  # four of them leave 0.8 of two CPUs to the gateway, the clients and other work on the host
    stack.environment["CPU_LIMIT"] = "1"  # they compute with one thread, and start sooner than with their share
    rows: list[dict[str, float]] = []
    try:
        for replicas in (4, 2, 1):  # the four start side by side
            stack.up(replicas)
            docker("update", "--cpus", str(limit), *stack.containers("torchserve"))
            gateway = stack.containers("gateway")[0]
            url = f"http://{stack.address(gateway, 'outside')}:8080/predictions/{model}"
            measure_load(url, [image], clients=8 * replicas, seconds=5.0)  # caches warm up, and the gateway finds all
            before = stack.cpu_seconds(gateway)
            load = measure_load(url, [image], clients=8 * replicas, seconds=15.0)
            used = stack.cpu_seconds(gateway) - before
            assert load.requests
            row = {"replicas": replicas, "images_per_second": load.rate}
            rows.insert(0, {**row, "gateway_cpu_ms_per_request": used * 1000 / load.requests})
    finally:
        del stack.environment["CPU_LIMIT"]
        stack.up(1)
    (BUILD / "replicas.json").write_text(json.dumps({"model": model, "cpus": limit, "rows": rows}, indent=1) + "\n")
    # Loose, because the gateway and the clients share the host with four replicas.
    assert rows[1]["images_per_second"] > 1.5 * rows[0]["images_per_second"], rows
    assert rows[2]["images_per_second"] > 2.4 * rows[0]["images_per_second"], rows


def test_size_of_the_image(stack: Stack) -> None:
    image = stack.environment["IMAGE"]
    server = stack.containers("torchserve")[0]
    cuda = "cd /opt/venv/lib/python3.11/site-packages && du -sbc nvidia triton 2>/dev/null | tail -1"
    figures = {
        "image_bytes": int(docker("image", "inspect", "--format", "{{.Size}}", image)),
        # Packages that PyPI's builds of torch need for GPUs; PyTorch's CPU builds do not have them.
        "cuda_packages_bytes": int(docker("exec", server, "sh", "-c", cuda).split()[0]),
    }
    (BUILD / "image.json").write_text(json.dumps(figures, indent=1) + "\n")
    assert figures["image_bytes"] > figures["cuda_packages_bytes"]
