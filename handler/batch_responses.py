"""The responses to one batch: each request gets a body of its own, whatever happens to the others."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from handler.errors import INTERNAL_ERROR, OUT_OF_MEMORY, PROBLEM_MEDIA_TYPE, RequestError, server_error
from handler.metrics import Metrics
from handler.timeline import Interval, Timeline


class Responses:
    """Collects the bodies, and tells TorchServe status and headers.

    Args:
        context: TorchServe's context of the batch.
        metrics: where requests are counted by how they end.
        count: how many requests the batch has.
    """

    def __init__(self, context: Any, metrics: Metrics, count: int) -> None:
        self._context, self._metrics = context, metrics
        began, ids = time.perf_counter(), context.request_ids or {}
        self.timelines = [
            Timeline(context.get_all_request_header(index), str(ids.get(index, "")), began) for index in range(count)
        ]
        self._bodies: dict[int, bytes] = {}
        self.failed = False  # whether a request has, or an image of one

    @property
    def bodies(self) -> list[bytes]:
        """One body a request, in the order of the batch."""
        return [self._bodies[index] for index in range(len(self._bodies))]

    @contextmanager
    def guard(self, stage: str, *indices: int) -> Iterator[None]:
        """Make whatever goes wrong in the body the response to these requests, so that their batch mates go on.

        The stage is a part of their timelines.
        """
        start, problem = time.perf_counter(), ""
        try:
            yield
        except RequestError as error:
            problem = self._fail(error, indices)
        except Exception:  # noqa: BLE001 - whatever it is, the worker goes on; it is logged whole
            ids = (self.timelines[index].request_id for index in indices)
            problem = self._fail(server_error(stage, ", ".join(ids)), indices)
        for index in indices:
            self.timelines[index].intervals.append(Interval(stage, start, time.perf_counter(), problem))

    def succeed(self, index: int, body: bytes, content_type: str, headers: Mapping[str, str]) -> None:
        """Respond with predictions."""
        self._metrics.request("answered")
        self.respond(index, body, content_type, headers)

    def respond(
        self, index: int, body: bytes, content_type: str, headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Respond with anything else: it counts as no prediction."""
        for name, value in headers.items():
            self._context.set_response_header(index, name, value)
        self._context.set_response_content_type(index, content_type)
        self._bodies[index] = body

    def _fail(self, error: RequestError, indices: tuple[int, ...]) -> str:
        self.failed = True
        problem = error.problem
        for index in indices:
            self.timelines[index].status, self.timelines[index].problem = problem.status, problem.slug
            if problem in (INTERNAL_ERROR, OUT_OF_MEMORY):
                self._metrics.request("failed")
            else:
                self._metrics.request("rejected")
                self._metrics.rejected(problem.slug)
            self._context.set_response_status(problem.status, problem.title, index)
            self.respond(index, error.document(), PROBLEM_MEDIA_TYPE, problem.headers)
        return problem.slug
