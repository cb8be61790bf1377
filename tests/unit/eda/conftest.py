"""Data sets for the tests of eda: the real test split, a synthetic sample and a small valid folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eda.coco import read_coco
from eda.explore import Exploration, explore
from eda.plots.style import RC
from eda.synthetic import Sample, write_sample
from tests.unit.eda.folder import CocoFolder

REAL = Path(__file__).parents[4] / "shared" / "cppe5"


@pytest.fixture(scope="session", autouse=True)
def _coarse_plots() -> Iterator[None]:
    """Draw plots at a low resolution, which saves time and changes no result."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RC, "savefig.dpi", 50)
        yield


@pytest.fixture(scope="session")
def real_folder() -> Path:
    if not REAL.is_dir():
        pytest.skip("the real test split is not beside the project (../shared/cppe5)")
    return REAL


@pytest.fixture(scope="session")
def real(real_folder: Path) -> Exploration:
    return explore(read_coco(real_folder))


@pytest.fixture(scope="session")
def sample_folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Sample]:
    folder = tmp_path_factory.mktemp("synthetic") / "sample"
    return folder, write_sample(folder, 60)


@pytest.fixture(scope="session")
def sample(sample_folder: tuple[Path, Sample]) -> Exploration:
    return explore(read_coco(sample_folder[0]))


@pytest.fixture
def coco(tmp_path: Path) -> CocoFolder:
    return CocoFolder(tmp_path / "cppe5")
