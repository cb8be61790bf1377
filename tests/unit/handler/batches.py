"""Batches as TorchServe hands them to the handler, with its own context and metrics."""

from pathlib import Path
from typing import Any

from ts.context import Context, RequestProcessor
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl

from handler.classifier import ImageClassifier
from tests.conftest import PROJECT, encoded, picture

PHOTO = encoded(picture(), "JPEG")


def new_metrics_cache() -> MetricsCacheYamlImpl:
    cache = MetricsCacheYamlImpl(str(PROJECT / "config" / "metrics.yaml"))
    cache.initialize_cache()
    return cache


def new_context(model: Path, model_config: dict[str, Any] | None = None) -> Context:
    return Context("tiny-resnet", str(model), {}, 8, None, "0.12.0", True, new_metrics_cache(), model_config or {})


def loaded(context: Context) -> ImageClassifier:
    handler = ImageClassifier()
    handler.initialize(context)
    return handler


def handled(handler: ImageClassifier, context: Context, *requests: tuple[dict[str, Any], dict[str, str]]) -> list[Any]:
    """Hand a batch over as TorchServe does and return (status, content type, body) of each."""
    context.request_processor = [RequestProcessor(headers) for _, headers in requests]
    context.request_ids = {index: f"id-{index}" for index in range(len(requests))}
    bodies = handler.handle([row for row, _ in requests], context)
    assert all(type(body) is bytes for body in bodies)
    return [
        (context.get_response_status(index)[0], context.get_response_content_type(index), body)
        for index, body in enumerate(bodies)
    ]
