"""Features of a tiny network, their cache, and photos with planted copies."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from threadpoolctl import threadpool_limits

from eda.embeddings.cache import Cache, open_cache
from eda.embeddings.explore import add_features
from eda.embeddings.trial.copies import ALTERATIONS
from eda.explore import Exploration, explore
from tests.unit.eda.features import drawn_photo, embed
from tests.unit.eda.folder import CocoFolder


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with open_cache(tmp_path / "features.sqlite") as opened:
        yield opened


@pytest.fixture(scope="package")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Exploration:
    """Twelve drawn photos; 13, in test, is a mirrored crop of 1, and 14, in train, is 2 mirrored."""
    folder = CocoFolder(tmp_path_factory.mktemp("planted") / "data")
    document, images = folder.documents["train"], folder.path / "images"
    for seed in range(1, 15):
        content = drawn_photo(seed)
        if seed in (13, 14):
            name = "cropped to 60% and mirrored" if seed == 13 else "mirrored"
            with Image.open(io.BytesIO(drawn_photo(seed - 12))) as image:
                out = io.BytesIO()
                ALTERATIONS[name](image, np.random.default_rng(0)).save(out, "JPEG", quality=90)
            content = out.getvalue()
        (images / f"{seed}.jpg").write_bytes(content)
        with Image.open(io.BytesIO(content)) as image:
            size = {"width": image.width, "height": image.height}
        document["images"] = [entry for entry in document["images"] if entry["id"] != seed]
        document["annotations"] = [entry for entry in document["annotations"] if entry["image_id"] != seed]
        target = folder.documents["test" if seed == 13 else "train"]
        target["images"].append({"id": seed, "file_name": f"{seed}.jpg", **size})
        target["annotations"] += folder.boxes(seed)
    folder.documents["test"]["images"] = folder.documents["test"]["images"][-1:]
    folder.documents["test"]["annotations"] = folder.documents["test"]["annotations"][-2:]
    found = explore(folder.dataset())
    with open_cache(tmp_path_factory.mktemp("cache") / "features.sqlite") as cache:
        return add_features(found, embed(found, cache))
