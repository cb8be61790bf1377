"""The model server's container: its archives, and the settings of its services."""

import json
import re
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.client.models import VersionId
from scripts.common.paths import CONFIG, PROJECT
from scripts.container import run as container
from scripts.server import restore, torchserve
from tests.unit.scripts.server.test_restore import save, version

NGINX = (CONFIG / "nginx" / "nginx.conf.template").read_text()


def write_archive(path: Path, version: str) -> None:
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "MAR-INF/MANIFEST.json", json.dumps({"model": {"modelName": "resnet-50", "modelVersion": version}})
        )


def test_an_image_brings_its_archive_once(tmp_path: Path) -> None:
    image, store, kept = tmp_path / "image", tmp_path / "store", tmp_path / "kept"
    store.mkdir()
    write_archive(image / "resnet-50.mar", "1.0")
    assert container.bring_archives(image, store, kept) == {"resnet-50": "resnet-50.mar"}
    restore.remember(kept, store / "resnet-50.mar")
    assert container.bring_archives(image, store, kept) == {}
    (store / "resnet-50.mar").unlink()  # unregistered, which deletes it: it must not come back
    assert container.bring_archives(image, store, kept) == {}
    write_archive(image / "resnet-50-2.0.mar", "2.0")  # the next image
    assert container.bring_archives(image, store, kept) == {"resnet-50": "resnet-50-2.0.mar"}
    assert (store / "resnet-50-2.0.mar").read_bytes() == (image / "resnet-50-2.0.mar").read_bytes()


def test_going_back_to_an_image_brings_its_archive_again(tmp_path: Path) -> None:
    first, second, store, kept = (tmp_path / name for name in ("first", "second", "store", "kept"))
    store.mkdir()
    write_archive(first / "resnet-50.mar", "1.0")
    write_archive(second / "resnet-50-2.0.mar", "2.0")
    assert restore.remember(kept, first / "resnet-50.mar") is None
    assert restore.remember(kept, second / "resnet-50-2.0.mar") == VersionId("resnet-50", "1.0")
    assert container.bring_archives(second, store, kept) == {}
    assert container.bring_archives(first, store, kept) == {"resnet-50": "resnet-50.mar"}


def register(kept: Path, archive: str, workers: int = 1) -> None:
    """Write down a registration as TorchServe does."""
    save(kept, "20261122092014267", {"resnet-50": {"1.0": version(archive, workers, default=True)}})


def lose(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize("happens", [lose, cut])
def test_a_registered_archive_that_the_store_has_lost_comes_back(
    tmp_path: Path, happens: Callable[[Path], None]
) -> None:
    """With its workers, as it was registered; the volume `models` may be lost while `state` is kept."""
    image, store, kept = tmp_path / "image", tmp_path / "store", tmp_path / "kept"
    store.mkdir()
    write_archive(image / "resnet-50.mar", "1.0")
    container.bring_archives(image, store, kept)
    restore.remember(kept, store / "resnet-50.mar")
    register(kept, "resnet-50.mar", workers=3)
    happens(store / "resnet-50.mar")
    assert container.bring_archives(image, store, kept) == {}  # it is restored, not registered anew
    assert [saved.workers for saved in restore.restore(kept, store).versions] == [3]


def test_an_operators_own_archive_stays(tmp_path: Path) -> None:
    image, store, kept = tmp_path / "image", tmp_path / "store", tmp_path / "kept"
    store.mkdir()
    write_archive(image / "resnet-50.mar", "1.0")
    restore.remember(kept, image / "resnet-50.mar")
    register(kept, "resnet-50.mar")
    write_archive(store / "resnet-50.mar", "1.0")
    with zipfile.ZipFile(store / "resnet-50.mar", "a") as archive:
        archive.writestr("own", "")
    before = (store / "resnet-50.mar").read_bytes()
    container.bring_archives(image, store, kept)
    assert (store / "resnet-50.mar").read_bytes() == before


def test_half_an_archive_does_not_stay_on_a_full_disk(tmp_path: Path) -> None:
    """The limit on file sizes stands in for the disk."""
    image, store = tmp_path / "image", tmp_path / "store"
    store.mkdir()
    write_archive(image / "resnet-50.mar", "1.0")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            container.bring_archives(image, store, tmp_path / "kept")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(store.iterdir()) == []


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


@pytest.fixture
def services() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
    return services


def default(service: dict[str, Any], setting: str) -> float:
    return float(service["environment"][setting].split(":-")[1].rstrip("}"))


def test_the_grace_periods_fit_what_a_stop_takes(services: dict[str, Any]) -> None:
    stop = torchserve.DRAIN_TIMEOUT + torchserve.STOP_TIMEOUT
    assert stop < seconds(services["torchserve"]["stop_grace_period"])
    longest = seconds(NGINX.split("worker_shutdown_timeout ")[1].split(";")[0])
    assert longest < seconds(services["gateway"]["stop_grace_period"])
    slowest = default(services["gateway"], "UPLOAD_SECONDS") + 2 * default(services["gateway"], "RESPONSE_SECONDS")
    assert slowest < longest


def test_a_server_that_hangs_leaves_time_for_another(services: dict[str, Any]) -> None:
    predictions = (CONFIG / "nginx" / "predictions.conf").read_text()
    limit = seconds(predictions.split("proxy_next_upstream_timeout ")[1].split(";")[0])
    assert default(services["gateway"], "RESPONSE_SECONDS") < limit


def test_gateway_and_server_agree_on_the_largest_body() -> None:
    properties = (CONFIG / "config.properties").read_text()
    limit = properties.split("max_request_size=")[1].split("\n")[0]
    assert f"client_max_body_size {limit};" in NGINX


def test_the_gateways_memory_holds_every_large_body_twice(services: dict[str, Any]) -> None:
    """In nginx's file and in njs (upload.js), with 256 MiB for all else."""
    (tmpfs,) = services["gateway"]["tmpfs"]
    files = int(tmpfs.split("size=")[1].removesuffix("m"))
    assert int(services["gateway"]["mem_limit"].removesuffix("m")) >= 2 * files + 256
    kubernetes = (CONFIG / "kubernetes" / "stack" / "gateway.yaml").read_text()
    assert f"sizeLimit: {files}Mi" in kubernetes
    assert f"memory: {2 * files + 256}Mi" in kubernetes


def test_every_service_is_confined(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "mem_limit" in service, name
        assert service["init"] is True, name
        for port in service.get("ports", []):
            assert port.startswith(("127.0.0.1:", "${GATEWAY_ADDRESS:-127.0.0.1}:")), name


def test_grafana_sends_nothing_home_and_loads_nothing_from_there(services: dict[str, Any]) -> None:
    """It would do all of this by default; neither nginx nor Prometheus does any."""
    environment = services["grafana"]["environment"]
    off = (
        "ANALYTICS_REPORTING_ENABLED",
        "ANALYTICS_CHECK_FOR_UPDATES",
        "ANALYTICS_CHECK_FOR_PLUGIN_UPDATES",
        "ANALYTICS_FEEDBACK_LINKS_ENABLED",
        "NEWS_NEWS_FEED_ENABLED",
        "PLUGINS_PLUGIN_ADMIN_ENABLED",
        "SNAPSHOTS_EXTERNAL_ENABLED",
    )
    on = ("SECURITY_DISABLE_GRAVATAR", "PLUGINS_PREINSTALL_DISABLED", "PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED")
    expected = dict.fromkeys(off, "false") | dict.fromkeys(on, "true")
    assert {name: environment.get(f"GF_{name}") for name in expected} == expected


def test_every_services_log_is_limited(services: dict[str, Any]) -> None:
    for name, service in services.items():
        logging = service.get("logging", {})
        assert logging.get("driver") == "json-file", name
        assert set(logging["options"]) == {"max-size", "max-file"}, name
        assert all(isinstance(value, str) for value in logging["options"].values()), name  # Docker refuses numbers


def test_every_setting_is_documented(services: dict[str, Any]) -> None:
    import re

    text = (PROJECT / "docker-compose.yml").read_text()
    page = (PROJECT / "docs" / "deployment.md").read_text()
    settings = set(re.findall(r"\$\{([A-Z0-9_]+)", text))
    assert len(settings) > 10
    assert {name for name in settings if f"`{name}`" not in page} == set()


def test_compose_passes_opentelemetrys_documented_variables_on_and_sets_none(services: dict[str, Any]) -> None:
    import re

    page = (PROJECT / "docs" / "configuration.md").read_text()
    documented = set(re.findall(r"`(OTEL_[A-Z_]+)", page))
    documented |= {f"OTEL_EXPORTER_OTLP{name}" for name in re.findall(r"`(_[A-Z_]+)`", page)}
    environment = services["torchserve"]["environment"]
    otel = {name: value for name, value in environment.items() if name.startswith("OTEL_")}
    assert set(otel) == documented
    assert set(otel.values()) == {None}  # an empty OTEL_TRACES_SAMPLER would be a wrong one


def test_the_documented_collector_reaches_the_model_servers_and_the_way_out(services: dict[str, Any]) -> None:
    page = (PROJECT / "docs" / "deployment.md").read_text(encoding="utf-8")
    (block,) = (part for part in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "collector:" in part)
    networks = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["networks"]
    joined = yaml.safe_load(block)["services"]["collector"]["networks"]
    assert set(services["torchserve"]["networks"]) & set(joined)
    assert any(not (networks[name] or {}).get("internal") for name in joined)
