"""The same archive with other settings, or another file of it."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import yaml

from scripts.build.archive import MODEL_CONFIG
from scripts.build.workers import fill_in


def model_config(handler: Mapping[str, object], **settings: object) -> dict[str, str]:
    """Return the project's model-config.yaml with other settings, for `variant`.

    Args:
        handler: settings of the handler.
        settings: those of TorchServe.
    """
    document = yaml.safe_load(fill_in(MODEL_CONFIG.read_text(encoding="utf-8"))) | settings
    document["handler"] |= handler
    return {MODEL_CONFIG.name: yaml.safe_dump(document)}


def variant(source: Path, name: str, files: Mapping[str, str], store: Path) -> Path:
    """Copy an archive into a model store under another file name, with other texts in some of its files."""
    target = store / f"{name}.mar"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.infolist():
            text = files.get(item.filename)
            new.writestr(item, old.read(item) if text is None else text.encode())
    return target
