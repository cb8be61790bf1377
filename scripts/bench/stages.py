"""What happens to one image in a worker, stage by stage, in this process."""

import time
from pathlib import Path
from typing import Any

import torch

from handler.decode.image import decode_image
from handler.decode.resize import to_input
from handler.manifest import Manifest
from handler.model import normalize
from handler.protocols import native
from handler.protocols.encoding import encode_response
from handler.protocols.media_types import JSON
from handler.protocols.parameters import DEFAULT_TOP_K
from handler.protocols.predictions import predictions_of
from handler.scores import scores_of
from handler.settings import Settings
from scripts.bench.engines import Run
from scripts.bench.jpegs import megapixels_of


def take_turn(path: Path, label: str, run: Run, manifest: Manifest) -> dict[str, Any]:
    """Take one image through all stages.

    Args:
        path: the image's file.
        label: what the table calls it and others like it.
        run: the engine.
        manifest: the model.

    Returns:
        A sample: kind, image (the label), megapixels, bytes, the milliseconds of each stage, and
        scaled_ms, those of decode and transform with `large_jpegs: scaled`.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as a worker with ONNX Runtime has it
    try:
        return _timed(path, label, run, manifest)
    finally:
        torch.set_num_threads(threads)


def _timed(path: Path, label: str, run: Run, manifest: Manifest) -> dict[str, Any]:
    data = path.read_bytes()
    # A virtual machine may first get memory from its host, which takes longer than to decode 12 megapixels into it.
    decode_image(data, Settings.max_pixels)
    clock = [time.perf_counter()]

    def done() -> None:
        clock.append(time.perf_counter())

    pixels = decode_image(data, Settings.max_pixels)
    done()
    image = to_input(pixels, manifest.input)
    done()
    batch = normalize(torch.stack([image]), manifest.input)
    done()
    logits = run(batch)
    done()
    (scores,) = scores_of(torch.as_tensor(logits), manifest.scores)
    predictions = predictions_of(scores, DEFAULT_TOP_K, threshold=0.0, labels=manifest.labels)
    encode_response([predictions], JSON, native.to_document)
    done()
    sample: dict[str, Any] = {"kind": "stages", "image": label}
    sample |= {"megapixels": round(megapixels_of(path), 2), "bytes": len(data)}
    for stage, start, end in zip(STAGES, clock, clock[1:], strict=False):
        sample[f"{stage}_ms"] = 1000 * (end - start)
    before = time.perf_counter()
    to_input(decode_image(data, Settings.max_pixels, manifest.input.short_side), manifest.input)
    sample["scaled_ms"] = 1000 * (time.perf_counter() - before)
    return sample


STAGES = ("decode", "transform", "normalize", "inference", "response")
