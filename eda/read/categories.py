"""The classes that annotation files name."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eda.dataset import UNKNOWN_CLASS, Note, order_classes
from eda.errors import DataError
from eda.read.notes import Notes
from eda.read.values import printable, quoted, whole_number

TOP = (None, "", "none")
"""The supercategory of a category that has none."""


@dataclass(frozen=True)
class Categories:
    """The names of one file's category ids, in the file's order; an id may have several names."""

    names: dict[int, list[str]]

    def numbered(self, classes: tuple[str, ...]) -> dict[int, tuple[str, int]]:
        """Return name and class id of each category id; an id with several names is of no class."""
        numbers = {name: number for number, name in enumerate(classes)}
        return {
            category_id: (" or ".join(names), numbers[names[0]] if len(names) == 1 else UNKNOWN_CLASS)
            for category_id, names in self.names.items()
        }


def read_categories(path: Path, split: str, document: dict[str, Any], notes: Notes) -> Categories:
    """Return the categories of a COCO document; DataError if an id or a name is none.

    Roboflow lists the project itself as a category above the others; without boxes it is no class.
    """
    names: dict[int, list[str]] = {}
    ids: dict[str, list[int]] = defaultdict(list)
    used = {str(entry["category_id"]) for entry in document["annotations"]}
    above = {str(entry.get("supercategory")) for entry in document["categories"]}
    for position, entry in enumerate(document["categories"]):
        where = f"{path}: categories[{position}]"
        try:
            category_id = whole_number(entry["id"])
        except ValueError as error:
            raise DataError(f"{where}: 'id' is {quoted(entry['id'])}, expected {error}.") from error
        if not isinstance(entry["name"], str | int | float):
            raise DataError(f"{where}: 'name' is {quoted(entry['name'])}, expected str.")
        name = printable(str(entry["name"]))
        if entry["name"] in above and entry.get("supercategory") in TOP and str(entry["id"]) not in used:
            continue
        if name not in names.setdefault(category_id, []):
            names[category_id].append(name)
            ids[name].append(category_id)
    for category_id, several in names.items():
        if len(several) > 1:
            listed = " and ".join(f"“{name}”" for name in several)
            notes.add(Note("category-id-repeated", split, f"category {category_id} is {listed}"))
    for name, several_ids in ids.items():
        if len(several_ids) > 1:
            listed = " and ".join(str(category_id) for category_id in several_ids)
            notes.add(Note("category-name-repeated", split, f"“{name}” is category {listed}"))
    return Categories(names)


def join_classes(categories: Iterable[Categories], notes: Notes) -> tuple[str, ...]:
    """Return the classes of several files, and note names that differ only in case, spaces, hyphens or underscores."""
    classes = order_classes(name for of_file in categories for names in of_file.names.values() for name in names)
    alike: dict[str, list[str]] = defaultdict(list)
    for name in classes:
        alike[spelling(name)].append(name)
    for several in alike.values():
        if len(several) > 1:
            listed = " and ".join(f"“{name}”" for name in several)
            notes.add(Note("category-name-similar", "", f"{listed} are classes of their own here"))
    return classes


def spelling(name: str) -> str:
    """Return a class's name in a form that ignores case, spaces, hyphens and underscores."""
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()


def same_but_spelling(first: Iterable[str], second: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of classes that only one of two data sets has, and that differ only in their spelling."""
    first, second = list(first), list(second)
    pairs = ((one, two) for one in first if one not in second for two in second if two not in first)
    return [(one, two) for one, two in pairs if spelling(one) == spelling(two)]
