"""The walkthrough notebook on containers of its own, beside the stack of the other tests."""

from scripts.common.paths import PROJECT
from tests.e2e.stack import Stack
from tests.integration.test_notebook import run


def test_notebook(stack: Stack) -> None:
    own = Stack(f"{stack.project}-notebook")
    settings = {name: own.environment[name] for name in (*own.ports, "COMPOSE_PROJECT_NAME", "TORCH_INDEX_URL")}
    settings |= {"IMAGE": stack.environment["IMAGE"], "MODEL": "", "NAME": "", "VERSION": "1.0", "SERVICE": ""}
    try:
        printed = run(PROJECT / "scripts" / "notebook", settings)
    finally:
        own.compose("down", "--volumes")
    assert "This notebook uses the containers of docker-compose.yml\n" in printed
    assert f"http://127.0.0.1:{own.ports['GATEWAY_PORT']}" in printed
    assert "$ curl -H 'Accept: text/plain' -T" in printed
    assert "<picture>" in printed
    assert "['READY', 'READY']" in printed
    assert "'answered'" in printed
    assert "'rejected'" in printed
    assert own.environment["MANAGEMENT_TOKEN"] not in printed
    assert "the containers are stopped" in printed
