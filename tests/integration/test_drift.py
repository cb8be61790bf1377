"""Drift: a real TorchServe with an archive that has a reference, and the command that shows what is noticed."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from handler.drift.monitor import UPDATES
from scripts.bench import drift
from scripts.cli.main import main
from scripts.server.torchserve import TorchServe
from tests.integration.conftest import free_ports
from tests.integration.scraping import settled
from tests.prometheus import scraping
from tests.scenes import save_scenes, scene
from tests.unit.monitoring import metrics
from tests.waiting import wait_for

MODEL = "tiny-resnet"
RATIO = "classifier_drift_ratio"


@pytest.fixture(scope="module")
def server(archive_with_reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TorchServe]:
    store = tmp_path_factory.mktemp("store")
    shutil.copy(archive_with_reference, store)
    models = {MODEL: archive_with_reference.name}
    with TorchServe(models, store, free_ports(), tmp_path_factory.mktemp("serve")) as running:
        yield running


def after(server: TorchServe, seeds: range, light: float) -> dict[str, float]:
    """Return the gauges of drift, by name and label, after images of these scenes."""
    url = f"{server.ports.url(server.ports.inference)}/predictions/{MODEL}"
    with requests.Session() as session:
        for seed in seeds:
            assert session.post(url, data=scene(seed, light)).status_code == 200
    found = {}
    for (name, labels), value in settled(server).items():
        if name.startswith("classifier_drift_"):
            given = dict(labels)
            assert given.pop("model_name") == MODEL
            found[" ".join([name, *given.values()])] = value
    return found


def test_changed_images_raise_the_gauges(server: TorchServe) -> None:
    assert after(server, range(1000, 1090), 1.0) == {}  # too few
    quiet = after(server, range(1090, 1150), 1.0)
    assert quiet["classifier_drift_window_images"] == 150
    assert quiet["classifier_drift_reference_images"] == 240
    assert max(quiet[f"{RATIO} {of}"] for of in ("classes", "confidence", "features")) < 1
    changed = after(server, range(1150, 1300), 0.1)
    assert changed["classifier_drift_window_images"] == 300
    assert changed[f"{RATIO} features"] > 1
    for name in ("frechet_distance", "psi classes", "psi confidence"):
        assert changed[f"classifier_drift_{name}"] > quiet[f"classifier_drift_{name}"]


def test_every_query_about_drift_is_answered(server: TorchServe, tmp_path: Path) -> None:
    after(server, range(2000, 2150), 1.0)
    queries = {line: query for line, query in metrics.panel_queries() if metrics.of_drift(query)}
    assert len(queries) == 4
    queries |= {name: name for name in metrics.recorded() if metrics.of_drift(name)}
    target = f"127.0.0.1:{server.ports.metrics}"
    with scraping(target, free_ports().inference, tmp_path) as prometheus:
        for line, query in queries.items():
            wait_for(line, lambda query=query: prometheus.query(query))  # type: ignore[misc]


def test_archive_with_a_folder_that_is_not_there(tiny_directory: Path) -> None:
    result = CliRunner().invoke(main, ["archive", "--model", str(tiny_directory), "--reference", "none"])
    assert result.exit_code == 1
    assert result.stderr == "error: there is no folder none: name a folder of images with REFERENCE=\n"


def test_bench_drift_cost_measures_the_window(tiny_archive: Path) -> None:
    result = CliRunner().invoke(main, ["bench", "drift-cost", str(tiny_archive), "--rounds", "3"])
    assert result.exit_code == 0, result.output
    assert re.search(r"with the window, the network takes \d\.\d{4} times the CPU time", result.output)
    assert re.search(r"the window alone takes \d+ us an image, \d+\.\d\d% of the network's CPU time", result.output)


def test_bench_drift_shows_what_is_noticed(tiny_archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "FIGURES", tmp_path / "drift.json")
    monkeypatch.setattr(drift, "UNCHANGED_WINDOWS", 2)
    images, others = save_scenes(tmp_path / "images", 25), save_scenes(tmp_path / "others", 4)
    result = CliRunner().invoke(
        main, ["bench", "drift", str(tiny_archive), "--images", str(images), "--others", str(others)]
    )
    assert result.exit_code == 0, result.output
    document = json.loads((tmp_path / "drift.json").read_text())
    other_photos = "12 other photos, reference of 13"
    assert [row["images"] for row in document["rows"]] == [
        "unchanged", other_photos, "of other things", *drift.CHANGES,
    ]  # fmt: skip
    unchanged, *_ = document["rows"]
    assert unchanged["checks"] == 2 * UPDATES - 1  # from the 100th image on
    for row in document["rows"]:
        assert set(row["ratio"]) == {"classes", "confidence", "features"}
        assert row["images"] in result.output
