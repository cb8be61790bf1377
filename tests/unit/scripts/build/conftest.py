"""Images to measure precisions with."""

from pathlib import Path

import pytest

from tests.conftest import encoded, picture


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photos, and a file that is none."""
    folder = tmp_path_factory.mktemp("photos")
    for index in range(6):
        image = picture(60 + index, 50).rotate(60 * index)
        (folder / f"{index}.png").write_bytes(encoded(image, "PNG"))
    (folder / "notes.txt").write_text("not a photo")
    return folder
