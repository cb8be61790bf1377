"""Write the report: one self-contained HTML page, the findings as JSON and CSV beside it."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from tqdm import tqdm

from eda.check.findings import summary, write_findings
from eda.explore import Exploration
from eda.plots.style import Plot
from eda.sections import Section, Table

PAGE = "index.html"


@dataclass(frozen=True)
class Picture:
    """A drawn plot: its title, its sentence, and the image as a data URI, shown `width` pixels wide."""

    title: str
    sentence: str
    uri: str
    width: int


def write_report(found: Exploration, parts: Sequence[Section], folder: Path) -> Path:
    """Draw every plot; write index.html, findings.json and findings.csv to `folder`; return the page."""
    folder.mkdir(parents=True, exist_ok=True)
    write_findings(found.dataset, found.findings, folder / "findings.json")
    found.findings.to_csv(folder / "findings.csv", index=False)
    pictures = draw_all(found, parts)
    environment = Environment(
        loader=PackageLoader("eda"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template("report.html.j2").render(
        dataset=found.dataset,
        left_out=found.boxes_left_out,
        counts={split: counts_of(found, split) for split in found.dataset.splits},
        summary=summary(found.findings).to_dict("records"),
        findings=found.findings.astype(object).where(found.findings.notna(), "").to_dict("records"),
        sections=[(part, pictures[part.title], [(t, table_html(t)) for t in part.tables]) for part in parts],
    )
    page = folder / PAGE
    page.write_text(html, encoding="utf-8")
    return page


def counts_of(found: Exploration, split: str) -> dict[str, int]:
    """Return how many images and boxes a split has, as the source lists them."""
    dataset = found.dataset
    return {
        "images": int((dataset.images["split"] == split).sum()),
        "boxes": int((dataset.boxes["split"] == split).sum()),
    }


def draw_all(found: Exploration, parts: Sequence[Section]) -> dict[str, list[Picture]]:
    """Return the drawn plots of every section, by its title."""
    pictures: dict[str, list[Picture]] = {part.title: [] for part in parts}
    jobs = [(part, draw) for part in parts for draw in part.plots]
    for part, draw in tqdm(jobs, desc="plots", unit="plot"):
        plot = draw(found)
        if plot is not None:
            pictures[part.title].append(embedded(plot))
    return pictures


def embedded(plot: Plot) -> Picture:
    """Return a plot as the page shows it."""
    kind = "jpeg" if plot.photographic else "png"
    uri = f"data:image/{kind};base64,{base64.b64encode(plot.encoded()).decode()}"
    return Picture(plot.title, plot.sentence, uri, plot.width)


def table_html(table: Table) -> str:
    """Return a table as HTML, numbers with three digits and text escaped."""
    return str(table.frame.to_html(index=False, border=0, na_rep="", float_format=number_text, escape=True))


def number_text(value: float) -> str:
    """Return a number with three significant digits, in plain notation where that is short."""
    if pd.isna(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
