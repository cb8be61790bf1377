"""One look for every plot: one colour for a class everywhere, told apart by the colour-blind too."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from matplotlib import style as mpl_style
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter
from PIL import Image

from eda.cppe5 import CLASS_NAMES
from eda.explore import Exploration

CLASS_COLOURS = dict(zip(CLASS_NAMES, ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00"), strict=True))
"""Okabe and Ito's palette (jfly.uni-koeln.de/color), told apart with any of the common colour blindnesses."""

SPLIT_COLOURS = {"train": "#8C8C8C", "test": "#111111"}
OTHER_COLOUR = "#5B6770"
SEVERITY_COLOURS = {"error": "#A3123A", "warning": "#8A5F00", "info": "#3F6B85"}
PIXELS_PER_INCH = 84
"""Of the page, so that letters are of one size in every plot; the files are finer (savefig.dpi)."""
JPEG_QUALITY = 82

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
    """A figure, its title, one computed sentence that says what it shows, and whether it holds photos."""

    title: str
    sentence: str
    figure: Figure
    photographic: bool = False

    @property
    def width(self) -> int:
        """How many pixels of a page the picture takes."""
        return round(self.figure.get_figwidth() * PIXELS_PER_INCH)

    def encoded(self) -> bytes:
        """Return the picture as a file: JPEG where it holds photos, PNG otherwise."""
        drawn, out = io.BytesIO(), io.BytesIO()
        with styled():
            self.figure.savefig(drawn, format="png", pil_kwargs={"compress_level": 1})
        with Image.open(drawn) as picture:
            opaque = picture.convert("RGB")
        if self.photographic:
            opaque.save(out, "JPEG", quality=JPEG_QUALITY)
        else:
            # A palette makes a plot a third as large and looks the same.
            opaque.quantize(256).save(out, "PNG", optimize=True)
        return out.getvalue()

    def _ipython_display_(self) -> None:
        """Show the picture and then its sentence, in a notebook."""
        from IPython import display  # noqa: PLC0415  (no notebook, no IPython)

        picture = display.Image(data=self.encoded(), width=self.width)  # type: ignore[no-untyped-call]
        words = display.Markdown(f"**{self.title}.** {self.sentence}")  # type: ignore[no-untyped-call]
        display.display(picture, words)  # type: ignore[no-untyped-call]


@contextmanager
def styled() -> Iterator[None]:
    """Apply the look within a block, or as a decorator within a function, and nowhere else."""
    with mpl_style.context(RC):
        yield


def new_figure(width: float, height: float, columns: int = 1, rows: int = 1, **options: Any) -> tuple[Figure, Any]:
    """Return a figure of that many inches and its axes (one, or an array), without pyplot's global state."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def finished(found: Exploration, title: str, sentence: str, figure: Figure, *, photographic: bool = False) -> Plot:
    """Return a figure as a Plot, with SYNTHETIC across its top where the data is generated."""
    if found.dataset.synthetic:
        mark = {"color": "#A3123A", "fontsize": 10, "fontweight": "bold", "x": 0.995, "ha": "right"}
        figure.suptitle("SYNTHETIC DATA", **mark)
        sentence = f"SYNTHETIC DATA: {sentence}"
    return Plot(title, sentence, figure, photographic)


def only_grid(ax: Axes, axis: str) -> None:
    """Keep the grid lines of one axis ("x", "y") or of none ("")."""
    ax.grid(visible=False)
    if axis in ("x", "y"):
        ax.grid(visible=True, axis=axis)  # type: ignore[arg-type]


def plain_log_ticks(axis: Axis, ticks: tuple[float, ...]) -> None:
    """Label a logarithmic axis at those of `ticks` that it reaches, in plain numbers."""
    low, high = axis.get_view_interval()
    axis.set_ticks([tick for tick in ticks if low <= tick <= high])
    axis.set_ticks([], minor=True)
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))


def percent(value: float) -> str:
    """Return a share as a rounded percentage."""
    return f"{100 * value:.0f}%"


def names(labels: list[str]) -> str:
    """Return labels as words: a, b and c."""
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}"
