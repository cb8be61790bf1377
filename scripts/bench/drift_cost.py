"""What the window of drift costs: the network with it and without it in turns, in this process."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from handler.drift.monitor import Monitor
from handler.manifest import FEATURES, LOGITS
from handler.metrics import Metrics
from handler.model import Model, normalize
from handler.scores import scores_of
from handler.settings import Settings
from scripts.batch.local import NoMetrics
from scripts.bench.drift import opened
from scripts.build import folders, reference
from scripts.build.sample_images import crops, read_images

BATCH = 8
BATCHES = 7  # in a turn: enough images for an update
WINDOW_TURNS = 40  # of the window alone


def run(archive: Path, rounds: int) -> float:
    """Print what the window adds to the network's CPU time, and return the share that the window alone takes.

    Args:
        archive: whose engine computes.
        rounds: how many times the network is measured with it and without it.
    """
    with opened(archive) as program:
        manifest = program.manifest
        inputs = crops(read_images("").images, max(folders.MIN_REFERENCE, BATCH * BATCHES), manifest.input)
        seen = program.run(inputs)
        metrics = Metrics(NoMetrics(), manifest.name)
        monitor = Monitor(reference.reference_of(seen), Settings.drift_window, metrics)
        while len(monitor.window) < Settings.drift_window:
            monitor.add(seen)
        batches = [inputs[start : start + BATCH] for start in range(0, BATCH * BATCHES, BATCH)]
        plain, watched = (
            Model(program.engine, manifest.input, metrics, manifest.scores, each) for each in (None, monitor)
        )

        def turn(model: Model) -> float:
            return _seconds(lambda: [model.scores(batch) for batch in batches])

        turn(plain)
        pairs = []
        for index in range(rounds):
            first, second = (plain, watched) if index % 2 else (watched, plain)
            taken = {first: turn(first), second: turn(second)}
            pairs.append((taken[plain], taken[watched]))

        stacked = torch.stack(batches[0])
        wanted = [name for name in manifest.outputs if name == FEATURES]
        found = program.engine.run_with(normalize(stacked, manifest.input), wanted)
        scores = scores_of(found[LOGITS], manifest.scores)

        def observe() -> None:
            for _ in batches:
                monitor.observe(stacked, scores, found.get(FEATURES))
            metrics.write()

        alone = statistics.median(_seconds(observe) for _ in range(WINDOW_TURNS))
    quarter, ratio, other = statistics.quantiles((after / before for before, after in pairs), n=4)
    share = alone / statistics.median(before for before, _ in pairs)
    print(f"with the window, the network takes {ratio:.4f} times the CPU time ({quarter:.4f} to {other:.4f})")
    print(
        f"the window alone takes {1e6 * alone / BATCH / BATCHES:.0f} us an image, {share:.2%} of the network's CPU time"
    )
    return share


def _seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of some work."""
    start = time.process_time()
    work()
    return time.process_time() - start
