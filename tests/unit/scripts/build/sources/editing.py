"""Changes JSON files."""

import json
from collections.abc import Callable
from pathlib import Path


def edit(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
