"""Find the photos of a folder by the names in annotation files, which programs write in many forms."""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from eda.read.values import printable

NOT_PHOTOS = (".json", ".txt", ".yaml", ".yml", ".xml", ".csv", ".md", ".ini", ".db", ".cache", ".zip")
"""Endings of files that lie beside photos."""

UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-(.+)")
"""Label Studio puts eight hexadecimal digits before the name of each uploaded file."""

LOCAL_FILE = "?d="
"""Comes before the path of a local file in Label Studio's addresses."""

DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True)
class Match:
    """The photo of a name: its path, or the `problem` why there is none; `other` if it has another name than asked."""

    path: Path | None = None
    problem: str = ""
    other: str = ""


class PhotoFolder:
    """The files below `root` that may be photos; `bases` are the folders that names may be relative to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: list[str] = []
        """Paths relative to `root`, with slashes."""
        self._folders: set[str] = set()
        self._by_name: dict[str, list[str]] = defaultdict(list)
        walked = set()
        for folder, folders, names in os.walk(root, followlinks=True):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            if (real := os.path.realpath(folder)) in walked:  # a link back to a folder above
                folders.clear()
                continue
            walked.add(real)
            self._folders.add(Path(folder).relative_to(root).as_posix())
            for name in sorted(names):
                if not name.startswith(".") and not name.lower().endswith(NOT_PHOTOS):
                    path = Path(folder, name).relative_to(root).as_posix()
                    self.files.append(path)
                    self._by_name[fold(name)].append(path)
        self._known = set(self.files)
        self._claimed: set[str] = set()

    def claim(self, names: Iterable[str], bases: Iterable[str]) -> None:
        """Keep the photos that have exactly these names from being found by a name that only resembles theirs."""
        bases = list(bases)
        paths = (self._exact(name, bases) for name in names if "\0" not in name and not leads_outside(name))
        self._claimed |= {path for path in paths if path}

    def find(self, name: str, bases: Iterable[str]) -> Match:
        """Return the photo with this name in the first of `bases` (folders relative to the root, "" the root itself).

        A name that is written otherwise (another case, backslashes, a prefix, an absolute path) is found by its last
        parts if only one file fits. No file outside the root is ever opened.
        """
        if "\0" in name:
            return Match(problem=f"“{printable(name)}” holds a NUL character")
        outside = leads_outside(name)
        bases = list(bases)
        if not outside and (path := self._exact(name, bases)):
            return Match(Path(self.root, path))
        found = self._closest(name, bases)
        if len(found) == 1:
            return Match(Path(self.root, found[0]), other=printable(found[0]))
        return Match(problem=self._problem(name, found, outside=outside))

    def _problem(self, name: str, found: list[str], *, outside: bool) -> str:
        """Say why a name has no photo; `found` are the files that it may stand for."""
        if found:
            some = ", ".join(printable(path) for path in found[:3])
            return f"{len(found)} files are named like it ({some})"
        if outside:
            return f"“{printable(name)}” leads outside the folder"
        others = self._by_name.get(fold(PurePosixPath(name).name), [])
        return f"no such file; “{printable(others[0])}” is another image's" if others else "no such file"

    def _exact(self, name: str, bases: list[str]) -> str:
        """Return the path of the file, or folder, with this name in the first of `bases`; "" if there is none."""
        paths = (f"{base}/{name}" if base else name for base in bases)
        return next((path for path in paths if path in self._known or path in self._folders), "")

    def _closest(self, name: str, bases: list[str]) -> list[str]:
        """Return the files that share most of the name's last parts, those in one of `bases` if there are some."""
        found = ((parts, self._named(parts[-1])) for parts in spellings(name) if parts)
        parts, candidates = next((each for each in found if each[1]), ([], []))
        if len(candidates) > 1:
            wanted = [fold(part) for part in parts]
            shared = {path: shared_parts([fold(part) for part in path.split("/")], wanted) for path in candidates}
            candidates = [path for path in candidates if shared[path] == max(shared.values())]
        inside = [path for path in candidates if parent(path) in bases]
        return inside or candidates

    def _named(self, name: str) -> list[str]:
        """Return the files with this name in any folder that no other image has for its own."""
        return [path for path in self._by_name.get(fold(name), []) if path not in self._claimed]

    def within(self, bases: Iterable[str]) -> list[str]:
        """Return the files in these folders and below."""
        starts = tuple(f"{base}/" if base else "" for base in bases)
        return [path for path in self.files if path.startswith(starts)]


def fold(name: str) -> str:
    """Return a file name in a form that ignores case and the two Unicode spellings of accents (NFC and NFD)."""
    return unicodedata.normalize("NFC", name).casefold()


def spellings(name: str) -> Iterator[list[str]]:
    """Yield the parts of a file name, as it is and as an address or the name of an uploaded file."""
    path = DRIVE.sub("", name).replace("\\", "/")
    address = unquote(path.replace(LOCAL_FILE, "/").partition("?")[0])
    for spelling in dict.fromkeys((path, address)):
        parts = [part for part in spelling.split("/") if part not in ("", ".")]
        yield parts
        if parts and (upload := UPLOAD_PREFIX.fullmatch(parts[-1])):
            yield [*parts[:-1], upload[1]]


def leads_outside(name: str) -> bool:
    """Return whether a name is absolute or climbs out of its folder."""
    if name.startswith(("/", "\\")) or DRIVE.match(name):
        return True
    depth = 0
    for part in PurePosixPath(name).parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False


def parent(path: str) -> str:
    return path.rpartition("/")[0]


def shared_parts(path: list[str], name: list[str]) -> int:
    """Return how many last parts two paths share."""
    count = 0
    for a, b in zip(reversed(path), reversed(name), strict=False):
        if a != b:
            break
        count += 1
    return count
