"""Tables of the report as HTML: numbers to the right, each column in one form."""

from html import escape

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_integer_dtype, is_numeric_dtype

MAX_DECIMALS = 3


def table_html(frame: pd.DataFrame, percents: tuple[str, ...] = ()) -> str:
    """Return a frame as an HTML table; the columns in `percents` hold shares, shown in percent."""
    columns = {str(name): column_texts(frame[name], share=name in percents) for name in frame}
    classes = {str(name): is_number(frame[name]) for name in frame}
    head = "".join(cell("th", name, number=classes[name]) for name in columns)
    rows = (
        "".join(cell("td", text, number=classes[name]) for name, text in zip(columns, row, strict=True))
        for row in zip(*columns.values(), strict=True)
    )
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"


def is_number(column: pd.Series) -> bool:
    return is_numeric_dtype(column) and not is_bool_dtype(column)


def cell(tag: str, text: str, *, number: bool) -> str:
    kind = ' class="number"' if number else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"


def column_texts(column: pd.Series, *, share: bool) -> list[str]:
    """Return a column's texts: thousands with separators, decimals as many as the column needs, yes or no for flags."""
    if is_bool_dtype(column):
        return ["yes" if value else "no" for value in column]
    if not is_number(column):
        return ["" if pd.isna(value) else str(value) for value in column]
    if share:
        return [number_text(100 * value, 1, "%") for value in column]
    places = 0 if is_integer_dtype(column) else decimals(column)
    return [number_text(value, places) for value in column]


def decimals(column: pd.Series) -> int | None:
    """Return how many decimals show every number of a column exactly; None if it takes more than MAX_DECIMALS."""
    values = column.dropna().to_numpy(dtype=float)
    exact = (n for n in range(MAX_DECIMALS + 1) if np.allclose(values, values.round(n), rtol=0, atol=1e-9))
    return next(exact, None)


def number_text(value: float, places: int | None = None, unit: str = "") -> str:
    """Return a number with `places` decimals, or with three significant digits; "" for NaN."""
    if pd.isna(value):
        return ""
    if places is not None:
        return f"{value:,.{places}f}{unit}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
