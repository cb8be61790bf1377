"""Fonts for names in any script: of those that are installed, the ones that have the letters."""

import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import chain

from matplotlib.figure import Figure
from matplotlib.font_manager import FontEntry, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

DEFAULT_FONT = "DejaVu Sans"
"""Comes with matplotlib; has Latin, Greek, Cyrillic, Arabic and Hebrew letters."""

REGULAR = (400, "normal", "regular", "book", "medium")

PLACEHOLDERS = ("Last Resort", ".LastResort")
"""Beginnings of the names of fonts that have a box for every letter there is."""

INVISIBLE = ("Cc", "Cf")
"""Unicode categories of what has no shape of its own: line ends, joiners, marks of direction."""

VARIATION_SELECTORS = range(0xFE00, 0xFE10)

SAID: list[str] = []
"""The letter that was named on stderr, once one was."""


def use_fonts(figure: Figure) -> None:
    """Let the texts of a figure fall back to installed fonts where the default has no letter for them.

    If no installed font has some letter, one line on stderr says so, once in a process.
    """
    texts = list(all_texts(figure))
    letters = {letter for text in texts for letter in text.get_text() if is_visible(letter)}
    families, missing = find_fonts(frozenset(letters))
    if missing:
        say_once(min(missing))
    if families:
        names = [DEFAULT_FONT, *families]
        for text in texts:
            text.set_fontfamily(names)
        for ax in figure.axes:  # the labels of ticks are made anew when the figure is drawn
            ax.tick_params(which="both", labelfontfamily=names)


def all_texts(figure: Figure) -> Iterator[Text]:
    """Yield every text of a figure, also the labels of ticks, which exist only once they are asked for."""
    axes = chain.from_iterable((ax.xaxis, ax.yaxis) for ax in figure.axes)
    yield from chain.from_iterable(axis.get_ticklabels(which="both") for axis in axes)
    yield from (artist for artist in figure.findobj(Text) if isinstance(artist, Text))


def is_visible(letter: str) -> bool:
    return unicodedata.category(letter) not in INVISIBLE and ord(letter) not in VARIATION_SELECTORS


@cache
def find_fonts(letters: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the installed families, as few as possible, that have what the default has not, and what none has."""
    fonts = installed_fonts()
    missing = letters.difference(*(covered(font, letters) for font in fonts if font.name == DEFAULT_FONT))
    has = {font: covered(font, missing) for font in fonts} if missing else {}
    families: list[str] = []
    while missing:
        best = max(fonts, key=lambda font: (len(missing & has[font]), "Sans" in font.name, font.name))
        if not missing & has[best]:
            break
        families.append(best.name)
        missing -= has[best]
    return tuple(families), missing


def installed_fonts() -> list[FontEntry]:
    """Return the fonts that are neither bold, slanted nor condensed, nor mere placeholders."""
    return [
        font
        for font in fontManager.ttflist
        if font.style == font.stretch == "normal" and font.weight in REGULAR and not font.name.startswith(PLACEHOLDERS)
    ]


def covered(font: FontEntry, letters: frozenset[str]) -> frozenset[str]:
    """Return those of the letters that a font can draw in any size; none of a font of pictures, as some emoji are."""
    face = FT2Font(font.fname, face_index=font.index)
    return frozenset(letter for letter in letters if face.scalable and face.get_char_index(ord(letter)))


def say_once(example: str) -> None:
    """Say on stderr that letters are missing, at the first of them only."""
    if not SAID:
        SAID.append(example)
        name = unicodedata.name(example, "unnamed")
        print(
            f"No installed font has some letters of the plots, such as {example} ({name}): they are drawn as boxes. "
            "Install a font that has them, such as Noto's; text outside the plots shows them.",
            file=sys.stderr,
        )
