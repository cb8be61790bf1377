"""The small files of a Hugging Face directory: JSON, the model card's licence, and weights that are none."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from scripts.common.errors import CommandError

CONFIG = "config.json"
PREPROCESSOR = "preprocessor_config.json"
CARD = "README.md"
FRONT_MATTER = re.compile(r"\s*---[ \t]*\r?\n(.*?)^---", re.DOTALL | re.MULTILINE)
LFS_POINTER = b"version https://git-lfs"  # how a pointer begins that stands for a file of Git LFS


def weights_of(directory: Path) -> tuple[Path, ...]:
    """Return the safetensors files of a directory, in name order."""
    return tuple(sorted(directory.glob("*.safetensors")))


def read_json(directory: Path, name: str) -> dict[str, Any]:
    """Read a JSON file, with or without a byte order mark.

    Raises:
        CommandError: it is missing, or holds no JSON object.
    """
    try:
        document = json.loads((directory / name).read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise CommandError(
            f"{directory} has no {name}: name a complete Hugging Face model directory with MODEL="
        ) from error
    except ValueError as error:
        raise CommandError(f"{directory / name} is not JSON ({error}): copy it again") from error
    if not isinstance(document, dict):
        raise CommandError(f"{directory / name} is not a JSON object: copy it again")
    return document


@contextmanager
def as_transformers_reads(directory: Path) -> Iterator[Path]:
    """Yield a copy of a directory that transformers can read, with links to the large files.

    Its JSON files have no byte order mark, and `num_labels` says how many classes `id2label` names: transformers writes
    only the names, and PVT's configuration then takes 1,000 for granted.
    """
    with TemporaryDirectory() as folder:
        copy = Path(folder) / directory.resolve().name
        copy.mkdir()
        for path in directory.resolve().iterdir():
            if path.name not in (CONFIG, PREPROCESSOR):
                (copy / path.name).symlink_to(path)
        config = read_json(directory, CONFIG)
        if isinstance(labels := config.get("id2label"), dict):
            config["num_labels"] = len(labels)
        for name, document in ((CONFIG, config), (PREPROCESSOR, read_json(directory, PREPROCESSOR))):
            (copy / name).write_text(json.dumps(document), encoding="utf-8")
        yield copy


def check_weights(directory: Path) -> None:
    """Check that there are weights, without reading all of them.

    Raises:
        CommandError: there are none, or a pointer in their place.
    """
    weights = weights_of(directory)
    if not weights:
        pickles = [path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in directory.glob(pattern)]
        found = f"only pickles ({', '.join(pickles)}), which can run code when they are loaded" if pickles else "none"
        raise CommandError(
            f"{directory} needs weights as *.safetensors and has {found}: "
            "save the model again with save_pretrained, which writes safetensors"
        )
    for path in weights:
        with path.open("rb") as file:
            if file.read(len(LFS_POINTER)) == LFS_POINTER:
                raise CommandError(f"{path} is a pointer of Git LFS, not the weights: fetch them with git lfs pull")


def licence_of(directory: Path) -> str:
    """Return the licences that the model card names, or a reference to the licence file, or "unknown"."""
    named = _named_in_card(directory / CARD)
    files = sorted(path.name for path in directory.glob("LICENSE*"))
    return named or (f"see {files[0]}" if files else "unknown")


def _named_in_card(card: Path) -> str:
    """Return what the card's front matter says, "" where it says nothing that can be read."""
    front_matter = FRONT_MATTER.match(_text(card.read_bytes())) if card.is_file() else None
    try:
        fields = yaml.safe_load(front_matter.group(1)) if front_matter else None
    except yaml.YAMLError:
        return ""
    values = {str(key).lower(): value for key, value in fields.items()} if isinstance(fields, dict) else {}
    value = values.get("license")
    names = [str(name).strip() for name in (value if isinstance(value, list) else [value]) if name]
    return ", ".join(name for name in names if name)


def _text(data: bytes) -> str:
    """Decode UTF-8 or UTF-16, by its byte order mark, or else Latin-1, in which any bytes are text."""
    encodings = ("utf-16",) if data.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig", "latin-1")
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return ""
