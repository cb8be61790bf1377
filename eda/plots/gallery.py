"""Images drawn with their boxes."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from eda.explore import Exploration
from eda.images import open_image
from eda.measure.difficulty import REASONS
from eda.plots.palette import view_classes
from eda.plots.style import Plot, captioned, counted, legend_label, new_figure, styled

DRAWN_SIDE = 640
"""Pixels; the longest side of a drawn image."""
COLUMNS = 3
SHOWN = 6


@styled()
def plot_hardest(exploration: Exploration, *, pixels: bool = True) -> Plot | None:
    """Draw the likely hardest images with the reason; return None without readable images with boxes."""
    hardest = exploration.hardest.head(SHOWN)
    if hardest.empty:
        return None
    reasons = hardest[list(REASONS)].idxmax(axis=1)
    titles = [f"{reasons[row]}, score {hardest.loc[row, 'score']:.2f}" for row in hardest.index]
    first = exploration.images.loc[hardest.index[0]]
    caption = (
        f"Image {first['image_id']} of {first['split']} ranks hardest by the mean of four ranks "
        f"({', '.join(REASONS)}); each title names the highest of them."
    )
    figure = draw_grid(exploration, hardest.index, titles, pixels=pixels)
    return captioned(exploration, "Likely the hardest images", caption, figure, photographic=pixels)


@styled()
def plot_most_crowded(exploration: Exploration, *, pixels: bool = True) -> Plot | None:
    """Draw the images with most boxes; return None without readable images with boxes."""
    crowded = exploration.hardest.sort_values("n_boxes", ascending=False, kind="stable").head(SHOWN)
    if crowded.empty:
        return None
    titles = [counted(n, "box", "boxes") for n in crowded["n_boxes"]]
    share = crowded["n_boxes"].sum() / max(1, exploration.images["n_boxes"].sum())
    caption = (
        f"The most crowded image has {counted(crowded['n_boxes'].iloc[0], 'box', 'boxes')}; "
        f"{'it has' if len(crowded) == 1 else f'these {len(crowded)} images together have'} {100 * share:.1f}% of all "
        "boxes."
    )
    figure = draw_grid(exploration, crowded.index, titles, pixels=pixels)
    return captioned(exploration, "The most crowded images", caption, figure, photographic=pixels)


def draw_grid(
    exploration: Exploration, rows: Sequence[int], titles: Sequence[str], *, pixels: bool, columns: int = COLUMNS
) -> Figure:
    """Draw the images in these rows of `exploration.images` with their boxes, `columns` to a line."""
    lines = -(-len(rows) // columns)
    figure, axes = new_figure(12, 9.9 / columns * lines, columns=columns, rows=lines, squeeze=False)
    for ax in axes.flat[len(rows) :]:
        ax.set_axis_off()
    for ax, row, title in zip(axes.flat, rows, titles, strict=False):
        draw_photo(ax, exploration, row, pixels=pixels)
        draw_boxes(ax, exploration, row)
        ax.set_title(
            f"{exploration.images.loc[row, 'split']} {exploration.images.loc[row, 'image_id']}: {title}", fontsize=10
        )
    colours = view_classes(exploration).colours
    handles = [Rectangle((0, 0), 1, 1, fill=False, edgecolor=colour, linewidth=3) for colour in colours.values()]
    figure.legend(handles, list(map(legend_label, colours)), loc="outside lower center", ncols=5)
    return figure


def draw_photo(ax: Axes, exploration: Exploration, row: int, *, pixels: bool, side: int = DRAWN_SIDE) -> None:
    """Draw a photo without boxes, no side longer than `side` pixels, or an empty frame if it cannot be read."""
    known = row in exploration.images.index
    image = exploration.images.loc[row] if known else exploration.dataset.images.loc[row]
    width, height = (image["frame_width"], image["frame_height"]) if known else (image["width"], image["height"])
    photo = read_photo(exploration, row, side) if pixels else None
    if photo is None:
        ax.add_patch(Rectangle((0, 0), width, height, facecolor="#F0F2F3", edgecolor="#C9D0D5"))
    else:
        ax.imshow(photo, extent=(0, width, height, 0))
    ax.set(xlim=(0, width), ylim=(height, 0), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.grid(visible=False)


def read_photo(exploration: Exploration, row: int, side: int) -> Image.Image | None:
    try:
        return open_image(exploration.dataset, row, side)
    except Exception:  # noqa: BLE001  (a decoder may raise anything; the findings name the photo)
        return None


def draw_boxes(ax: Axes, exploration: Exploration, row: int) -> None:
    """Draw an image's boxes in the colours of their classes."""
    view = view_classes(exploration)
    of_image = view.boxes[view.boxes["image_row"] == row]
    # White lines under all coloured ones keep these visible on any image, and cut none of them.
    for halo in (True, False):
        for box in of_image.itertuples():
            ink, line = ("white", 3.2) if halo else (view.colours[box.class_name], 1.8)
            ax.add_patch(Rectangle((box.x, box.y), box.w, box.h, fill=False, edgecolor=ink, linewidth=line))
