"""One look for every plot: one colour for a class everywhere, told apart by the colour-blind too."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from matplotlib import style as mpl_style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eda.cppe5 import CLASS_NAMES

CLASS_COLOURS = dict(zip(CLASS_NAMES, ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00"), strict=True))
"""Okabe and Ito's palette (jfly.uni-koeln.de/color), told apart with any of the common colour blindnesses."""

SPLIT_COLOURS = {"train": "#8C8C8C", "test": "#111111"}
OTHER_COLOUR = "#5B6770"
SEVERITY_COLOURS = {"error": "#A3123A", "warning": "#C98A00", "info": "#4A7A96"}
SEQUENTIAL = "viridis"
"""Colour map for amounts: even in lightness, also without colour."""

RC: dict[str, Any] = {
    "figure.dpi": 110,
    "savefig.dpi": 144,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E6E8",
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Plot:
    """A figure, its title, and one computed sentence that says what it shows."""

    title: str
    sentence: str
    figure: Figure


@contextmanager
def styled() -> Iterator[None]:
    """Apply the look within a block, and nowhere else."""
    with mpl_style.context(RC):
        yield


def new_figure(
    width: float, height: float, columns: int = 1, rows: int = 1, **options: Any
) -> tuple[Figure, Any]:
    """Return a figure of that many inches and its axes (one, or an array), without pyplot's global state."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def mark_synthetic(figure: Figure, *, synthetic: bool) -> None:
    """Write SYNTHETIC across the top of a figure that shows generated data."""
    if synthetic:
        figure.suptitle(
            "SYNTHETIC DATA", color="#A3123A", fontsize=10, fontweight="bold", x=0.995, ha="right"
        )


def only_grid(ax: Axes, axis: str) -> None:
    """Keep the grid lines of one axis ("x", "y") or of none ("")."""
    ax.grid(visible=False)
    if axis in ("x", "y"):
        ax.grid(visible=True, axis=axis)  # type: ignore[arg-type]


def percent(value: float) -> str:
    """Return a share as a rounded percentage."""
    return f"{100 * value:.0f} %"


def names(labels: list[str]) -> str:
    """Return labels as words: a, b and c."""
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}"
