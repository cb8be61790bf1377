"""The settings are measured by a command; here it runs for an instant on the tiny network."""

from pathlib import Path

from scripts.bench.tune import Candidate, candidates, measure, table
from scripts.bench.variant import variant
from scripts.server.torchserve import TorchServe
from tests.integration.conftest import free_ports


def test_two_candidates_side_by_side(tiny_archive: Path, tmp_path: Path) -> None:
    chosen = [Candidate(1, 1, 8, 1), Candidate(2, 1, 4, 20)]
    models = {
        candidate.name: variant(tiny_archive, candidate.name, candidate.model_config(), tmp_path).name
        for candidate in chosen
    }
    with TorchServe(models, tmp_path, free_ports(), tmp_path / "serve") as server:
        served = server.management.version(chosen[1].name)
        assert (served.min_workers, served.batch_size, served.max_batch_delay) == (2, 4, 20)
        rows = measure(server, chosen, rounds=1, seconds=0.2)
    assert [row["workers"] for row in rows] == [1, 2]
    assert all(row[key] > 0 for row in rows for key in ("images_per_second_at_16", "p50_ms_at_1"))
    assert rows[1]["p50_ms_at_1"] > 20  # a lone request waited for company
    assert len(table(rows).splitlines()) == 3


def test_the_shipped_setting_is_measured_first() -> None:
    assert candidates(2)[0] == Candidate(workers=1, threads=2, batch=8, delay=1)
    assert candidates(16)[0] == Candidate(workers=4, threads=4, batch=8, delay=1)
