"""Features on disk by content, so that a second run computes only what is new."""

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

CACHE = Path("build/eda-features.sqlite")

Box = tuple[float, float, float, float]


def key_of(program: str, image: str, orientation: int, box: Box | None) -> bytes:
    """Return the key of an image's features, or of a box's.

    Args:
        program: SHA-256 of the network's program.
        image: SHA-256 of the image file.
        orientation: EXIF's against the frame of the boxes, as `eda.measure.boxes.valid_images` has it.
        box: x, y, width and height in pixels; None for the whole image.
    """
    return hashlib.sha256(f"{program} {image} {orientation} {box}".encode()).digest()


class Cache:
    """Features (float16 on disk) and top-1 class ids by key."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        with connection:
            connection.execute("CREATE TABLE IF NOT EXISTS features (key BLOB PRIMARY KEY, vector BLOB, top1 INTEGER)")

    def get(self, keys: Sequence[bytes]) -> dict[bytes, tuple[np.ndarray, int]]:
        """Return what is stored for these keys, the features as float16."""
        found = {}
        for key in keys:
            row = self._connection.execute("SELECT vector, top1 FROM features WHERE key = ?", (key,)).fetchone()
            if row:
                found[key] = (np.frombuffer(row[0], np.float16), int(row[1]))
        return found

    def put(self, keys: Sequence[bytes], features: np.ndarray, top1: np.ndarray) -> None:
        """Store float32 features (N, C) and top-1 class ids (N,)."""
        rows = zip(keys, features.astype(np.float16), top1, strict=True)
        with self._connection:
            self._connection.executemany(
                "INSERT OR REPLACE INTO features VALUES (?, ?, ?)",
                [(key, vector.tobytes(), int(class_id)) for key, vector, class_id in rows],
            )


@contextmanager
def open_cache(path: Path = CACHE) -> Iterator[Cache]:
    """Provide the cache in this file, which is made if it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        yield Cache(connection)
