"""Compares the predictions of two versions of a model for the same images."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import requests

from scripts.client.models import VersionId
from scripts.client.predict import TINY_IMAGE, predict
from scripts.common.errors import CommandError
from scripts.common.example import example_image
from scripts.common.waiting import wait_until

EXAMPLES = ("coffee.png", "chelsea.png", "astronaut.png", "rocket.jpg")  # in scikit-image
BUSY = (requests.codes.too_many_requests, requests.codes.service_unavailable)
BUSY_TIMEOUT = 10.0  # s to repeat a request while the server is busy


@dataclass(frozen=True)
class Comparison:
    """How the predictions of two versions differ.

    Args:
        compared: images that both versions classified.
        skipped: images that the old version refuses.
        differing: names of the images whose top-1 class differs.
        max_change: the largest change of the score of the old version's top-1 class.
    """

    compared: int
    skipped: int
    differing: tuple[str, ...]
    max_change: float

    def __str__(self) -> str:
        """Summarize the differences in a sentence."""
        names = f" ({', '.join(self.differing[:5])}{', ...' if len(self.differing) > 5 else ''})" * bool(self.differing)
        skipped = f"; {self.skipped} were left out, because the old version refuses them" if self.skipped else ""
        return (
            f"{len(self.differing)} of {self.compared} images have another top-1 class{names}, "
            f"and its score changes by up to {self.max_change:.4f}{skipped}"
        )


def read_images(folder: Path | None) -> dict[str, bytes]:
    """Return the files of a folder, or without one a few examples: name -> bytes.

    Raises:
        CommandError: the folder is missing or empty.
    """
    if folder is None:
        return _examples()
    if not folder.is_dir():
        raise CommandError(f"there is no folder {folder}: name one with images")
    found = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
    if not found:
        raise CommandError(f"{folder} is empty: name a folder with images")
    return found


def _examples() -> dict[str, bytes]:
    try:
        folder = example_image().parent
    except CommandError:
        return {"one grey pixel": TINY_IMAGE}  # a machine without scikit-image, such as a small server
    return {name: (folder / name).read_bytes() for name in EXAMPLES}


def compare(inference: str, old: VersionId, new: VersionId, images: Mapping[str, bytes]) -> Comparison:
    """Send the same images to both versions.

    Args:
        inference: the inference API.
        old: the version that serves.
        new: the version to replace it with.
        images: name -> bytes.

    Raises:
        CommandError: the new version refuses an image that the old one classifies, or the old one refuses all.
    """
    differing, max_change, skipped = [], 0.0, 0
    for name, image in images.items():
        first, second = (_predict(inference, version, image) for version in (old, new))
        if not first.ok:
            skipped += 1
            continue
        if not second.ok:
            raise CommandError(f"{new} refuses {name}, which {old} classifies: {second.text.strip()}")
        before, after = ({row["label"]: float(row["score"]) for row in each.json()} for each in (first, second))
        top_1 = max(before, key=before.__getitem__)
        if top_1 != max(after, key=after.__getitem__):
            differing.append(name)
        max_change = max(max_change, abs(before[top_1] - after.get(top_1, 0.0)))
    if skipped == len(images):
        raise CommandError(f"{old} refuses all {skipped} images, so there is nothing to compare: name others")
    return Comparison(len(images) - skipped, skipped, tuple(differing), max_change)


def _predict(inference: str, version: VersionId, image: bytes) -> requests.Response:
    return wait_until(
        lambda: predict(inference, "/".join(version), image),
        BUSY_TIMEOUT,
        poll=1.0,
        done=lambda response: response.status_code not in BUSY,
    )
