"""What both apps do to an image before the network, and to its logits after it, with Pillow and NumPy."""

import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

MODEL_DIRECTORY = "MODEL_DIRECTORY"  # variable: the unpacked archive, with model.json and program.onnx


@dataclass(frozen=True)
class Prediction:
    """One class of an image, with its score from 0 to 1."""

    class_id: int
    label: str
    score: float


class Model:
    """The model as its `model.json` describes it.

    Args:
        directory: the unpacked archive.
    """

    def __init__(self, directory: Path) -> None:
        manifest = json.loads((directory / "model.json").read_text(encoding="utf-8"))
        spec = manifest["input"]
        self.program = directory / "program.onnx"
        self._labels: list[str] = manifest["labels"]
        self._resize: dict[str, int] = spec["resize"]
        self._crop: list[int] | None = spec["crop"]
        self._filter = Image.Resampling[spec["interpolation"].upper()]
        self._mean = np.array(spec["mean"], np.float32) / np.float32(spec["rescale"])
        self._std = np.array(spec["std"], np.float32) / np.float32(spec["rescale"])

    def to_batch(self, body: bytes) -> NDArray[np.float32]:
        """Decode, resize, crop and normalise one image, and return it as an array of shape (1, 3, height, width)."""
        opened = Image.open(BytesIO(body))
        ImageOps.exif_transpose(opened, in_place=True)
        image = opened.convert("RGB")
        image = image.resize(self._resized(image.width, image.height), self._filter)
        if self._crop:
            height, width = self._crop
            left, top = (image.width - width) // 2, (image.height - height) // 2
            image = image.crop((left, top, left + width, top + height))
        pixels = (np.asarray(image, np.float32) - self._mean) / self._std
        return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])

    def _resized(self, width: int, height: int) -> tuple[int, int]:
        if "shortest_edge" not in self._resize:
            return self._resize["width"], self._resize["height"]
        short = self._resize["shortest_edge"]
        return (short, short * height // width) if width <= height else (short * width // height, short)

    def top_5(self, logits: NDArray[np.float32]) -> list[Prediction]:
        """Return the best classes of one image, best first.

        Args:
            logits: of shape (classes,).
        """
        scores = np.exp(logits - logits.max())
        scores /= scores.sum()
        best = np.argsort(-scores)[:5]
        return [Prediction(int(index), self._labels[index], float(scores[index])) for index in best]
