"""Models are managed by curl and by the command line on a real server."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from handler.manifest import sha256_of
from scripts.archives import allowed
from scripts.build import archive
from scripts.client import management
from scripts.common.errors import CommandError
from scripts.server.torchserve import TorchServe
from tests.conftest import PROJECT
from tests.integration.conftest import STORE
from tests.integration.test_inference import IMAGE


def manage(server: TorchServe, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts", "models", *arguments, "--url", server.management.url]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)


@pytest.fixture(scope="module")
def second(tiny_directory: Path, fallback_archive: Path) -> Path:
    """A second version of the tiny network, in an archive of its own."""
    store = STORE / "second"
    packed = archive.ensure(str(tiny_directory), "patient", version="2.0", store=store)
    return Path(shutil.copy(packed, STORE))


@pytest.fixture
def unregister_second(server: TorchServe) -> Iterator[None]:
    yield
    if "2.0" in [version.version for version in server.management.versions("patient")]:
        server.management.set_default("patient", "1.0")
        server.management.unregister("patient", "2.0")


def versions(server: TorchServe) -> list[str]:
    return sorted(version["version"] for version in json.loads(manage(server, "describe", "patient").stdout))


@pytest.mark.usefixtures("unregister_second")
def test_a_second_version_from_registration_to_removal(server: TorchServe, inference: str, second: Path) -> None:
    listed = json.loads(manage(server, "list").stdout)
    assert {"name": "patient", "archive": "patient.mar"} in listed

    registered = manage(server, "register", second.name, "--workers", "2")
    assert (registered.returncode, registered.stderr) == (0, "")
    assert registered.stdout == 'Model "patient" Version: 2.0 registered\n'
    assert requests.post(f"{inference}/predictions/patient/2.0", data=IMAGE).status_code == 200
    assert server.management.version("patient").version == "1.0"

    assert server.management.version("patient", "2.0").statuses == ["READY", "READY"]
    scaled = manage(server, "scale", "patient", "2.0", "--workers", "1")
    assert scaled.returncode == 0
    assert len(server.management.version("patient", "2.0").workers) == 1

    assert manage(server, "set-default", "patient", "2.0").returncode == 0
    assert server.management.version("patient").version == "2.0"

    refused = manage(server, "unregister", "patient", "2.0")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: the server refused (status 403): ")

    assert manage(server, "set-default", "patient", "1.0").returncode == 0
    assert manage(server, "unregister", "patient", "2.0").returncode == 0
    assert versions(server) == ["1.0"]
    assert requests.post(f"{inference}/predictions/patient/2.0", data=IMAGE).status_code == 404


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["register", "patient.mar"], "status 409): Model version 1.0 is already registered for model patient"),
        (["register", "nowhere.mar"], "status 404): Model not found"),
        (["describe", "nobody"], "status 404): Model not found: nobody"),
        (["scale", "nobody", "--workers", "1"], "status 404): Model not found: nobody"),
        (["set-default", "patient", "9.9"], "status 404): Model version 9.9 does not exist for model patient"),
        (["unregister", "nobody"], "status 404): Model not found: nobody"),
    ],
)
def test_error_messages_of_the_server(server: TorchServe, arguments: list[str], message: str) -> None:
    result = manage(server, *arguments)
    assert result.returncode == 1
    assert result.stderr.startswith("error: the server refused (")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_archives_outside_the_store(server: TorchServe, tmp_path: Path) -> None:
    outside = Path(shutil.copy(STORE / "patient.mar", tmp_path / "outside.mar"))
    (STORE / "folder").mkdir(exist_ok=True)
    shutil.copy(STORE / "patient.mar", STORE / "folder" / "inside.mar")
    urls = [
        "http://127.0.0.1:1/model.mar",
        "https://127.0.0.1:1/model.mar",
        f"file://{outside}",
        f"file://{STORE}/../../{tmp_path}/outside.mar",
        f"file://{STORE}/folder/inside.mar",
        f"file://{STORE}/%2e%2e/outside.mar",
        f"../{outside.name}",
        "folder/../patient.mar",
        str(outside),
        f"file:{outside}",
        f"FILE://{outside}",
        f"file://localhost{outside}",
        f"%2e%2e%2f{outside.name}",
        f"%252e%252e%252f{outside.name}",
        f"..\\{outside.name}",
        f"jar:file:{outside}!/",
        "ftp://127.0.0.1:1/model.mar",
        "s3://nobody/model.mar",
    ]
    before = server.management.models()
    for url in urls:
        response = requests.post(f"{server.management.url}/models?url={quote(url, safe='')}")
        assert 400 <= response.status_code < 500, (url, response.status_code, response.text)
    assert server.management.models() == before
    shutil.rmtree(STORE / "folder")


@pytest.fixture
def link(tmp_path: Path) -> Iterator[Path]:
    """A link in the store that leads out of it."""
    outside = Path(shutil.copy(STORE / "patient.mar", tmp_path / "outside.mar"))
    link = STORE / "linked.mar"
    link.unlink(missing_ok=True)
    link.symlink_to(outside)
    yield link
    link.unlink()


def test_a_link_out_of_the_store_is_refused_by_the_command(server: TorchServe, link: Path) -> None:
    refused = manage(server, "register", link.name, "--store", str(STORE))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "error: linked.mar is a link: copy the archive itself into the model store\n"


def test_torchserve_alone_follows_a_link(server: TorchServe, link: Path) -> None:
    """So the command, the gateway and each start check archives before TorchServe does (docs/security.md)."""
    response = requests.post(f"{server.management.url}/models?url={link.name}&model_name=linked")
    assert response.ok, response.text
    server.management.unregister("linked")


@pytest.mark.usefixtures("unregister_second")
def test_only_allowed_archives_are_registered(
    server: TorchServe, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(allowed.VARIABLE, "0" * 64)
    refused = manage(server, "register", second.name, "--store", str(STORE))
    assert refused.returncode == 1
    assert f"{second.name} has SHA-256 {sha256_of(second)}, which is not in ALLOWED_SHA256" in refused.stderr
    assert versions(server) == ["1.0"]
    monkeypatch.setenv(allowed.VARIABLE, sha256_of(second))
    assert manage(server, "register", second.name, "--store", str(STORE)).returncode == 0
    assert versions(server) == ["1.0", "2.0"]


def test_workers_that_are_not_ready_in_time(server: TorchServe) -> None:
    requests.put(f"{server.management.url}/models/patient?min_worker=2&max_worker=2&synchronous=false")
    with pytest.raises(CommandError, match=r"patient has not 2 workers ready after 0 s \(they are \["):
        server.management.wait_ready("patient", wait=0)
    server.management.scale("patient", None, 1)
    assert len(server.management.version("patient").workers) == 1


def test_no_server() -> None:
    command = [sys.executable, "-m", "scripts", "models", "list", "--url", "http://127.0.0.1:9"]
    environment = {**os.environ, "no_proxy": "127.0.0.1"}
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT, env=environment)
    assert result.returncode == 1
    assert result.stderr == (
        "error: no management API responds at http://127.0.0.1:9: "
        "start the server with make serve, or name it with --url\n"
    )


def test_more_than_one_page_of_models(server: TorchServe, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = server.management.models()
    monkeypatch.setattr(management, "PAGE", 1)
    assert set(server.management.models()) == set(expected)
