"""Write the report: one self-contained HTML page, and the findings and measures as data."""

import base64
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image
from tqdm import tqdm

from eda.check.findings import COLUMNS, summary, write_findings
from eda.dataset import Dataset
from eda.explore import Exploration
from eda.export import write_measures
from eda.findings_data import collect, findings_block, to_json
from eda.pictures import KEY, shrink_pictures, thumbnails
from eda.plots.style import Chart, Plot, counted
from eda.sections import Section, Table
from eda.tables import table_html

PAGE = "index.html"

MAX_BYTES = 8_000_000
"""Of the page; what is left after the shares below and all else is for thumbnails."""

PLOTS_SHARE, FINDINGS_SHARE = 2_500_000, 2_000_000
"""Bytes at most of plots that show photos, and of the findings' texts and boxes."""

MAP_SHARE = 1_000_000
"""Bytes kept for thumbnails of images without findings, which the map of the embeddings shows."""

MAP_SIDES = (240, 160, 96)
"""Pixels of their longer side."""

SPARE = 10_000
"""Bytes for the sentence on the thumbnails and their keys."""

FIRST_FINDINGS = 50
"""Shown without a script."""

VEGA = "window.vegaEmbed = vegaEmbed;"
"""What the page's script needs of Vega's libraries."""

MAX_TABLE_ROWS = 300

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""The page's Content-Security-Policy: it can ask no server for anything."""


@dataclass
class EmbeddedPlot:
    """A drawn plot, shown `width` pixels wide; `content` is a file of `kind`, png or jpeg.

    `chart` is what the page shows in its place where a script runs.
    """

    title: str
    caption: str
    width: int
    kind: str
    content: bytes
    chart: Chart | None = None

    @property
    def uri(self) -> str:
        return f"data:image/{self.kind};base64,{base64.b64encode(self.content).decode()}"


def write_report(exploration: Exploration, parts: Sequence[Section], folder: Path, *, pixels: bool = True) -> Path:
    """Draw every plot, write the page, the findings and the measures to `folder`, and return the page's path.

    Without `pixels`, findings have no thumbnails; the plots of `parts` have their own setting.
    """
    folder.mkdir(parents=True, exist_ok=True)
    dataset, findings = exploration.dataset, exploration.findings
    write_findings(dataset, findings, folder / "findings.json")
    findings[list(COLUMNS)].to_csv(folder / "findings.csv", index=False)
    plots = draw_all(exploration, parts)
    shown = [(title, plot) for title, drawn in plots.items() for plot in drawn]
    sentences = [{"section": title, "title": plot.title, "text": plot.caption} for title, plot in shown]
    write_measures(exploration, sentences, folder)
    page = folder / PAGE
    page.write_text(render(exploration, parts, plots, pixels=pixels), encoding="utf-8")
    return page


def render(
    exploration: Exploration, parts: Sequence[Section], plots: dict[str, list[EmbeddedPlot]], *, pixels: bool
) -> str:
    """Return the page, with as many thumbnails as fit into MAX_BYTES."""
    dataset, findings = exploration.dataset, exploration.findings
    found = collect(exploration, FINDINGS_SHARE)
    charts = [plot.chart for drawn in plots.values() for plot in drawn if plot.chart]
    first = findings[list(COLUMNS)].head(FIRST_FINDINGS).astype(object).where(findings.notna(), "")
    first.insert(0, "number", range(1, len(first) + 1))
    html = partial(
        page_templates().get_template("report.html.j2").render,
        policy=POLICY,
        dataset=dataset,
        excluded_boxes=exploration.excluded_boxes,
        set_aside_boxes=exploration.set_aside_boxes,
        counts={split: counts_of(dataset, split) for split in dataset.splits},
        summary=summary(findings).to_dict("records"),
        first=first.to_dict("records"),
        total=len(findings),
        omitted=len(findings) - len(found.rows),
        images=len(found.images),
        pixels=pixels,
        charts=charts,
        vega=vl_convert.javascript_bundle(VEGA) if charts else "",
        sections=[(part, plots[part.title], [table_parts(table) for table in part.tables]) for part in parts],
    )
    data = {
        **findings_block(exploration, found),
        "charts": [{"spec": chart.spec, "columns": chart.columns, "dark": chart.dark} for chart in charts],
    }
    without = html(photos={}, data=to_json({**data, "photos": {}}))
    left = MAX_BYTES - SPARE - len(without.encode())
    photos = page_photos(exploration, list(found.images), left) if pixels else {}
    return html(photos=photos, data=to_json({**data, "photos": photos}))


def page_photos(exploration: Exploration, rows: list[int], max_bytes: int) -> dict[int, str]:
    """Return thumbnails of the images with findings in `rows`, and of those on the map as far as bytes are left."""
    if exploration.embeddings is None:
        return thumbnails(exploration.dataset, rows, max_bytes)
    photos = thumbnails(exploration.dataset, rows, max_bytes - MAP_SHARE)
    left = max_bytes - sum(len(uri) + KEY for uri in photos.values())
    others = [int(row) for row in exploration.embeddings.images.index if row not in photos]
    return photos | thumbnails(exploration.dataset, others, left, MAP_SIDES)


def table_parts(table: Table) -> tuple[str, str, str]:
    """Return a table's title, its note and its HTML, at most MAX_TABLE_ROWS rows."""
    rows = len(table.frame)
    more = f" The first {MAX_TABLE_ROWS} of {rows:,} rows." if rows > MAX_TABLE_ROWS else ""
    return table.title, table.note + more, table_html(table.frame.head(MAX_TABLE_ROWS), table.percents)


def page_templates() -> Environment:
    """Return the templates of the pages."""
    environment = Environment(
        loader=PackageLoader("eda"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["counted"] = counted
    return environment


def counts_of(dataset: Dataset, split: str) -> dict[str, int]:
    """Return the number of images and boxes of a split, as annotated."""
    return {
        "images": int((dataset.images["split"] == split).sum()),
        "boxes": int((dataset.boxes["split"] == split).sum()),
    }


def draw_all(exploration: Exploration, parts: Sequence[Section]) -> dict[str, list[EmbeddedPlot]]:
    """Draw the plots of every section; return them by the section's title.

    Those that show photos get fewer pixels if they would take more than PLOTS_SHARE.
    """
    waiting: list[tuple[str, Future[EmbeddedPlot]]] = []
    drawings = [(part, draw) for part in parts for draw in part.plots]
    with ThreadPoolExecutor(1) as pool:  # compresses a plot while the next one is drawn
        for part, draw in tqdm(drawings, desc="plots", unit="plot"):
            plot = draw(exploration)
            if plot is not None:
                waiting.append((part.title, pool.submit(compress, plot, plot.drawn())))
    drawn = [(title, plot.result()) for title, plot in waiting]
    photographic = [plot for _, plot in drawn if plot.kind == "jpeg"]
    contents = shrink_pictures([plot.content for plot in photographic], PLOTS_SHARE * 3 // 4)
    for plot, content in zip(photographic, contents, strict=True):
        plot.content = content
    return {part.title: [plot for title, plot in drawn if title == part.title] for part in parts}


def embed(plot: Plot) -> EmbeddedPlot:
    return compress(plot, plot.drawn())


def compress(plot: Plot, drawn: Image.Image) -> EmbeddedPlot:
    kind = "jpeg" if plot.photographic else "png"
    return EmbeddedPlot(plot.title, plot.caption, plot.width, kind, plot.compress(drawn), plot.chart)
