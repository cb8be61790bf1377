"""Which images: files, folders, patterns, or names on stdin."""

import errno
import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from scripts.common.errors import CommandError

STDIN = "-"


def names_files(word: str) -> bool:
    """Whether a word of the command line is a file, a folder, a pattern or stdin, and not a model's name."""
    return word == STDIN or glob.has_magic(word) or Path(word).exists()


def files_of(words: Iterable[str], stdin: BinaryIO) -> list[str]:
    """Return the paths of all images, each once, in the order of the words.

    A folder stands for the files in it and its subfolders, but for hidden ones.

    Args:
        words: files, folders, patterns such as `photos/**/*.jpg`, or `-` for the paths on stdin, one a line
            or ended by NUL as by `find -print0`.
        stdin: read for `-`.

    Raises:
        CommandError: a word names nothing.
    """
    return list(dict.fromkeys(file for word in words for file in _files_of(word, stdin)))


def _files_of(word: str, stdin: BinaryIO) -> Iterator[str]:
    if word == STDIN:
        names = stdin.read()
        yield from map(os.fsdecode, filter(None, names.split(b"\0" if b"\0" in names else b"\n")))
    elif Path(word).is_dir():
        yield from _in_folder(word)
    elif Path(word).exists():
        yield word
    elif not glob.has_magic(word):
        raise CommandError(f"{word} cannot be read ({os.strerror(errno.ENOENT)}): name an image, or a folder of them")
    else:
        matches = glob.glob(word, recursive=True)  # noqa: PTH207 - a Path's glob takes no absolute pattern
        found = sorted(file for file in matches if Path(file).is_file())
        if not found:
            raise CommandError(f"no file matches {word}: name images, a folder, or a pattern such as 'photos/**/*.jpg'")
        yield from found


def _in_folder(folder: str) -> Iterator[str]:
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for file in sorted(files):
            if not file.startswith(".") and Path(path, file).is_file():
                yield str(Path(path, file))
