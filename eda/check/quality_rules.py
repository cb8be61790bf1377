"""Rules on the quality of a photo, on what `eda.measure.pixels` measured when it was opened."""

import numpy as np
import pandas as pd

from eda.check.row_rules import RowRule

DARK_P99 = 0.32
BRIGHT_P5 = 0.95
LOW_ENTROPY = 3.0
"""Bits."""
ODD_ASPECT = 0.35
ODD_SIZE_RANGE = 3.0
"""The five limits above are cleanvision's defaults (cleanlab, version 0.3.7)."""

LOW_CONTRAST_RANGE = 0.05
"""Of the luma range, between the 1st and the 99th percentile: the default of scikit-image's `is_low_contrast`."""

MIN_DETAIL = 0.01
"""Variance of the Laplacian over the variance of luma, at 512 pixels. Measured on the 29 photos of CPPE-5's test split:
0.033 to 1.1 as they are, at most 0.0076 after a Gaussian blur of 2 pixels."""

GREY_RANGE = 0.02
"""Of 255 levels. JPEG's chroma moves a grey photo's channels apart by at most 4 levels."""

MAX_BORDER = 0.1
"""Share of the photo. A film of 16:9 in a frame of 4:3 has bars over 25%."""

MIN_QUARTILE_IMAGES = 20
"""With fewer images, quartiles say too little to call one odd."""

MIN_SPREAD = 0.1
"""The interquartile range counts as at least this share of the median: one pixel is not odd among equal sizes."""


def blurred(frame: pd.DataFrame) -> pd.Series:
    """Return which photos have contrast, but no fine detail."""
    return flat(frame).eq(False) & detail(frame).lt(MIN_DETAIL)


def detail(frame: pd.DataFrame) -> pd.Series:
    """Return the variance of the Laplacian over the variance of luma; NaN for one flat level."""
    variance = (255 * frame["contrast"]) ** 2
    return frame["sharpness"] / variance.where(variance > 0)


def flat(frame: pd.DataFrame) -> pd.Series:
    return (frame["luma_p99"] - frame["luma_p1"]).lt(LOW_CONTRAST_RANGE)


def odd_size(frame: pd.DataFrame) -> pd.Series:
    """Return which photos' side √(w h) lies further than ODD_SIZE_RANGE quartile distances outside the quartiles."""
    side = np.sqrt(frame["stored_width"].astype("float64") * frame["stored_height"].astype("float64"))
    if side.count() < MIN_QUARTILE_IMAGES:
        return pd.Series(data=False, index=frame.index)
    low, median, high = side.quantile([0.25, 0.5, 0.75])
    reach = ODD_SIZE_RANGE * max(high - low, MIN_SPREAD * median)
    return side.lt(low - reach) | side.gt(high + reach)


def grey_exception(frame: pd.DataFrame) -> pd.Series:
    """Return which RGB photos show no colour, if most photos do."""
    grey = frame["mode"].eq("RGB") & frame["colour"].lt(GREY_RANGE)
    return grey & (grey.sum() < frame["state"].eq("ok").sum() / 2)


def aspect(frame: pd.DataFrame) -> pd.Series:
    """Return each photo's shorter side over its longer side, 0-1; NaN without a photo."""
    sides = frame[["stored_width", "stored_height"]].astype("float64")
    return sides.min(axis=1) / sides.max(axis=1)


QUALITY_RULES = (
    RowRule(
        "photo-dark",
        lambda f: ~f["luma_p99"].lt(DARK_P99),
        lambda r: f"99% of its pixels are darker than {r.luma_p99:.2f} of 1",
    ),
    RowRule(
        "photo-bright",
        lambda f: ~f["luma_p5"].gt(BRIGHT_P5),
        lambda r: f"95% of its pixels are brighter than {r.luma_p5:.2f} of 1",
    ),
    RowRule(
        "photo-low-contrast",
        lambda f: ~flat(f),
        lambda r: f"98% of its pixels are between {r.luma_p1:.2f} and {r.luma_p99:.2f} of 1",
    ),
    RowRule(
        "photo-blurred",
        lambda f: ~blurred(f),
        lambda r: f"its detail is {r.sharpness / (255 * r.contrast) ** 2:.4f}, a sharp photo's over {MIN_DETAIL:g}",
    ),
    RowRule("photo-low-information", lambda f: ~f["entropy"].lt(LOW_ENTROPY), lambda r: f"{r.entropy:.1f} bits"),
    RowRule(
        "photo-odd-aspect",
        lambda f: ~aspect(f).lt(ODD_ASPECT),
        lambda r: f"{r.stored_width}x{r.stored_height} pixels",
    ),
    RowRule(
        "photo-odd-size",
        lambda f: ~odd_size(f),
        lambda r: f"{r.stored_width}x{r.stored_height} pixels, unlike the other photos",
    ),
    RowRule(
        "photo-grey",
        lambda f: ~grey_exception(f),
        lambda r: f"its channels differ by at most {255 * r.colour:.0f} of 255 levels",
    ),
    RowRule(
        "photo-borders",
        lambda f: ~f["border"].gt(MAX_BORDER),
        lambda r: f"{100 * r.border:.0f}% of it is a border of one level",
    ),
)
