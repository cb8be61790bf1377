"""The requests of a batch between its steps."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from torch import Tensor

from handler.decode.deadline import TimeBudget
from handler.errors import RequestError
from handler.explanations.request import ExplainRequest
from handler.protocols.open_inference import TensorRequest
from handler.protocols.request import Request
from handler.protocols.timeout import Deadline

PredictRequest = Request | TensorRequest
AnyRequest = PredictRequest | ExplainRequest
R = TypeVar("R", PredictRequest, ExplainRequest, AnyRequest)


@dataclass(frozen=True)
class Item(Generic[R]):
    """A request that is ready for the network.

    Args:
        index: its place in the batch.
        request: what the client asks for.
        images: its images as uint8 tensors (3, height, width), where the network runs.
        failures: those that could not be decoded, by their place; only where the others are classified all the same.
        deadline: when its client stops waiting.
        budget: what its images may still cost.
    """

    index: int
    request: R
    images: list[Tensor]
    failures: dict[int, RequestError]
    deadline: Deadline
    budget: TimeBudget


def item_of(
    index: int,
    request: AnyRequest,
    groups: Sequence[Future[list[Tensor]]],
    deadline: Deadline,
    budget: TimeBudget,
) -> Item[AnyRequest]:
    """Return a request with its images that could be decoded.

    Args:
        index: its place in the batch.
        request: what the client asks for.
        groups: of `request.groups`, the images or the error of each.
        deadline: when its client stops waiting.
        budget: what its images may still cost.

    Raises:
        RequestError: none could.
    """
    images: list[Tensor] = []
    failures: dict[int, RequestError] = {}
    for place, group in enumerate(groups):
        try:
            images += group.result()
        except RequestError as error:
            failures[place] = error
    if not images:
        raise request.error(failures)
    return Item(index, request, images, failures, deadline, budget)


def by_kind(items: Sequence[Item[AnyRequest]]) -> tuple[list[Item[PredictRequest]], list[Item[ExplainRequest]]]:
    """Return the requests for predictions, and those for explanations."""
    explained = [item for item in items if isinstance(item.request, ExplainRequest)]
    predicted = [item for item in items if not isinstance(item.request, ExplainRequest)]
    return cast(list[Item[PredictRequest]], predicted), cast(list[Item[ExplainRequest]], explained)
