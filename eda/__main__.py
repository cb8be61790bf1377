"""The command line: `python -m eda --help`."""

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from eda.compare.command import PhotoOptions, compare_folders
from eda.dataset import Dataset
from eda.embed import embed
from eda.errors import EdaError
from eda.explore import explore
from eda.output import require_writable, writing
from eda.page import write_report
from eda.plots.style import counted
from eda.predictions import predict_images, served_model
from eda.sections import sections
from eda.sources import SAMPLE_SIZE, open_dataset
from eda.synthetic import FULL_SIZE, MIN_SAMPLE_SIZE

REPORT = Path(__file__).parent / "report"
FIGURES = Path("build/eda.json")
MANAGEMENT = "http://127.0.0.1:8081"


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        prog="python -m eda",
        description="Explore a detection data set and write a report. Without --data, --hub or --synthetic, read "
        "CPPE-5 from the Hugging Face Hub; if the Hub cannot be reached, generate a sample of "
        f"{SAMPLE_SIZE} images, labelled SYNTHETIC.",
    )
    source = options.add_argument_group("data source (at most one)")
    source.add_argument(
        "--data",
        default="",
        metavar="FOLDER",
        help="a folder in COCO, CVAT, Label Studio, Roboflow or YOLO layout, or one COCO file",
    )
    source.add_argument("--hub", action="store_true", help="only the Hub; fail if it cannot be reached")
    source.add_argument(
        "--synthetic",
        type=sample_size,
        nargs="?",
        const=SAMPLE_SIZE,
        metavar="IMAGES",
        help=f"a generated sample of this many images ({SAMPLE_SIZE}; CPPE-5 itself has {FULL_SIZE})",
    )
    source.add_argument("--small", action="store_true", help="with --synthetic: small images, to measure growth")
    features = options.add_argument_group("embeddings (run a model archive in this process)")
    features.add_argument(
        "--archive",
        type=Path,
        metavar="FILE",
        help="a .mar of this project (default: the newest in model_store/ that returns features)",
    )
    features.add_argument("--no-embeddings", action="store_true", help="run no model")
    model = options.add_argument_group("predictions (need this project's server)")
    model.add_argument("--server", metavar="URL", help="inference API, such as http://127.0.0.1:8080")
    model.add_argument("--model", metavar="NAME", help="served name; by default the one that --management lists")
    model.add_argument("--management", default=MANAGEMENT, metavar="URL", help="management API (%(default)s)")
    out = options.add_argument_group("output")
    out.add_argument("--out", type=Path, default=REPORT, metavar="FOLDER", help="the report (eda/report)")
    out.add_argument("--no-photos", action="store_true", help="draw boxes on empty frames instead of photos")
    out.add_argument(
        "--figures",
        type=Path,
        default=FIGURES,
        metavar="FILE",
        help="seconds and memory as JSON (%(default)s)",
    )
    commands = options.add_subparsers(title="other commands", dest="command", metavar="compare A B")
    compare = commands.add_parser(
        "compare",
        help="what differs between two data sets by more than noise",
        description="Compare two data sets, each a folder of data or its report: what differs by more than noise.",
    )
    compare.add_argument("first", type=Path, metavar="A")
    compare.add_argument("second", type=Path, metavar="B")
    compare.add_argument(
        "--out",
        type=Path,
        default=REPORT / "compare",
        metavar="FOLDER",
        help="the page and compare.json (eda/report/compare)",
    )
    for option, words in {
        "--no-embeddings": "do not compare the photos by a model's features",
        "--no-photos": "draw boxes on empty frames instead of photos",
    }.items():
        # The same options before the command count as well.
        compare.add_argument(option, action="store_true", default=argparse.SUPPRESS, help=words)
    archive_help = "a .mar that compares the photos (default: the newest in model_store/ that returns features)"
    compare.add_argument("--archive", type=Path, default=argparse.SUPPRESS, metavar="FILE", help=archive_help)
    return options


def sample_size(text: str) -> int:
    """Parse the size of a sample; argparse turns the error into a usage message."""
    size = int(text)
    if size < MIN_SAMPLE_SIZE:
        raise argparse.ArgumentTypeError(f"a sample needs at least {MIN_SAMPLE_SIZE} images")
    return size


class Stopwatch:
    """Seconds of each step in order, by the clock and of CPU time."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu_seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        start, cpu_start = time.perf_counter(), time.process_time()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 2)
        self.cpu_seconds[name] = round(time.process_time() - cpu_start, 2)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0, or 1 after one sentence on stderr."""
    options = parser().parse_args(arguments)
    if sum([bool(options.data), options.hub, options.synthetic is not None]) > 1:
        parser().error("name at most one of --data, --hub and --synthetic")
    try:
        if options.command == "compare":
            photos = PhotoOptions(options.archive, not options.no_embeddings, not options.no_photos)
            compare_folders(options.first, options.second, options.out, photos)
        else:
            run(options)
    except EdaError as error:
        print(f"eda: {error}", file=sys.stderr)
        return 1
    return 0


def run(options: argparse.Namespace) -> None:
    """Load, explore, predict if a server is named; write the report and the run's figures."""
    watch = Stopwatch()
    for place in (options.out, options.figures.parent):
        require_writable(place)
    with ExitStack() as opened:
        with watch.step("load"):
            source = open_dataset(options.data, hub=options.hub, synthetic=options.synthetic, small=options.small)
            dataset = opened.enter_context(source)
        with watch.step("explore"):
            exploration = explore(dataset)
        no_embeddings = ""
        if options.no_embeddings:
            no_embeddings = "Left out by --no-embeddings."
        else:
            exploration, no_embeddings = embed(exploration, options.archive, step=watch.step)
        predictions = None
        if options.server:
            with watch.step("predict"):
                model = options.model or served_model(options.management)
                predictions = predict_images(dataset, options.server, model)
        with watch.step("report"):
            parts = list(sections(exploration, predictions, no_embeddings, pixels=not options.no_photos))
            with writing(options.out):
                page = write_report(exploration, parts, options.out, pixels=not options.no_photos)
        figures = run_figures(dataset, watch)
    with writing(options.figures):
        options.figures.parent.mkdir(parents=True, exist_ok=True)
        options.figures.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    counts = exploration.findings["severity"].value_counts()
    print(
        f"{page}: {dataset.label}, {counted(len(dataset.images), 'image')}, "
        f"{counted(len(dataset.boxes), 'box', 'boxes')}; "
        f"errors: {counts.get('error', 0)}, warnings: {counts.get('warning', 0)}; "
        f"{figures['total_seconds']:.0f} s, peak memory {figures['peak_memory_mib']:.0f} MiB"
    )


def run_figures(dataset: Dataset, watch: Stopwatch) -> dict[str, object]:
    """Return the run's cost: seconds of each step and in total (without the imports), CPU time, peak memory."""
    # Linux reports ru_maxrss in kibibytes, macOS in bytes.
    unit = 1024**2 if sys.platform == "darwin" else 1024
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "source": dataset.label,
        "synthetic": dataset.synthetic,
        "images": len(dataset.images),
        "boxes": len(dataset.boxes),
        "seconds": watch.seconds,
        "total_seconds": round(sum(watch.seconds.values()), 2),
        "cpu_seconds_of_steps": watch.cpu_seconds,
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "peak_memory_mib": round(usage.ru_maxrss / unit, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
