"""The command line: `python -m eda.embeddings.trial --help`."""

import argparse
import json
import sys
from pathlib import Path

from threadpoolctl import threadpool_limits

from eda.coco import read_coco
from eda.embeddings import trial
from eda.embeddings.archives import find_archive
from eda.embeddings.cache import CACHE, open_cache
from eda.embeddings.network import open_network
from eda.embeddings.trial.copies import ALTERATIONS, compare_copies, copy_figures, held_out_figures
from eda.embeddings.trial.swaps import box_vectors, find_swaps
from eda.errors import EdaError
from eda.explore import explore


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0, or 1 after one sentence on stderr."""
    options = argparse.ArgumentParser(prog="python -m eda.embeddings.trial", description=trial.__doc__)
    options.add_argument("--data", type=Path, metavar="FOLDER", help="a COCO folder whose labels are swapped")
    options.add_argument(
        "--photos",
        type=Path,
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="photos of which altered copies are made; of two folders, each is also judged by the other's best cut",
    )
    options.add_argument("--archive", type=Path, metavar="FILE", help="a .mar (default: the newest in model_store/)")
    named = options.parse_args(arguments)
    figures: dict[str, object] = {}
    try:
        archive = named.archive or find_archive()
        with threadpool_limits(1), open_network(archive) as network, open_cache(CACHE) as cache:
            figures["model"] = network.label
            if named.data:
                figures["swapped labels"] = find_swaps(*box_vectors(explore(read_coco(named.data)), network, cache))
            compared = {}
            for folder in named.photos:
                photos = [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()]
                compared[str(folder)] = {name: compare_copies(photos, name, network, cache) for name in ALTERATIONS}
    except EdaError as error:
        print(f"eda: {error}", file=sys.stderr)
        return 1
    if compared:
        figures["altered copies"] = {
            folder: {name: copy_figures(table) for name, table in tables.items()} for folder, tables in compared.items()
        }
        figures["held-out"] = held_out_figures(compared)
    print(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
