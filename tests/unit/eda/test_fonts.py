"""Class names in any script: drawn in an installed font that has the letters, or named in one line."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from PIL import Image

from eda.explore import Exploration, explore
from eda.plots import fonts
from eda.plots.style import Plot, new_figure, styled
from tests.unit.eda.folder import CocoFolder
from tests.unit.eda.test_plots import every_plot

NAMES = ("防护服 手套", "マスク", "고글", "قفازات", "मास्क", "😷 mask", "Ünïcodé Ωψ Щит", "a\u200bb", "👨\u200d⚕\ufe0f")
"""Chinese, Japanese, Korean, Arabic, Hindi, emoji, what the default font has, a space of no width, joined emoji."""

JOINED = ("نمی\u200cرود", "क्\u200dष", "👨\u200d⚕\ufe0f")
"""Persian, Hindi and emoji, which are spelled with joiners."""


@pytest.fixture(autouse=True)
def _nothing_said() -> Iterator[None]:
    fonts.SAID.clear()
    fonts.find_fonts.cache_clear()
    yield
    fonts.SAID.clear()
    fonts.find_fonts.cache_clear()


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[str]:
    """Install a font whose only letters, 防 and 护, are black squares; return its family's name."""
    square, blank = TTGlyphPen(None), TTGlyphPen(None)
    square.moveTo((0, 0))
    for corner in ((0, 1000), (1000, 1000), (1000, 0)):
        square.lineTo(corner)
    square.closePath()
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder([".notdef", "square"])
    font.setupCharacterMap({ord("防"): "square", ord("护"): "square"})
    font.setupGlyf({".notdef": blank.glyph(), "square": square.glyph()})
    font.setupHorizontalMetrics({".notdef": (1000, 0), "square": (1000, 0)})
    font.setupHorizontalHeader(ascent=1000, descent=0)
    font.setupNameTable({"familyName": "Black Squares", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    font.save(tmp_path / "squares.ttf")
    before = list(fontManager.ttflist)
    fontManager.addfont(tmp_path / "squares.ttf")
    yield "Black Squares"
    fontManager.ttflist = before


@styled()
def plot_of(name: str, place: str) -> Plot:
    figure: Figure
    figure, ax = new_figure(4, 3)
    if place == "bar":
        ax.bar([name, "other"], [1, 2])
    elif place == "title":
        ax.set_title(name)
    else:
        ax.plot([0, 1], label=name)
        ax.legend()
    return Plot("A plot", "One bar.", figure)


def renamed(folder: CocoFolder, names: tuple[str, ...]) -> Exploration:
    for document in folder.documents.values():
        document["categories"] = [{"id": i + 1, "name": name} for i, name in enumerate(names)]
        for n, box in enumerate(document["annotations"]):
            box["category_id"] = n % len(names) + 1
    return explore(folder.dataset())


def test_every_plot_is_drawn_with_names_in_any_script(coco: CocoFolder, capsys: pytest.CaptureFixture[str]) -> None:
    coco.add_images(20)
    for plot in every_plot(renamed(coco, NAMES)):
        assert Image.open(io.BytesIO(plot.encoded())).size[0] > 100
    said = [line for line in capsys.readouterr().err.splitlines() if "font" in line]
    assert len(said) <= 1


@pytest.mark.parametrize("place", ["bar", "title", "legend"])
def test_letters_come_from_an_installed_font(place: str, installed: str, capsys: pytest.CaptureFixture[str]) -> None:
    with_font = np.asarray(Image.open(io.BytesIO(plot_of("防护防护", place).encoded())).convert("L"))
    without = np.asarray(Image.open(io.BytesIO(plot_of("    ", place).encoded())).convert("L"))
    # Four black squares at a size of 8 points or more, at 50 dots an inch.
    assert (with_font < 60).sum() - (without < 60).sum() > 4 * 5**2
    assert capsys.readouterr().err == ""


def test_one_line_names_a_letter_that_no_font_has(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    default = [font for font in fontManager.ttflist if font.name == fonts.DEFAULT_FONT]
    monkeypatch.setattr(fontManager, "ttflist", default)
    for name in ("防护服", "マスク"):
        plot_of(name, "bar").encoded()
    assert capsys.readouterr().err.splitlines() == [
        "No installed font has some letters of the plots, such as 护 (CJK UNIFIED IDEOGRAPH-62A4): they are drawn as "
        "boxes. Install a font that has them, such as Noto's; text outside the plots shows them."
    ]


def test_usual_names_need_no_other_font() -> None:
    assert fonts.find_fonts(frozenset("Face_Shield Ünïcodé Ωψ Щит قفازات")) == ((), frozenset())


def test_joiners_belong_to_a_name_and_need_no_font(coco: CocoFolder) -> None:
    assert renamed(coco, JOINED).dataset.classes == JOINED
    assert fonts.find_fonts(frozenset(filter(fonts.is_visible, JOINED[0]))) == ((), frozenset())
