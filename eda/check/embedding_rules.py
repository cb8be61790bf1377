"""Rules that need the features of a model (`eda.embeddings`): similar images, outliers and doubtful boxes."""

from collections.abc import Iterator

import pandas as pd

from eda.check.findings import add_frames, box_finding, image_finding
from eda.embeddings.result import Embeddings


def embedding_findings(
    images: pd.DataFrame, boxes: pd.DataFrame, embeddings: Embeddings
) -> Iterator[dict[str, object]]:
    """Yield the findings of `embeddings`; `images` comes from an exploration, `boxes` is the data set's table."""
    for pair in embeddings.pairs.itertuples(index=False):
        image, other = images.loc[pair.row], images.loc[pair.other]
        where = "photo" if image.split == other.split else "leak"
        yield image_finding(f"{where}-{pair.kind}", pair_message(pair), image, other)
    outliers = embeddings.images[embeddings.images["unlike"]]
    for row, found in outliers.sort_values("outlier", ascending=False).iterrows():
        message = (
            f"far from its nearest images: robust z {found.outlier:.1f}; the nearest has a similarity of "
            f"{found.similarity:.2f}"
        )
        yield image_finding("photo-outlier", message, images.loc[row])
    framed = add_frames(boxes.loc[embeddings.doubtful.index], images)
    for row, found in embeddings.doubtful.iterrows():
        message = (
            f"labelled {found.label}, looks like {found.predicted} (probability {found.other:.2f} against "
            f"{found.own:.2f}); so do {found.votes} of its {found.voters} nearest boxes"
        )
        yield box_finding("box-class-doubtful", message, framed.loc[row])


def pair_message(pair: tuple[object, ...]) -> str:
    """Return what a row of `Embeddings.pairs` says."""
    found = pd.Series(pair._asdict())  # type: ignore[attr-defined]
    if found.kind == "same-scene":
        return (
            f"features' similarity {found.similarity:.2f}, but the pixels do not align (correlation "
            f"{found.correlation:.2f}): probably another photo of the same scene"
        )
    how = "mirrored, " if found.mirrored else ""
    return (
        f"{how}pixels align (correlation {found.correlation:.2f}) on {found.share:.0%} of the larger one; features' "
        f"similarity {found.similarity:.2f}"
    )
