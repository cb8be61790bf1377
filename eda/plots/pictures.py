"""Pictures drawn with their boxes."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from eda.explore import Exploration
from eda.measure.difficulty import REASONS
from eda.photos import open_photo
from eda.plots.style import CLASS_COLOURS, Plot, finished, new_figure, styled

DRAWN_SIDE = 640
"""Pixels; photos are drawn no larger than this."""
COLUMNS = 3
SHOWN = 6


@styled()
def plot_hardest(found: Exploration, *, photos: bool = True) -> Plot | None:
    """Draw the likely hardest pictures, with the reason; None when no picture has boxes and a photo."""
    hardest = found.hardest.head(SHOWN)
    if hardest.empty:
        return None
    reasons = hardest[list(REASONS)].idxmax(axis=1)
    titles = [f"{reasons[row]}, score {hardest.loc[row, 'score']:.2f}" for row in hardest.index]
    first = found.images.loc[hardest.index[0]]
    sentence = (
        f"Picture {first['image_id']} of {first['split']} ranks hardest, by the mean of four ranks "
        f"({', '.join(REASONS)}); each title names the one that stands out."
    )
    figure = draw_grid(found, hardest.index, titles, photos=photos)
    return finished(found, "Likely the hardest pictures", sentence, figure, photographic=photos)


@styled()
def plot_most_crowded(found: Exploration, *, photos: bool = True) -> Plot | None:
    """Draw the pictures with most boxes; None when no picture has boxes and a photo."""
    crowded = found.hardest.sort_values("n_boxes", ascending=False, kind="stable").head(SHOWN)
    if crowded.empty:
        return None
    titles = [f"{n} boxes" for n in crowded["n_boxes"]]
    share = crowded["n_boxes"].sum() / max(1, found.images["n_boxes"].sum())
    sentence = (
        f"The most crowded picture holds {crowded['n_boxes'].iloc[0]} boxes; these {len(crowded)} pictures "
        f"together hold {100 * share:.1f}% of all boxes."
    )
    figure = draw_grid(found, crowded.index, titles, photos=photos)
    return finished(found, "The most crowded pictures", sentence, figure, photographic=photos)


def draw_grid(found: Exploration, rows: Sequence[int], titles: Sequence[str], *, photos: bool) -> Figure:
    """Draw the pictures of these rows of `found.images` with their boxes, COLUMNS to a line."""
    lines = -(-len(rows) // COLUMNS)
    figure, axes = new_figure(12, 3.3 * lines, columns=COLUMNS, rows=lines, squeeze=False)
    for ax in axes.flat[len(rows) :]:
        ax.set_axis_off()
    for ax, row, title in zip(axes.flat, rows, titles, strict=False):
        draw_picture(ax, found, row, photo=photos)
        ax.set_title(f"{found.images.loc[row, 'split']} {found.images.loc[row, 'image_id']}: {title}", fontsize=10)
    handles = [Rectangle((0, 0), 1, 1, fill=False, edgecolor=c, linewidth=3) for c in CLASS_COLOURS.values()]
    figure.legend(handles, CLASS_COLOURS, loc="outside lower center", ncols=len(CLASS_COLOURS))
    return figure


def draw_picture(ax: Axes, found: Exploration, row: int, *, photo: bool) -> None:
    """Draw one picture's boxes, on its photo or, where `photo` is false, on an empty frame of its shape."""
    image = found.images.loc[row]
    width, height = image["frame_width"], image["frame_height"]
    if photo:
        ax.imshow(open_photo(found.dataset, row, DRAWN_SIDE), extent=(0, width, height, 0))
    else:
        ax.set_facecolor("#F0F2F3")
    for box in found.boxes[found.boxes["image_row"] == row].itertuples():
        colour = CLASS_COLOURS[box.class_name]
        # A white line under the coloured one keeps it visible on any photo.
        for line, ink in ((3.2, "white"), (1.8, colour)):
            ax.add_patch(Rectangle((box.x, box.y), box.w, box.h, fill=False, edgecolor=ink, linewidth=line))
    ax.set(xlim=(0, width), ylim=(height, 0), aspect="equal", xticks=[], yticks=[])
    ax.grid(visible=False)
