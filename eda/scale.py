"""How time and memory grow with the data: `python -m eda.scale --help`.

Each size is the whole command on a generated sample, in a process and an empty folder of its own, so that nothing is
cached and the peak of the memory is its own. The result is a table in Markdown; steps are in CPU time, which other work
on the machine hardly changes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SIZES = (2500, 5000, 10_000, 20_000)
"""Images; at the last one, a small sample has over 100,000 boxes."""

STEPS = ("load", "explore", "features", "embed", "report")
"""Of `python -m eda`; see its `--figures`."""

PROJECT = Path(__file__).parents[1]


def measure(size: int, archive: Path | None) -> dict[str, Any]:
    """Explore a generated sample of small images and return the figures of the run.

    Raises:
        subprocess.CalledProcessError: the run failed; it has said why on stderr.
    """
    embeddings = ["--archive", str(archive.resolve())] if archive else ["--no-embeddings"]
    with tempfile.TemporaryDirectory(prefix="eda-scale-") as name:
        folder = Path(name)
        places = ["--out", str(folder / "report"), "--figures", str(folder / "figures.json")]
        subprocess.run(
            [sys.executable, "-m", "eda", "--synthetic", str(size), "--small", *embeddings, *places],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        found: dict[str, Any] = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
        return found


def row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def cells_of(figures: dict[str, Any], steps: list[str]) -> list[str]:
    """Return a size's cells in the table: counts, CPU time of each step, in all and for an image, time and memory."""
    cpu = figures["cpu_seconds"]
    return [
        f"{figures['images']:,}",
        f"{figures['boxes']:,}",
        *(f"{figures['cpu_seconds_of_steps'][step]:.1f} s" for step in steps),
        f"{cpu:.0f} s",
        f"{1000 * cpu / figures['images']:.1f} ms",
        f"{figures['total_seconds']:.0f} s",
        f"{figures['peak_memory_mib']:,.0f} MiB",
    ]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0, or 1 if a run failed."""
    options = argparse.ArgumentParser(prog="python -m eda.scale", description=__doc__)
    options.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="IMAGES", help="(%(default)s)")
    options.add_argument("--archive", type=Path, metavar="FILE", help="with embeddings, of this .mar")
    named = options.parse_args(arguments)
    steps = [step for step in STEPS if named.archive or step not in ("features", "embed")]
    header = ["images", "boxes", *steps, "CPU time in all", "for an image", "by the clock", "peak memory"]
    print(row(header), row(["---"] * len(header)), sep="\n", flush=True)
    for size in named.sizes:
        try:
            print(row(cells_of(measure(size, named.archive), steps)), flush=True)
        except subprocess.CalledProcessError:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
