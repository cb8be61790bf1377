"""The command line: `python -m eda --help`."""

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eda.dataset import Dataset
from eda.errors import EdaError
from eda.explore import explore
from eda.meet_model import ask_model, served_model
from eda.page import write_report
from eda.sections import sections
from eda.sources import SAMPLE_PHOTOS, open_dataset
from eda.synthetic import FULL_SIZE, SMALLEST_SAMPLE

REPORT = Path(__file__).parent / "report"
FIGURES = Path("build/eda.json")
MANAGEMENT = "http://127.0.0.1:8081"


def parser() -> argparse.ArgumentParser:
    """Return the command line's options."""
    found = argparse.ArgumentParser(
        prog="python -m eda",
        description="Explore CPPE-5 and write a report. Without --data, --hub or --synthetic: the Hugging "
        "Face Hub, and where that cannot be reached a generated sample of "
        f"{SAMPLE_PHOTOS} photos, labelled SYNTHETIC.",
    )
    source = found.add_argument_group("where the data comes from (at most one)")
    source.add_argument("--data", default="", metavar="FOLDER", help="a local folder: annotations/*.json and images/")
    source.add_argument("--hub", action="store_true", help="the Hub alone; fail if it cannot be reached")
    source.add_argument(
        "--synthetic",
        type=sample_size,
        nargs="?",
        const=SAMPLE_PHOTOS,
        metavar="PHOTOS",
        help=f"a generated sample of so many photos ({SAMPLE_PHOTOS}; CPPE-5 itself has {FULL_SIZE})",
    )
    model = found.add_argument_group("meet the model (needs this project's server)")
    model.add_argument("--server", metavar="URL", help="inference API, such as http://127.0.0.1:8080")
    model.add_argument("--model", metavar="NAME", help="served name; asked of --management when absent")
    model.add_argument("--management", default=MANAGEMENT, metavar="URL", help="management API (%(default)s)")
    out = found.add_argument_group("what comes out")
    out.add_argument("--out", type=Path, default=REPORT, metavar="FOLDER", help="the report (eda/report)")
    out.add_argument("--no-photos", action="store_true", help="draw boxes on empty frames, no pixel of a photo")
    out.add_argument(
        "--figures",
        type=Path,
        default=FIGURES,
        metavar="FILE",
        help="seconds and memory as JSON (%(default)s)",
    )
    return found


def sample_size(text: str) -> int:
    """Return the size of a sample; argparse turns the error into its usual sentence."""
    photos = int(text)
    if photos < SMALLEST_SAMPLE:
        raise argparse.ArgumentTypeError(f"a sample needs at least {SMALLEST_SAMPLE} photos")
    return photos


class Stopwatch:
    """Seconds of each step, in order."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a block."""
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 2)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns 0, or 1 after one sentence on stderr."""
    options = parser().parse_args(arguments)
    if sum([bool(options.data), options.hub, options.synthetic is not None]) > 1:
        parser().error("name at most one of --data, --hub and --synthetic")
    try:
        run(options)
    except EdaError as error:
        print(f"eda: {error}", file=sys.stderr)
        return 1
    return 0


def run(options: argparse.Namespace) -> None:
    """Load, explore, ask the model if a server is named, write the report and the figures of the run."""
    watch = Stopwatch()
    folder = Path(options.data) if options.data else None
    start = time.perf_counter()
    with open_dataset(folder, hub=options.hub, synthetic=options.synthetic) as dataset:
        watch.seconds["load"] = round(time.perf_counter() - start, 2)
        with watch.step("explore"):
            found = explore(dataset)
        answers = None
        if options.server:
            with watch.step("meet the model"):
                answers = ask_model(dataset, options.server, options.model or served_model(options.management))
        with watch.step("report"):
            parts = list(sections(found, answers, photos=not options.no_photos))
            page = write_report(found, parts, options.out)
        figures = run_figures(dataset, watch)
    options.figures.parent.mkdir(parents=True, exist_ok=True)
    options.figures.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    counts = found.findings["severity"].value_counts()
    print(
        f"{page}: {dataset.label}, {len(dataset.images):,} images, {len(dataset.boxes):,} boxes; "
        f"errors: {counts.get('error', 0)}, warnings: {counts.get('warning', 0)}; "
        f"{figures['seconds_in_all']:.0f} s, peak memory {figures['peak_memory_mib']:.0f} MiB"
    )


def run_figures(dataset: Dataset, watch: Stopwatch) -> dict[str, object]:
    """Return what this run took: seconds by step and in all (not the imports), CPU time, peak memory."""
    # Linux gives ru_maxrss in kibibytes, macOS in bytes.
    unit = 1024**2 if sys.platform == "darwin" else 1024
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "source": dataset.label,
        "synthetic": dataset.synthetic,
        "photos": len(dataset.images),
        "boxes": len(dataset.boxes),
        "seconds": watch.seconds,
        "seconds_in_all": round(sum(watch.seconds.values()), 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "peak_memory_mib": round(usage.ru_maxrss / unit, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
