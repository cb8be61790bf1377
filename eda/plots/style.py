"""One style for every plot; the colours of classes and splits are in `eda.plots.palette`."""

import base64
import html
import io
import warnings
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

from eda.explore import Exploration
from eda.plots.fonts import DEFAULT_FONT, use_fonts

OTHER_COLOUR = "#5B6770"
SEVERITY_COLOURS = {"error": "#A3123A", "warning": "#8A5F00", "info": "#3F6B85"}
PIXELS_PER_INCH = 84
"""On the page, so that text has one size in every plot; the files have a higher resolution (savefig.dpi)."""
JPEG_QUALITY = 82

SEQUENTIAL = "viridis"
"""Colour map for amounts, perceptually uniform also in greyscale."""

RC: dict[str, Any] = {
    "figure.dpi": 110,
    "savefig.dpi": 144,
    "figure.facecolor": "white",
    "font.family": DEFAULT_FONT,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E6E8",
    "legend.frameon": False,
    "text.parse_math": False,
}


@dataclass(frozen=True)
class Chart:
    """A Vega-Lite specification without data.

    columns: its points, `shown` of `total`
    dark: its colours on a dark ground
    """

    spec: dict[str, Any]
    columns: dict[str, list[Any]]
    dark: dict[str, str]
    shown: int
    total: int


@dataclass(frozen=True)
class Plot:
    """A figure with a title and a computed caption of one sentence; `photographic` if it shows photos.

    `chart` shows the same data in a page whose reader can point at it.
    """

    title: str
    caption: str
    figure: Figure
    photographic: bool = False
    chart: Chart | None = None

    @property
    def width(self) -> int:
        """Pixels on the page."""
        return round(self.figure.get_figwidth() * PIXELS_PER_INCH)

    def encoded(self) -> bytes:
        """Return the figure as a JPEG file if it is photographic, as a PNG file otherwise."""
        return self.compress(self.drawn())

    def drawn(self) -> Image.Image:
        """Return the figure's pixels."""
        out = io.BytesIO()
        with styled():
            use_fonts(self.figure)
            self.figure.savefig(out, format="rgba")
        width, height = (int(side * RC["savefig.dpi"]) for side in self.figure.get_size_inches())
        return Image.frombytes("RGBA", (width, height), out.getvalue()).convert("RGB")

    def compress(self, drawn: Image.Image) -> bytes:
        """Return these pixels of the figure as a file; needs no matplotlib, so a thread may do it."""
        out = io.BytesIO()
        if self.photographic:
            drawn.save(out, "JPEG", quality=JPEG_QUALITY)
        else:
            # A palette makes the file a third as large without a visible difference.
            drawn.quantize(256).save(out, "PNG", optimize=True)
        return out.getvalue()

    def _ipython_display_(self) -> None:
        """Show the figure and its caption in a notebook."""
        from IPython import display  # noqa: PLC0415  (no notebook, no IPython)

        kind, alt = f"image/{'jpeg' if self.photographic else 'png'}", f"{self.title}: {self.caption}"
        content = base64.b64encode(self.encoded()).decode()
        # Only in HTML do Jupyter and nbconvert give a picture its alternative text; other exports take the file.
        page = f'<img src="data:{kind};base64,{content}" width="{self.width}" alt="{html.escape(alt)}">'
        shown = {kind: content, "text/html": page, "text/plain": alt}
        display.display(shown, metadata={kind: {"width": self.width, "alt": alt}}, raw=True)  # type: ignore[no-untyped-call]
        display.display(display.Markdown(f"**{self.title}.** {self.caption}"))  # type: ignore[no-untyped-call]


@contextmanager
def styled() -> Iterator[None]:
    """Apply the style in a block, or in a function as its decorator.

    matplotlib's warning for each letter that a font lacks is off: `eda.plots.fonts` says it in one line.
    """
    with mpl_style.context(RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .*missing from font", UserWarning)
        yield


def new_figure(width: float, height: float, columns: int = 1, rows: int = 1, **options: Any) -> tuple[Figure, Any]:
    """Return a figure, size in inches, and its axes (one, or an array), without pyplot's global state."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def captioned(
    exploration: Exploration, title: str, caption: str, figure: Figure, *, photographic: bool = False
) -> Plot:
    """Return a figure as a Plot, marked SYNTHETIC if the data is generated."""
    if exploration.dataset.synthetic:
        mark = {"color": "#A3123A", "fontsize": 10, "fontweight": "bold", "x": 0.995, "ha": "right"}
        figure.suptitle("SYNTHETIC DATA", **mark)
        caption = f"SYNTHETIC DATA: {caption}"
    return Plot(title, caption, figure, photographic)


def show_grid(ax: Axes, axis: str) -> None:
    """Show the grid lines of one axis ("x", "y") or of none ("")."""
    ax.grid(visible=False)
    if axis in ("x", "y"):
        ax.grid(visible=True, axis=axis)  # type: ignore[arg-type]


def plain_log_ticks(axis: Axis, ticks: tuple[float, ...]) -> None:
    """Label a logarithmic axis with plain numbers, at the ticks within its limits."""
    low, high = axis.get_view_interval()
    axis.set_ticks([tick for tick in ticks if low <= tick <= high])
    axis.set_ticks([], minor=True)
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))


def percent(value: float) -> str:
    """Return a share as a rounded percentage; a share that rounds to 0% or 100% without being it keeps its side."""
    if 0 < value < 0.005:
        return "under 1%"
    if 0.995 <= value < 1:
        return "over 99%"
    return f"{100 * value:.0f}%"


def shorten(text: str, length: int) -> str:
    """Return a text, or its beginning if it is longer than `length` characters."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def legend_label(name: str) -> str:
    """Return a name for a legend; matplotlib leaves out those that begin with an underscore, as _background_ does."""
    return f" {name}" if name.startswith("_") else name


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with a noun, in the plural unless it is one."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def some_words(labels: list[str], most: int = 5) -> str:
    """Return labels as `join_words` does, or the first of them and how many more there are."""
    more = len(labels) - most
    return join_words(labels if more <= 0 else [*labels[:most], f"{more:,} more"])


def join_words(labels: list[str]) -> str:
    """Return labels as a list in words: a, b and c."""
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}"
