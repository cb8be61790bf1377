"""TorchServe's description of a version, read."""

from typing import Any

import pytest

from scripts.client.models import ModelVersion, Queue, VersionId

# As TorchServe 0.12 answers GET /models/<name>.
DESCRIBED: dict[str, Any] = {
    "modelName": "resnet-50",
    "modelVersion": "1.0",
    "modelUrl": "resnet-50.mar",
    "runtime": "python",
    "minWorkers": 2,
    "maxWorkers": 2,
    "batchSize": 8,
    "maxBatchDelay": 1,
    "responseTimeout": 120,
    "startupTimeout": 120,
    "loadedAtStartup": True,
    "workers": [
        {"id": "9000", "startTime": "", "status": "READY", "memoryUsage": 0, "pid": 4711, "gpu": False, "gpuUsage": ""},
        {"id": "9001", "startTime": "", "status": "UNLOADING", "memoryUsage": 0, "pid": -1, "gpu": False},
    ],
    "jobQueueStatus": {"remainingCapacity": 97, "pendingRequests": 3},
}


def test_version() -> None:
    version = ModelVersion.from_json(DESCRIBED)
    assert version.id == VersionId("resnet-50", "1.0")
    assert str(version.id) == "resnet-50 1.0"
    assert (version.archive, version.batch_size, version.max_batch_delay) == ("resnet-50.mar", 8, 1)
    assert version.queue == Queue(pending=3, capacity=100)
    assert version.statuses == ["READY", "UNLOADING"]
    assert version.pids == (4711,)  # the other worker has not started


@pytest.mark.parametrize(("statuses", "ready"), [(["READY", "READY"], True), (["READY"], False), ([], False)])
def test_version_is_ready_with_all_its_workers(statuses: list[str], ready: bool) -> None:
    workers = [{"id": str(index), "pid": 1, "status": status} for index, status in enumerate(statuses)]
    assert ModelVersion.from_json({**DESCRIBED, "workers": workers}).ready == ready


def test_version_without_workers_is_ready_if_it_should_have_none() -> None:
    assert ModelVersion.from_json({**DESCRIBED, "workers": [], "minWorkers": 0}).ready
