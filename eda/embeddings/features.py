"""Features of every image and box: each file is decoded once, for the image and for the crops of its boxes."""

import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd
import torch
from PIL import Image
from sklearn.preprocessing import normalize
from torch import Tensor
from torch.nn.functional import interpolate
from tqdm import tqdm

from eda.dataset import Dataset
from eda.embeddings.cache import Box, Cache, key_of
from eda.embeddings.network import Network
from eda.embeddings.result import Features
from eda.images import as_stored
from handler.decode.image import decode_image
from handler.decode.resize import to_input
from handler.engines.engine import MAX_BATCH
from handler.manifest import ONNX_PROGRAM, InputSpec

MAX_PIXELS = 256_000_000
"""An image with more is left out."""

MIN_SIDE = 16
"""Pixels. A box with a shorter side is left out: enlarged to a network's 224 pixels, it shows blurred colour."""

WORKERS = 2
"""Decoding threads: the decoders release the GIL."""

AHEAD = 6
"""Images that are decoded ahead of the network, with all their crops."""

Job = TypeVar("Job")
Result = TypeVar("Result")


class Item(NamedTuple):
    """What gets a vector: a box, or the whole image if `box` is None; `row` is its label in its table."""

    row: int
    key: bytes
    box: Box | None


class Work(NamedTuple):
    """An image with the items that are not in the cache."""

    row: int
    orientation: int
    items: list[Item]


class Batch(NamedTuple):
    """Inputs of the network, and the keys of their items."""

    keys: list[bytes]
    inputs: list[Tensor]


def compute_features(
    dataset: Dataset, images: pd.DataFrame, boxes: pd.DataFrame, network: Network, cache: Cache
) -> Features:
    """Return the features of every readable image and of every box whose sides have at least MIN_SIDE pixels.

    Args:
        dataset: where the files are.
        images: with state, sha256 and orientation (`eda.images.image_facts`).
        boxes: valid boxes with image_row, x, y, w and h in pixels (`eda.measure.boxes.valid_boxes`).
        network: computes them.
        cache: has those of earlier runs.
    """
    items = items_by_image(images, boxes, network.manifest.programs[ONNX_PROGRAM])
    found = cache.get([item.key for group in items.values() for item in group])
    missing = [
        Work(row, int(images.loc[row, "orientation"]), unknown)
        for row, group in items.items()
        if (unknown := [item for item in group if item.key not in found])
    ]
    with ThreadPoolExecutor(network.callers) as pool:
        prepared = batches(dataset, missing, network.manifest.input)
        for keys, vectors, top1 in map_ahead(pool, partial(embed, network), prepared, network.callers):
            cache.put(keys, vectors, top1)
            found |= cache.get(keys)  # rounded as they will be in the next run
    flat = [item for group in items.values() for item in group if item.key in found]
    whole, parts = [item for item in flat if item.box is None], [item for item in flat if item.box is not None]
    return Features(
        model=network.label,
        images=vectors_of(whole, found),
        image_rows=np.array([item.row for item in whole], dtype=np.int64),
        top1=[network.manifest.labels[found[item.key][1]].split(",")[0] for item in whole],
        boxes=vectors_of(parts, found),
        box_rows=np.array([item.row for item in parts], dtype=np.int64),
    )


def embed(network: Network, batch: Batch) -> tuple[list[bytes], np.ndarray, np.ndarray]:
    """Return the keys, float32 features (N, C) and top-1 class ids (N,) of a batch."""
    vectors, top1 = network.embed(batch.inputs)
    return batch.keys, vectors, top1


def items_by_image(images: pd.DataFrame, boxes: pd.DataFrame, program: str) -> dict[int, list[Item]]:
    """Return the items of each readable image, by its row label, the image itself first."""
    readable = images.loc[images["state"].eq("ok"), ["sha256", "orientation"]]
    keys = {
        int(row): partial(key_of, program, sha256, int(orientation))
        for row, sha256, orientation in readable.itertuples()
    }
    items = {row: [Item(row, key(None), None)] for row, key in keys.items()}
    large = boxes[boxes[["w", "h"]].min(axis=1).ge(MIN_SIDE) & boxes["image_row"].isin(readable.index)]
    for row, image_row, *corners in large[["image_row", "x", "y", "w", "h"]].itertuples():
        box = (float(corners[0]), float(corners[1]), float(corners[2]), float(corners[3]))
        items[image_row].append(Item(int(row), keys[image_row](box), box))
    return items


def vectors_of(items: list[Item], found: dict[bytes, tuple[np.ndarray, int]]) -> np.ndarray:
    """Return the vectors of these items, of length 1; (0, 0) without any."""
    if not items:
        return np.zeros((0, 0), np.float32)
    vectors = np.empty((len(items), len(found[items[0].key][0])), np.float32)
    for vector, item in zip(vectors, items, strict=True):
        vector[:] = found[item.key][0]
    return np.asarray(normalize(vectors, copy=False))


def batches(dataset: Dataset, missing: list[Work], spec: InputSpec) -> Iterator[Batch]:
    """Yield batches of at most MAX_BATCH, decoded on threads a few images ahead; show progress on stderr."""
    keys: list[bytes] = []
    inputs: list[Tensor] = []
    with ThreadPoolExecutor(WORKERS) as pool:
        prepared = map_ahead(pool, partial(prepare, dataset, spec), missing, AHEAD)
        for more_keys, more_inputs in tqdm(prepared, total=len(missing), desc="features", unit="image"):
            keys, inputs = keys + more_keys, inputs + more_inputs
            while len(inputs) >= MAX_BATCH:
                yield Batch(keys[:MAX_BATCH], inputs[:MAX_BATCH])
                keys, inputs = keys[MAX_BATCH:], inputs[MAX_BATCH:]
    if inputs:
        yield Batch(keys, inputs)


def map_ahead(
    pool: ThreadPoolExecutor, function: Callable[[Job], Result], jobs: Iterable[Job], ahead: int
) -> Iterator[Result]:
    """Yield the function's results in order; the pool works at most `ahead` jobs ahead of the reader."""
    waiting: deque[Future[Result]] = deque()
    for job in jobs:
        waiting.append(pool.submit(function, job))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def prepare(dataset: Dataset, spec: InputSpec, work: Work) -> tuple[list[bytes], list[Tensor]]:
    """Decode one image; return the keys of its items with their inputs, none if the handler's decoders refuse it."""
    try:
        pixels = decode(dataset.files.read(work.row), work.orientation)
    except Exception:  # noqa: BLE001  (a decoder may raise anything; the findings name the photo)
        return [], []
    keys, inputs = [], []
    for item in work.items:
        found = to_input(pixels, spec) if item.box is None else box_input(pixels, item.box, spec)
        if found is not None:
            keys.append(item.key)
            inputs.append(found)
    return keys, inputs


def decode(content: bytes, orientation: int) -> Tensor:
    """Return uint8 pixels (3, height, width) as they are stored, which is the frame of the boxes."""
    if orientation == 1:
        return decode_image(content, MAX_PIXELS)
    with Image.open(io.BytesIO(content)) as image:  # the handler would turn it
        return torch.from_numpy(np.array(as_stored(image))).permute(2, 0, 1)


def box_input(pixels: Tensor, box: Box, spec: InputSpec) -> Tensor | None:
    """Return a box as the network's input: its longer side fills the input's, and the rest has the mean colour.

    A centre crop would lose the ends of a long box, and a changed aspect its shape: on CPPE-5, a classifier of boxes
    is right on 86 % of them so, 82 % with a changed aspect and 76 % with a centre crop (see docs/eda.md).
    """
    height, width = pixels.shape[1:]
    x, y, w, h = box
    left, top = max(0, int(x)), max(0, int(y))
    crop = pixels[:, top : max(top, min(height, round(y + h))), left : max(left, min(width, round(x + w)))]
    if 0 in crop.shape:
        return None
    high, wide = spec.size
    scale = min(high / crop.shape[1], wide / crop.shape[2])
    size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[2] * scale)))
    resized = interpolate(crop[None], size, mode="bicubic", antialias=True)[0]
    mean = torch.tensor(spec.mean) / spec.rescale
    order = (0, 1, 2) if spec.channels == "RGB" else (2, 1, 0)
    canvas = mean[list(order)].round().to(torch.uint8).view(3, 1, 1).repeat(1, high, wide)
    at_y, at_x = (high - size[0]) // 2, (wide - size[1]) // 2
    canvas[:, at_y : at_y + size[0], at_x : at_x + size[1]] = resized
    return canvas if spec.channels == "RGB" else canvas.flip(0)
