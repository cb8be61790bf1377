"""The documents of TorchServe's management API as dataclasses: the one module that knows their keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class VersionId(NamedTuple):
    """The name and the version that identify a registered model."""

    name: str
    version: str

    def __str__(self) -> str:
        """Name both."""
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class RegisteredModel:
    """An entry in the list of models.

    Args:
        name: the served name.
        archive: the file name of its default version's archive.
    """

    name: str
    archive: str

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "RegisteredModel":
        """Read an entry of `GET /models`."""
        return cls(document["modelName"], document["modelUrl"])


def labels_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the class names in an entry of `GET /models/<name>?customized=true`; none of another project's model."""
    described = document.get("customizedMetadata")
    return tuple(map(str, described.get("labels", ()))) if isinstance(described, dict) else ()


@dataclass(frozen=True)
class Worker:
    """A worker process.

    Args:
        id: TorchServe's number for it, which a restart keeps.
        pid: its process id, 0 or less before it has started.
        status: READY, UNLOADING, ...
    """

    id: str
    pid: int
    status: str

    @property
    def ready(self) -> bool:
        """Whether it takes requests."""
        return self.status == "READY"


@dataclass(frozen=True)
class Queue:
    """The requests of a version that wait for a worker.

    Args:
        pending: how many wait.
        capacity: how many may wait; TorchServe responds 503 to more.
    """

    pending: int
    capacity: int


@dataclass(frozen=True)
class ModelVersion:
    """A registered version of a model.

    Args:
        name: the served name.
        version: its version.
        archive: the file name of its archive in the model store.
        min_workers: the workers that TorchServe keeps running.
        max_workers: not used by TorchServe, which does not scale by itself.
        batch_size: requests in a batch at most.
        max_batch_delay: milliseconds that a batch waits to fill up.
        workers: its workers, those that are starting among them.
        queue: its queue.
    """

    name: str
    version: str
    archive: str
    min_workers: int
    max_workers: int
    batch_size: int
    max_batch_delay: int
    workers: tuple[Worker, ...]
    queue: Queue

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "ModelVersion":
        """Read an entry of `GET /models/<name>`."""
        queue = document["jobQueueStatus"]
        return cls(
            name=document["modelName"],
            version=document["modelVersion"],
            archive=document["modelUrl"],
            min_workers=int(document["minWorkers"]),
            max_workers=int(document["maxWorkers"]),
            batch_size=int(document["batchSize"]),
            max_batch_delay=int(document["maxBatchDelay"]),
            workers=tuple(Worker(worker["id"], int(worker["pid"]), worker["status"]) for worker in document["workers"]),
            queue=Queue(
                pending=int(queue["pendingRequests"]),
                capacity=int(queue["pendingRequests"]) + int(queue["remainingCapacity"]),
            ),
        )

    @property
    def id(self) -> VersionId:
        """Its name and version."""
        return VersionId(self.name, self.version)

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the workers that have started."""
        return tuple(worker.pid for worker in self.workers if worker.pid > 0)

    @property
    def statuses(self) -> list[str]:
        """The workers' statuses."""
        return [worker.status for worker in self.workers]

    @property
    def ready(self) -> bool:
        """Whether all of its workers are there and ready."""
        return len(self.workers) == self.min_workers and all(worker.ready for worker in self.workers)
