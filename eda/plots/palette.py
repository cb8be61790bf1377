"""Colours of classes and splits, for any number of them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.colors import to_hex, to_rgb

from eda.dataset import SPLIT_KINDS, split_rank
from eda.explore import Exploration
from eda.measure.boxes import class_names
from eda.plots.style import shorten

CLASS_PALETTE = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00"),
    *("#6E2C00", "#1B1F6B", "#DDCC77", "#8400CD", "#88CCEE"),
)
"""The first five are from Okabe and Ito's palette (jfly.uni-koeln.de/color), made for the common kinds of colour
blindness; the others were chosen for the largest distance from all before them, as colour-blind readers see them."""

MAX_CLASSES = len(CLASS_PALETTE)
"""A plot shows at most this many classes: of more, the largest, and the others as one group."""

MAX_NAME = 24
"""Characters of a class's name in a plot; longer ones would leave no room for the data."""

OTHERS_COLOUR = "#A9B1B7"

SPLIT_COLOURS = ("#8C8C8C", "#2F6FDE", "#111111")
"""Training, validation and test."""
FURTHER_SPLITS = ("#C2185B", "#00897B", "#B26A00", "#6A1B9A", "#7CB342")


DARK_GROUND = "#14171A"
"""The page's, as templates/style.css has it."""

DARK_CONTRAST = 3.0
"""Of graphics with what is beside them (WCAG 2.2, 1.4.11)."""


@dataclass(frozen=True)
class ClassView:
    """The classes as plots show them: each of `names` has a colour; `boxes` has them as its class_name.

    In `every`, no classes are joined to one group; `grouped` says whether in `boxes` some are.
    """

    names: list[str]
    colours: dict[str, str]
    boxes: pd.DataFrame
    every: pd.DataFrame

    @property
    def grouped(self) -> bool:
        return self.boxes is not self.every


def view_classes(exploration: Exploration) -> ClassView:
    """Return the classes in their order, or of more than MAX_CLASSES the largest, largest first, and "n others".

    Names longer than MAX_NAME are shortened.
    """
    short = short_names(class_names(exploration.boxes))
    boxes = exploration.boxes.assign(class_name=exploration.boxes["class_name"].cat.rename_categories(short))
    names = class_names(boxes)
    if len(names) <= MAX_CLASSES:
        return ClassView(names, dict(zip(names, CLASS_PALETTE, strict=False)), boxes, boxes)
    largest = [str(name) for name in boxes["class_name"].value_counts().index[: MAX_CLASSES - 1]]
    others = f"{len(names) - len(largest)} others"
    while others in largest:
        others = f"({others})"
    grouped = boxes["class_name"].astype(object).where(boxes["class_name"].isin(largest), others)
    shown = [*largest, others]
    colours = {**dict(zip(largest, CLASS_PALETTE, strict=False)), others: OTHERS_COLOUR}
    return ClassView(shown, colours, boxes.assign(class_name=pd.Categorical(grouped, categories=shown)), boxes)


def short_names(names: list[str]) -> dict[str, str]:
    """Return for each name itself, or its beginning if it is longer than MAX_NAME; equal ones are numbered."""
    short: dict[str, str] = {}
    for name in names:
        cut = shorten(name, MAX_NAME)
        alike = sum(other.startswith(cut) for other in short.values())
        short[name] = f"{cut} ({alike + 1})" if cut != name and alike else cut
    return short


def split_colours(splits: list[str]) -> dict[str, str]:
    """Return a different colour for each split; the first training, validation and test split have their own."""
    colours: dict[str, str] = {}
    for name in splits:
        rank = split_rank(name)
        if rank < len(SPLIT_KINDS) and SPLIT_COLOURS[rank] not in colours.values():
            colours[name] = SPLIT_COLOURS[rank]
    rest = [name for name in splits if name not in colours]
    spare = colormaps["nipy_spectral"].resampled(len(rest) + 2)
    further = FURTHER_SPLITS if len(rest) <= len(FURTHER_SPLITS) else [to_hex(spare(n + 1)) for n in range(len(rest))]
    return {name: {**colours, **dict(zip(rest, further, strict=False))}[name] for name in splits}


def on_dark(colour: str) -> str:
    """Return a colour for a dark page: itself, or mixed with as much white as DARK_CONTRAST asks for.

    The test split's near-black becomes white, so that it stays apart from the training split's grey.
    """
    if colour == SPLIT_COLOURS[2]:
        return "#ffffff"
    rgb = np.array(to_rgb(colour))
    mixed = (to_hex(rgb + share * (1 - rgb)) for share in np.linspace(0, 1, 101))
    return next(each for each in mixed if contrast(each, DARK_GROUND) >= DARK_CONTRAST)


def contrast(first: str, second: str) -> float:
    """Return WCAG 2.2's contrast ratio of two colours, 1 to 21."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    """Return a colour's relative luminance (WCAG 2.2), 0 to 1."""
    channels = np.array(to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
