"""Compares what two versions of a model answer to the same photos."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import requests

from scripts.client.management import Version
from scripts.client.predict import TINY_IMAGE, predict
from scripts.common.errors import CommandError
from scripts.common.example import example_image

AT_HAND = ("coffee.png", "chelsea.png", "astronaut.png", "rocket.jpg")  # photos that scikit-image brings along
TRIES = 10  # a second apart, while a busy server refuses


@dataclass(frozen=True)
class Comparison:
    """What came of it.

    Args:
        compared: photos that both versions answered.
        skipped: photos that the old version refuses.
        differing: names of those with another best class.
        moved: the largest change of the score of the old version's best class.
    """

    compared: int
    skipped: int
    differing: tuple[str, ...]
    moved: float

    def __str__(self) -> str:
        """Say it in a sentence."""
        names = f" ({', '.join(self.differing[:5])}{', ...' if len(self.differing) > 5 else ''})" * bool(self.differing)
        skipped = f"; {self.skipped} were left out, because the old version refuses them" if self.skipped else ""
        return (
            f"{len(self.differing)} of {self.compared} photos have another best class{names}, "
            f"and its score moves by up to {self.moved:.4f}{skipped}"
        )


def photos(folder: Path | None) -> dict[str, bytes]:
    """Read all photos of a folder, or without one a few that are at hand: name -> bytes.

    Raises:
        CommandError: the folder is not there or empty.
    """
    if folder is None:
        return _at_hand()
    if not folder.is_dir():
        raise CommandError(f"there is no folder {folder}: name one with photos")
    found = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
    if not found:
        raise CommandError(f"{folder} is empty: name a folder with photos")
    return found


def _at_hand() -> dict[str, bytes]:
    try:
        folder = example_image().parent
    except CommandError:
        return {"one grey pixel": TINY_IMAGE}  # a machine without scikit-image, such as a small server
    return {name: (folder / name).read_bytes() for name in AT_HAND}


def compare(inference: str, old: Version, new: Version, sent: Mapping[str, bytes]) -> Comparison:
    """Send the same photos to both versions.

    Args:
        inference: the address for predictions.
        old: the version that serves.
        new: the version that comes.
        sent: name of a photo -> its bytes.

    Raises:
        CommandError: the new version refuses what the old one answers, or there was nothing to compare.
    """
    differing, moved, skipped = [], 0.0, 0
    for name, photo in sent.items():
        answers = [_ask(inference, version, photo) for version in (old, new)]
        if not answers[0].ok:
            skipped += 1
            continue
        if not answers[1].ok:
            raise CommandError(f"{new} refuses {name}, which {old} names: {answers[1].text.strip()}")
        before, after = ({row["label"]: float(row["score"]) for row in answer.json()} for answer in answers)
        best = max(before, key=before.__getitem__)
        if best != max(after, key=after.__getitem__):
            differing.append(name)
        moved = max(moved, abs(before[best] - after.get(best, 0.0)))
    if skipped == len(sent):
        raise CommandError(f"{old} refuses all {skipped} photos, so there is nothing to compare: name others")
    return Comparison(len(sent) - skipped, skipped, tuple(differing), moved)


def _ask(inference: str, version: Version, photo: bytes) -> requests.Response:
    for _ in range(TRIES):
        answer = predict(inference, "/".join(version), photo)
        if answer.status_code not in (429, 503):
            break
        time.sleep(1)
    return answer
