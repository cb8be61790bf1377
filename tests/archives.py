"""Further versions of an archive, made without another build."""

import json
import zipfile
from pathlib import Path


def as_version(
    version: str, archive: Path, target: Path, *, mark: str = "", damaged: bool = False, handle: str = ""
) -> Path:
    """Write a copy of an archive that calls itself another version.

    Args:
        version: what it calls itself.
        archive: what to copy.
        target: where to.
        mark: put before each class's name, so that answers tell which version they come from.
        damaged: its programs do not have the manifest's SHA-256, so that it cannot be loaded.
        handle: the body of a method `handle(self, data, context)` to have instead of the handler's.
    """
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(target, "w") as copy:
        for item in source.infolist():
            data = source.read(item)
            match item.filename:
                case "MAR-INF/MANIFEST.json":
                    document = json.loads(data)
                    document["model"]["modelVersion"] = version
                    data = json.dumps(document).encode()
                case "model.json":
                    document = json.loads(data)
                    document["labels"] = [mark + label for label in document["labels"]]
                    data = json.dumps(document | {"version": version}).encode()
                case "program.onnx" | "program.pt2" if damaged:
                    data += b"\0"
                case "entry_point.py" if handle:
                    data += f"\n    def handle(self, data, context):\n        {handle}\n".encode()
            copy.writestr(item, data)
    return target
