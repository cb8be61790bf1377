"""Plots of the embeddings: the map of images, and the pairs and boxes to look at."""

from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from eda.embeddings.mixes import OTHER_MIXES
from eda.embeddings.result import Embeddings
from eda.explore import Exploration
from eda.plots.charts import Look, axis, scatter_chart
from eda.plots.gallery import draw_grid, draw_photo
from eda.plots.palette import CLASS_PALETTE, OTHERS_COLOUR, split_colours, view_classes
from eda.plots.style import SEVERITY_COLOURS, Plot, captioned, counted, legend_label, new_figure, shorten, styled

NO_BOX = "no box"

SHOWN = 6
CROP_SIDE = 1600
"""Pixels of the longer side of the image that a doubtful box is cut from."""

CONTEXT = 0.6
"""Of a doubtful box's longer side that is shown around it."""

SHORT_NAME, MAX_NAME = 14, 48
"""Letters: four shorter names fit side by side below a map; a longer name loses its end."""


@styled()
def plot_map(exploration: Exploration) -> Plot | None:
    """Draw the images on a plane, by the mix of classes that they show and by split; None without a map."""
    embeddings = embeddings_of(exploration)
    view = view_classes(exploration)
    first = view.boxes.groupby("image_row")["class_name"].agg(lambda names: names.value_counts().index[0])
    drawn = map_points(exploration, embeddings)
    if drawn.empty:
        return None
    mixes = embeddings.images["mix"].cat.categories
    colours = {**dict(zip(mixes, CLASS_PALETTE, strict=False)), OTHER_MIXES: OTHERS_COLOUR}
    figure, (left, right) = new_figure(12, 5.6, columns=2)
    scatter(left, drawn, drawn["mix"], colours, "classes shown")
    scatter(right, drawn, drawn["split"], split_colours(exploration.dataset.splits), "split")
    unlike = drawn[drawn["unlike"]]
    right.scatter(unlike["x"], unlike["y"], s=90, facecolors="none", edgecolors="#A3123A", linewidths=1.3)
    ringed = f"{counted(len(unlike), 'outlier is', 'outliers are')} ringed"
    same = ""
    if len(first):
        share = f"{same_class_share(embeddings, first):.0%} of images with boxes"
        same = f"{share} have their most frequent class in common with their nearest image; "
    caption = (
        f"{images_drawn(len(drawn), len(embeddings.images))} by t-SNE of the model's features, in "
        f"{counted(len(embeddings.clusters), 'cluster')}: near points are similar images, distances between groups "
        "mean nothing. "
        f"{same}{ringed}."
    )
    chart = scatter_chart(
        drawn,
        axis("x", "t-SNE 1", ticks=False),
        axis("y", "t-SNE 2", ticks=False),
        Look("mix", colours, shape="split", ringed="unlike"),
        ["image", "classes", "cluster", "top-1", "outlier"],
    )
    return replace(captioned(exploration, "Map of the images", caption, figure), chart=chart)


def map_points(exploration: Exploration, embeddings: Embeddings) -> pd.DataFrame:
    """Return the images on the map with what a reader may ask about each."""
    drawn = embeddings.images.dropna(subset=["x"])
    images = exploration.images.loc[drawn.index]
    counts = exploration.boxes.groupby(["image_row", "class_name"], observed=True).size()
    named = counts.reset_index(name="boxes").sort_values(["image_row", "boxes"], ascending=[True, False])
    words = (named["boxes"].astype(str) + " " + named["class_name"].astype(str)).groupby(named["image_row"])
    return drawn.assign(
        **{"mix": drawn["mix"].astype(str), "top-1": drawn["top1"]},
        split=images["split"],
        image=images["split"] + " " + images["image_id"].astype(str),
        classes=words.agg(", ".join).reindex(drawn.index).fillna(NO_BOX),
        outlier=drawn["outlier"].map("z {:.1f}".format),
        image_row=drawn.index,
    )


def embeddings_of(exploration: Exploration) -> Embeddings:
    if exploration.embeddings is None:
        raise ValueError("the exploration has no embeddings: eda.embeddings.explore adds them")
    return exploration.embeddings


def same_class_share(embeddings: Embeddings, first: pd.Series) -> float:
    """Return the share of the images with boxes whose nearest image has the same most frequent class."""
    own = first.reindex(embeddings.images.index).astype(object)
    other = first.reindex(embeddings.images["nearest"]).astype(object)
    with_boxes = own.notna().to_numpy()
    return float((own.to_numpy() == other.to_numpy())[with_boxes].mean()) if with_boxes.any() else 0.0


def images_drawn(drawn: int, total: int) -> str:
    return f"{drawn:,} images" if drawn == total else f"{drawn:,} of {total:,} images, a random sample,"


def scatter(ax: Axes, drawn: pd.DataFrame, groups: pd.Series, colours: dict[str, str], title: str) -> None:
    """Draw the points of each group in its colour, in a random order, so that none hides the others."""
    present = [name for name in colours if groups.eq(name).any()]
    order = np.random.default_rng(0).permutation(len(drawn))
    inks = groups.map(colours).to_numpy()[order]
    size = float(np.clip(9000 / len(drawn), 8, 60))
    ax.scatter(
        drawn["x"].to_numpy()[order], drawn["y"].to_numpy()[order], s=size, c=list(inks), alpha=0.85, linewidths=0
    )
    handles = [
        ax.scatter([], [], s=40, color=colours[name], label=legend_label(shorten(name, MAX_NAME))) for name in present
    ]
    columns = 4 if max(map(len, present)) < SHORT_NAME else 2
    ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=columns, fontsize=9)
    ax.set(title=title, xlabel="t-SNE 1", ylabel="t-SNE 2", xticks=[], yticks=[])
    ax.grid(visible=False)


@styled()
def plot_similar_pairs(exploration: Exploration, *, pixels: bool = True) -> Plot | None:
    """Draw the pairs of altered copies and of one scene, the most similar first; None without pairs."""
    pairs = embeddings_of(exploration).pairs
    if pairs.empty:
        return None
    shown = pairs.head(SHOWN)
    rows = [row for pair in shown.itertuples() for row in (pair.row, pair.other)]
    names = {"similar": "altered copy", "same-scene": "same scene"}
    titles = [
        title
        for i, pair in enumerate(shown.itertuples())
        for title in (f"pair {i + 1}, {names[pair.kind]}", f"pair {i + 1}, similarity {pair.similarity:.2f}")
    ]
    images = exploration.images["split"]
    leaks = (images.loc[pairs["row"]].to_numpy() != images.loc[pairs["other"]].to_numpy()).sum()
    copies = int(pairs["kind"].eq("similar").sum())
    caption = (
        f"{counted(copies, 'pair is', 'pairs are')} altered copies and {len(pairs) - copies:,} probably show one "
        f"scene; {leaks:,} of them {'is' if leaks == 1 else 'are'} across splits. Here are the first {len(shown)}."
    )
    figure = draw_grid(exploration, rows, titles, pixels=pixels, columns=4)
    return captioned(exploration, "Similar images", caption, figure, photographic=pixels)


@styled()
def plot_doubtful_boxes(exploration: Exploration, *, pixels: bool = True) -> Plot | None:
    """Draw the boxes that look like another class, the least plausible first; None without any."""
    doubtful = embeddings_of(exploration).doubtful
    if doubtful.empty:
        return None
    shown = doubtful.head(2 * SHOWN)
    lines = -(-len(shown) // 4)
    figure, axes = new_figure(12, 3.3 * lines, columns=4, rows=lines, squeeze=False)
    for ax in axes.flat[len(shown) :]:
        ax.set_axis_off()
    for ax, (row, found) in zip(axes.flat, shown.iterrows(), strict=False):
        draw_one_box(ax, exploration, int(row), pixels=pixels)
        box = exploration.boxes.loc[row]
        ax.set_title(
            f"{box.split} {box.image_id}/{box.box_id}\n{found.label}, looks like {found.predicted}", fontsize=9
        )
    label, predicted = doubtful.iloc[0][["label", "predicted"]]
    total = len(embeddings_of(exploration).features.box_rows)
    caption = (
        f"{len(doubtful):,} of {total:,} boxes look like another class; the least plausible is a {label} that looks "
        f"like {predicted}. Here are the first {len(shown)}."
    )
    return captioned(exploration, "Boxes with a doubtful label", caption, figure, photographic=pixels)


def draw_one_box(ax: Axes, exploration: Exploration, row: int, *, pixels: bool) -> None:
    """Draw a box with what is around it, in red as in the pictures of findings."""
    box = exploration.boxes.loc[row]
    draw_photo(ax, exploration, int(box["image_row"]), pixels=pixels, side=CROP_SIDE)
    for width, ink in ((3.6, "white"), (2.0, SEVERITY_COLOURS["error"])):
        ax.add_patch(Rectangle((box.x, box.y), box.w, box.h, fill=False, edgecolor=ink, linewidth=width))
    margin = CONTEXT * max(box.w, box.h)
    ax.set(
        xlim=(max(0, box.x - margin), min(box.frame_width, box.x + box.w + margin)),
        ylim=(min(box.frame_height, box.y + box.h + margin), max(0, box.y - margin)),
    )
