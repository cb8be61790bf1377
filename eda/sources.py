"""Choose where CPPE-5 comes from: a folder, the Hub, or a generated sample."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from eda.coco import read_coco
from eda.dataset import Dataset
from eda.errors import HubError
from eda.synthetic import write_sample

SAMPLE_PHOTOS = 40
"""Size of the sample that stands in when the Hub cannot be reached."""


@contextmanager
def open_dataset(folder: Path | None = None, *, hub: bool = False, synthetic: int | None = None) -> Iterator[Dataset]:
    """Yield the data of `folder`, of the Hub alone if `hub`, or a sample of `synthetic` photos.

    With none of them: the Hub, and a sample where the Hub cannot be reached, with a line on stderr that
    says so. A sample lives in a temporary folder until the block ends. Raises EdaError with one sentence.
    """
    if folder is not None:
        yield read_coco(folder)
        return
    if synthetic is None:
        try:
            from eda.hub import read_hub  # noqa: PLC0415  (its import takes seconds; a folder does not need it)

            dataset = read_hub()
        except HubError as error:
            if hub:
                raise
            print(f"{error} Until then: a generated SYNTHETIC sample.", file=sys.stderr)
            synthetic = SAMPLE_PHOTOS
        else:
            yield dataset
            return
    with tempfile.TemporaryDirectory(prefix="cppe5-synthetic-") as name:
        write_sample(Path(name) / "sample", synthetic)
        yield replace(read_coco(Path(name) / "sample"), source=f"generated sample of {synthetic} photos")
