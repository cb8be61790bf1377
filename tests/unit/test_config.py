"""TorchServe 0.12 reads every key in config/."""

import importlib.util
import re
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from ts.metrics.metric_type_enum import MetricTypes

from handler.metrics import DECLARED
from handler.settings import Settings
from tests.conftest import PROJECT

CONFIG = PROJECT / "config"


@pytest.fixture(scope="module")
def frontend() -> zipfile.ZipFile:
    """TorchServe's frontend."""
    spec = importlib.util.find_spec("ts")
    assert spec is not None
    return zipfile.ZipFile(Path(str(spec.origin)).parent / "frontend" / "model-server.jar")


def strings_of(frontend: zipfile.ZipFile, class_name: str) -> set[str]:
    """Return the printable words in a Java class file, which include its string constants."""
    data = frontend.read(f"org/pytorch/serve/{class_name}.class")
    return {word.decode() for word in re.findall(rb"[A-Za-z_]{3,}", data)}


def properties() -> dict[str, str]:
    lines = (CONFIG / "config.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line.strip() and not line.startswith("#"))


def model_config() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((CONFIG / "model-config.yaml").read_text())
    return document


def test_torchserve_reads_every_property(frontend: zipfile.ZipFile) -> None:
    known = strings_of(frontend, "util/ConfigManager")
    assert set(properties()) <= known
    assert "no_such_key" not in known


def test_torchserve_reads_every_key_of_the_model_config(frontend: zipfile.ZipFile) -> None:
    known = strings_of(frontend, "archive/model/ModelConfig")
    keys = set(model_config()) - {"handler"}
    assert keys <= known
    assert "noSuchKey" not in known


def test_the_handler_section_has_every_setting_with_its_default() -> None:
    assert set(model_config()["handler"]) == {field.name for field in fields(Settings)}
    assert Settings.from_model_config(model_config()) == Settings()


def test_every_listener_is_on_loopback() -> None:
    addresses = [value for key, value in properties().items() if key.endswith("_address")]
    assert len(addresses) == 5
    assert all("127.0.0.1" in address for address in addresses)


def test_only_archives_in_the_store_are_allowed() -> None:
    pattern = properties()["allowed_urls"].replace("$$MODEL_STORE$$", "/store")
    assert re.fullmatch(pattern, "file:///store/resnet-50.mar")
    for url in ("http://host/x.mar", "file:///store/../x.mar", "file:///store/a/x.mar", "file:///other/x.mar"):
        assert not re.fullmatch(pattern, url)


def test_declared_metrics_match_the_handler() -> None:
    document = yaml.safe_load((CONFIG / "metrics.yaml").read_text())
    declared = {
        metric["name"]: (MetricTypes(kind), metric["unit"], tuple(metric["dimensions"]))
        for kind, metrics in document["model_metrics"].items()
        for metric in metrics
        if metric["name"].startswith("classifier_")
    }
    assert declared == {name: (kind, unit, ("model_name", *labels)) for name, (kind, unit, labels) in DECLARED.items()}


def test_metrics_are_valid_for_torchserve() -> None:
    """An unknown key, an empty list or a name in both sections would disable metrics or stop workers."""
    document = yaml.safe_load((CONFIG / "metrics.yaml").read_text())
    assert set(document) == {"dimensions", "ts_metrics", "model_metrics"}
    sections = [document["ts_metrics"], document["model_metrics"]]
    metrics = [metric for section in sections for group in section.values() for metric in group]
    assert all(set(metric) == {"name", "unit", "dimensions"} for metric in metrics)
    assert len({metric["name"] for metric in metrics}) == len(metrics)
    assert all(group for section in sections for group in section.values())
