"""The class that TorchServe calls: it wires the steps below and nothing else."""

import ctypes
import gc
import logging
import time
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from handler import worker_log
from handler.after_response import AfterResponse
from handler.batch_responses import Responses
from handler.decode.deadline import TimeBudget
from handler.decode.decoder import Decoder
from handler.drift.monitor import open_monitor
from handler.engines.choice import open_engine
from handler.errors import STOPPING, RequestError
from handler.explanations.choice import method_of
from handler.explanations.method import Explanation, Turns, Wanted
from handler.explanations.request import ExplainRequest, parse_explain_request
from handler.explanations.response import respond
from handler.items import AnyRequest, Item, PredictRequest, by_kind, item_of
from handler.lifecycle import Lifecycle
from handler.load_shedding import LoadShedding
from handler.manifest import FILE_NAME, Manifest
from handler.metrics import Metrics
from handler.model import Model
from handler.page.page import CONTENT_TYPE, Page, wants_page
from handler.protocols.encoding import ModelName
from handler.protocols.media_types import JSON
from handler.protocols.predictions import predictions_of
from handler.protocols.request import is_describe, is_explain, parse_request
from handler.protocols.rows import keep_repeated_fields
from handler.protocols.timeout import Deadline, deadline_of
from handler.request_log import RequestLog
from handler.settings import Settings, threads_per_worker
from handler.timeline import Asked, Timeline
from handler.tracing import open_tracing

logger = logging.getLogger(__name__)


class ImageClassifier:
    """Image classification for TorchServe: a batch of HTTP requests in, one body for each request out."""

    def initialize(self, context: Any) -> None:
        """Load the model that the archive's manifest describes.

        Raises:
            RuntimeError: whatever is wrong with the archive or its settings; any other error would make TorchServe
                restart the worker again and again.
        """
        worker_log.set_up()
        with worker_log.failure_explained():
            self._load(context)

    def _load(self, context: Any) -> None:
        keep_repeated_fields()
        directory = Path(context.system_properties["model_dir"])
        model_config = context.model_yaml_config or {}
        self.lifecycle = Lifecycle.from_environment()
        settings = Settings.from_model_config(model_config)
        self.manifest = Manifest.from_json((directory / FILE_NAME).read_text(encoding="utf-8"))
        self.served = ModelName(context.model_name, self.manifest.version)
        self.request_log = RequestLog.from_environment(self.served)
        threads = threads_per_worker(settings, model_config.get("minWorkers", 1))
        choice = open_engine(self.manifest, directory, settings, threads, context.system_properties.get("gpu_id"))
        self.method = method_of(choice.engine, self.manifest, directory)
        self.metrics = Metrics(context.metrics, context.model_name)
        monitor = open_monitor(self.manifest, directory, settings.drift_window, self.metrics)
        self.settings = settings
        self.after_response = AfterResponse()
        self.load_shedding = LoadShedding()
        self.description = self.manifest.to_json(serving=choice.to_document()).encode()
        self.page = Page.of(self.manifest, context.model_name, choice.engine)
        self.tracing = open_tracing(self.served, self.lifecycle)
        self.model = Model(choice.engine, self.manifest.input, self.metrics, self.manifest.scores, monitor)
        self.decoder = Decoder(self.manifest.input, settings, self.metrics, threads, choice.engine.device)
        self.model.warm_up()
        gc.collect()
        gc.freeze()  # what lives as long as the worker need not be looked through again
        _return_memory()
        serving = (choice.engine.name, choice.engine.precision, choice.instruction_set)
        self.metrics.model(self.manifest.version, serving, self.manifest.fallback)
        for trial in choice.trials:
            candidate = trial.candidate
            self.metrics.trial(candidate.engine, candidate.precision, trial.images_per_second or 0)
        self.metrics.write()
        logger.info("ready: %s %s on %s", self.manifest.name, self.manifest.version, choice)

    def handle(self, data: Sequence[Mapping[str, Any]], context: Any) -> list[bytes]:
        """Respond to one batch; a request that fails never harms the others.

        Args:
            data: one row a request.
            context: TorchServe's context, which takes the status and the content type of each response.
        """
        responses = Responses(context, self.metrics, len(data))
        if self.lifecycle.is_stopping():
            # Refusing is not being busy: clients that keep sending would delay the stop until its timeout.
            with responses.guard("handle", *range(len(data))):
                raise RequestError(STOPPING, "wait for the seconds in Retry-After and send the request again")
        else:
            start = time.monotonic()
            with self.lifecycle.busy():
                items = self.preprocess(data, context, responses)
                predicted, explained = by_kind(items)
                scored = self.inference(predicted, responses)
                self.postprocess(scored, responses)
                self.explain(explained, responses)
            if scored and not explained:  # an explanation may take longer than any prediction
                self.load_shedding.add(time.monotonic() - start)
        self.tracing.record(responses.timelines, context)
        self.after_response.do(partial(self._conclude, responses.timelines, responses.failed))
        return responses.bodies

    def _conclude(self, timelines: Sequence[Timeline], failed: bool) -> None:
        self.request_log.write(timelines)
        self.metrics.write()
        if failed:
            gc.collect()  # an error, its traceback and the pixels in its frames refer to each other: megabytes each

    def preprocess(
        self, data: Sequence[Mapping[str, Any]], context: Any, responses: Responses
    ) -> list[Item[AnyRequest]]:
        """Understand the requests and decode their images, unless their clients stop waiting before that is of use."""
        requests: dict[int, AnyRequest] = {}
        deadlines: dict[int, Deadline] = {}
        for index, row in enumerate(data):
            headers = context.get_all_request_header(index)
            with responses.guard("preprocess", index):
                asked = responses.timelines[index].asked = _asked(row, headers)
                if asked == "describe":
                    responses.respond(index, self.description, JSON)
                elif asked == "page":
                    responses.respond(index, self.page.body, CONTENT_TYPE, self.page.headers)
                else:
                    deadlines[index] = deadline_of(headers)
        allowance = self.load_shedding.allowance(deadlines.values())
        for index, deadline in deadlines.items():
            with responses.guard("preprocess", index):
                deadline.check(allowance)
                requests[index] = self._parse(data[index], context.get_all_request_header(index))
        owners = [index for index, request in requests.items() for _ in request.groups]
        encoded = [group for request in requests.values() for group in request.groups]
        budgets = {index: TimeBudget(self.settings.max_seconds) for index in requests}
        decoded = self.decoder.decode(encoded, owners, dict(enumerate(responses.timelines)), budgets)
        items = []
        for index, request in requests.items():
            groups = [group for owner, group in zip(owners, decoded, strict=True) if owner == index]
            with responses.guard("preprocess", index):
                item = item_of(index, request, groups, deadlines[index], budgets[index])
                responses.failed |= bool(item.failures)
                responses.timelines[index].images = len(item.images)
                deadlines[index].check()  # decoding has taken its time
                items.append(item)
        return items

    def _parse(self, row: Mapping[str, Any], headers: Mapping[str, Any]) -> AnyRequest:
        labels, max_images = self.manifest.labels, self.settings.max_images
        if is_explain(headers):
            return parse_explain_request(row, headers, labels, max_images)
        return parse_request(row, headers, len(labels), max_images)

    def inference(
        self, items: Sequence[Item[PredictRequest]], responses: Responses
    ) -> list[tuple[Item[PredictRequest], Tensor]]:
        """Score the images of all requests together, and return each request with its scores (images, classes)."""
        if items:
            with responses.guard("inference", *(item.index for item in items)):
                scores = self.model.scores([image for item in items for image in item.images])
                return list(zip(items, torch.split(scores, [len(item.images) for item in items]), strict=True))
        return []

    def postprocess(self, scored: Sequence[tuple[Item[PredictRequest], Tensor]], responses: Responses) -> None:
        """Encode the top classes of every image as each client asked for them."""
        for item, scores in scored:
            with responses.guard("postprocess", item.index):
                request = item.request
                predictions = [
                    predictions_of(row, request.top_k, request.threshold, self.manifest.labels) for row in scores
                ]
                responses.succeed(item.index, *request.respond(predictions, item.failures, self.served))
                self.after_response.do(partial(self.metrics.confidences, scores))

    def explain(self, items: Sequence[Item[ExplainRequest]], responses: Responses) -> None:
        """Say of each image which part of it spoke for a class."""
        turns = Turns(self.settings.explanation_seconds, len(items))
        for together in [items] if items and self.method.together else [[item] for item in items]:
            explained: list[tuple[Item[ExplainRequest], list[Explanation]]] = []
            with responses.guard("explanation", *(item.index for item in together)), self.metrics.timed("explanation"):
                found = self.method.explain([each for item in together for each in _wanted(item)], turns)
                explained = [(item, list(islice(found, len(item.images)))) for item in together]
            for item, explanations in explained:
                with responses.guard("postprocess", item.index):
                    limits = self.settings.max_pixels, item.budget
                    responses.succeed(item.index, *respond(item.request, explanations, self.manifest, *limits))
                    for explanation in explanations:
                        self.metrics.explanation(explanation.method)


def _asked(row: Mapping[str, Any], headers: Mapping[str, Any]) -> Asked:
    """Return what a request asks for."""
    if is_describe(row, headers):
        return "describe"
    if wants_page(row, headers):
        return "page"
    return "explain" if is_explain(headers) else "predict"


def _wanted(item: Item[ExplainRequest]) -> list[Wanted]:
    return [Wanted(image, item.request.class_id, item.deadline) for image in item.images]


def _return_memory() -> None:
    """Return to the kernel what only loading the programs took: 130 MB for a ResNet-50."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's own
    if trim:
        trim(0)
