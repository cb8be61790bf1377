"""What docs/performance.md says of the containers, measured: written to build/gateway.json and build/image.json."""

import json

from scripts.bench.gateway_cost import Plan, measure
from scripts.common.example import example_image
from scripts.common.paths import BUILD
from scripts.load.load import send
from tests.e2e.stack import Stack, docker


def test_what_the_gateway_costs(stack: Stack) -> None:
    photo = example_image()
    model, containers = stack.model(), [stack.containers(one)[0] for one in ("gateway", "torchserve")]
    # Container to container, so that the engine's own proxy for published ports is in neither.
    direct = f"http://{stack.address(stack.containers('torchserve')[0])}:8080/predictions/{model}"
    gateway = f"http://{stack.address(stack.containers('gateway')[0], 'outside')}:8080/predictions/{model}"
    measured = measure(direct, gateway, photo, Plan(clients=8, seconds=2.0, rounds=4))
    measured["model"] = model
    # The same in CPU time, which other work on the machine does not blur.
    before = [stack.cpu_seconds(one) for one in containers]
    answered = send(gateway, [photo], clients=8, seconds=5.0).requests
    gateway_used, server_used = (stack.cpu_seconds(one) - start for one, start in zip(containers, before, strict=True))
    measured["cpu_ms_a_request"] = {
        "gateway": round(gateway_used * 1000 / answered, 2),
        "server": round(server_used * 1000 / answered, 2),
    }
    measured["gateway_share_of_cpu_percent"] = round(gateway_used / (gateway_used + server_used) * 100, 2)
    (BUILD / "gateway.json").write_text(json.dumps(measured, indent=1) + "\n")
    # The figures are reported; a busy machine's noise must not fail a test, a gateway that works too much must.
    assert gateway_used < 0.1 * server_used


def test_how_large_the_image_is(stack: Stack) -> None:
    image = stack.environment["IMAGE"]
    server = stack.containers("torchserve")[0]
    cuda = "cd /opt/venv/lib/python3.11/site-packages && du -sbc nvidia triton 2>/dev/null | tail -1"
    figures = {
        "image_bytes": int(docker("image", "inspect", "--format", "{{.Size}}", image)),
        # What PyPI's builds of torch bring along for GPUs beside torch itself; PyTorch's CPU builds have none of it.
        "cuda_packages_bytes": int(docker("exec", server, "sh", "-c", cuda).split()[0]),
    }
    (BUILD / "image.json").write_text(json.dumps(figures, indent=1) + "\n")
    assert figures["image_bytes"] > figures["cuda_packages_bytes"]
