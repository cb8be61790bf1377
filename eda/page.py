"""Write the report: one self-contained HTML page, and the findings and measures as data."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from tqdm import tqdm

from eda.check.findings import COLUMNS, summary, write_findings
from eda.dataset import Dataset
from eda.explore import Exploration
from eda.export import write_measures
from eda.plots.style import Plot
from eda.sections import Section
from eda.tables import table_html

PAGE = "index.html"


@dataclass(frozen=True)
class EmbeddedPlot:
    """A drawn plot; `uri` is a data URI, shown `width` pixels wide."""

    title: str
    caption: str
    uri: str
    width: int


def write_report(exploration: Exploration, parts: Sequence[Section], folder: Path) -> Path:
    """Draw every plot, write the page, the findings and the measures to `folder`, and return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    dataset, findings = exploration.dataset, exploration.findings
    write_findings(dataset, findings, folder / "findings.json")
    findings[list(COLUMNS)].to_csv(folder / "findings.csv", index=False)
    plots = draw_all(exploration, parts)
    shown = [(title, plot) for title, drawn in plots.items() for plot in drawn]
    sentences = [{"section": title, "title": plot.title, "text": plot.caption} for title, plot in shown]
    write_measures(exploration, sentences, folder)
    tables = {part.title: [table_html(table.frame, table.percents) for table in part.tables] for part in parts}
    html = (
        page_templates()
        .get_template("report.html.j2")
        .render(
            dataset=dataset,
            excluded_boxes=exploration.excluded_boxes,
            set_aside_boxes=exploration.set_aside_boxes,
            counts={split: counts_of(dataset, split) for split in dataset.splits},
            summary=summary(findings).to_dict("records"),
            findings=findings[list(COLUMNS)].astype(object).where(findings.notna(), "").to_dict("records"),
            sections=[
                (part, plots[part.title], list(zip(part.tables, tables[part.title], strict=True))) for part in parts
            ],
        )
    )
    page = folder / PAGE
    page.write_text(html, encoding="utf-8")
    return page


def page_templates() -> Environment:
    """Return the templates of the pages."""
    return Environment(
        loader=PackageLoader("eda"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def counts_of(dataset: Dataset, split: str) -> dict[str, int]:
    """Return the number of images and boxes of a split, as annotated."""
    return {
        "images": int((dataset.images["split"] == split).sum()),
        "boxes": int((dataset.boxes["split"] == split).sum()),
    }


def draw_all(exploration: Exploration, parts: Sequence[Section]) -> dict[str, list[EmbeddedPlot]]:
    """Draw the plots of every section; return them by the section's title."""
    plots: dict[str, list[EmbeddedPlot]] = {part.title: [] for part in parts}
    drawings = [(part, draw) for part in parts for draw in part.plots]
    for part, draw in tqdm(drawings, desc="plots", unit="plot"):
        plot = draw(exploration)
        if plot is not None:
            plots[part.title].append(embed(plot))
    return plots


def embed(plot: Plot) -> EmbeddedPlot:
    kind = "jpeg" if plot.photographic else "png"
    uri = f"data:image/{kind};base64,{base64.b64encode(plot.encoded()).decode()}"
    return EmbeddedPlot(plot.title, plot.caption, uri, plot.width)
