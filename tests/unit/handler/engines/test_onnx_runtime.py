"""ONNX Runtime's threads, and what its optimisations must not change."""

import contextlib
import os
import time
from pathlib import Path

import onnx
import pytest
import torch
from onnx import TensorProto, helper

from handler.engines.onnx_runtime import OnnxEngine
from handler.manifest import ONNX_PROGRAM


def _pinned_threads() -> dict[str, int]:
    """Return the CPU of each thread of this process that may run on a single one."""
    found = {}
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(ProcessLookupError):  # a thread may end meanwhile
            cpus = os.sched_getaffinity(int(task.name))
            if len(cpus) == 1:
                found[task.name] = next(iter(cpus))
    return found


def test_a_worker_that_has_all_cpus_gives_each_of_its_threads_one(tiny_model: Path) -> None:
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        pytest.skip("a single CPU")
    batch = torch.zeros(1, 3, 32, 32)

    def pinned_by(threads: int) -> list[int]:
        before = _pinned_threads()
        engine = OnnxEngine(tiny_model / ONNX_PROGRAM, threads)
        for _ in range(20):  # each thread finds its place by itself, once it runs
            engine.run(batch)
            time.sleep(0.01)
        return sorted(cpu for task, cpu in _pinned_threads().items() if task not in before)

    assert pinned_by(len(cpus)) == cpus[1:]  # the caller is the first thread, and stays free
    assert pinned_by(len(cpus) + 1) == []
    assert pinned_by(len(cpus) - 1) == []


def test_threads_are_the_ones_asked_for(tiny_model: Path) -> None:
    engine = OnnxEngine(tiny_model / ONNX_PROGRAM, threads=1)
    assert engine._session.get_session_options().intra_op_num_threads == 1


def test_the_zeros_around_an_image_are_larger_than_negative_pixels(tmp_path: Path) -> None:
    """A BiT pads so before it takes the largest value."""
    shape = ["batch", 1, None, None]
    graph = helper.make_graph(
        [
            helper.make_node("Pad", ["image", "one_each_side"], ["padded"]),
            helper.make_node("MaxPool", ["padded"], ["largest"], kernel_shape=[3, 3]),
        ],
        "padding",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("largest", TensorProto.FLOAT, shape)],
        [helper.make_tensor("one_each_side", TensorProto.INT64, [8], [0, 0, 1, 1, 0, 0, 1, 1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, tmp_path / "padding.onnx")
    largest = OnnxEngine(tmp_path / "padding.onnx", 1).run(torch.full((1, 1, 3, 3), -1.0))
    assert largest.flatten().tolist() == [0, 0, 0, 0, -1, 0, 0, 0, 0]
