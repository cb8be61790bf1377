"""Every generated file decodes to what it shows, or is refused with its reason: nothing is silently wrong."""

from pathlib import Path

import numpy as np
import pytest

from handler.decode.image import decode_image
from handler.settings import Settings
from scripts.formats.check import Row, check
from tests.unit.scripts.formats.matrix import GROUPS
from tests.unit.scripts.formats.samples import Case

# How many of a group are decoded, counted when each was compared: fewer would be a kind that got lost.
MIN_DECODED = {
    "grey TIFF": 266,
    "colour TIFF": 252,
    "other TIFF": 70,
    "PNG": 15,
    "BMP": 10,
    "JPEG 2000": 14,
    "orientation": 48,
    "mode": 11,
}


def fault(case: Case, row: Row) -> str | None:
    """Return what is wrong with what became of a file."""
    if row.status == 415:
        named = row.detail and " is not supported: " in row.detail
        return None if named else f"refused without its kind: {row.detail}"
    if row.status != 200:
        return f"{row.status}: {row.detail}"
    if case.pixels is not None:
        pixels = decode_image(case.data, 10**6).permute(1, 2, 0).numpy()
        off = int(np.abs(pixels.astype(int) - case.pixels).max()) if pixels.shape == case.pixels.shape else 255
    elif row.largest is None:
        return "no second decoder knows it"
    else:
        off = row.largest
    return f"off by {off}" if off > case.tolerance else None


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow tells of odd metadata before it goes on
@pytest.mark.parametrize("group", GROUPS)
def test_no_file_is_silently_wrong(group: str, tmp_path: Path) -> None:
    file, decoded, faults = tmp_path / "file", 0, {}
    for case in GROUPS[group]():
        file.write_bytes(case.data)
        row = check(file, Settings())
        decoded += row.status == 200
        if found := fault(case, row):
            faults[case.name] = found
    assert faults == {}
    assert decoded >= MIN_DECODED[group]
