"""Makes other versions of an archive, without another build."""

import json
import zipfile
from pathlib import Path


def as_version(
    version: str, archive: Path, target: Path, *, mark: str = "", damaged: bool = False, handle: str = ""
) -> Path:
    """Write a copy of an archive with another version.

    Args:
        version: the new version.
        archive: the archive to copy.
        target: the path of the copy.
        mark: prefix of each label, so that responses show the version they come from.
        damaged: change the programs, so that they do not match the manifest's SHA-256 and cannot be loaded.
        handle: body of a method `handle(self, data, context)` that replaces the handler's.
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
