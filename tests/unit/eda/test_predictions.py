"""Predictions for every image, from a fake server with this project's inference API."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pandas as pd
import pytest

from eda.errors import ServerError
from eda.explore import Exploration
from eda.plots.model import plot_confidence, plot_top1, top1_predictions
from eda.predictions import TOP_K, near_ppe, predict_images, served_model
from tests.unit.eda.folder import CocoFolder

LABELS = [
    "gasmask, respirator, gas helmet",
    "lab coat, laboratory coat",
    "tabby, tabby cat",
    "stretcher",
    "broom",
]


class Handler(BaseHTTPRequestHandler):
    """The inference API: X-Top-K predictions as JSON, best first; errors as problem+json."""

    models: list[str]
    received: list[dict[str, Any]]
    rejected: bytes

    def do_GET(self) -> None:
        self.respond(200, {"models": [{"modelName": name, "modelUrl": f"{name}.mar"} for name in self.models]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).received.append({"path": self.path, "body": body, "top_k": self.headers["X-Top-K"]})
        if not self.path.startswith("/predictions/") or self.path.split("/")[2] not in self.models:
            self.respond(404, {"code": 404, "type": "ModelNotFoundException", "message": "Model not found"})
        elif body == self.rejected:
            self.respond(422, {"status": 422, "detail": "the image is cut off."})
        elif self.path.endswith("/odd"):
            self.respond(200, {"tabby": 0.5})
        elif self.path.endswith("/broken"):
            self.respond(500, {"status": 500, "detail": "an inner fault"})
        else:
            first = len(body) % len(LABELS)
            order = LABELS[first:] + LABELS[:first]
            scores = [0.6 / 2**rank for rank in range(int(self.headers["X-Top-K"]))]
            entries = [
                {"class_id": LABELS.index(label), "label": label, "score": score}
                for label, score in zip(order, scores, strict=True)
            ]
            self.respond(200, entries)

    def respond(self, status: int, document: object) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  (the base class names it so)
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, type[Handler]]]:
    handler = type("OneTest", (Handler,), {"models": ["resnet-50"], "received": [], "rejected": b"none"})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}", handler
        running.shutdown()


Server = tuple[str, type[Handler]]


def test_predict_images(sample: Exploration, server: Server) -> None:
    url, handler = server
    predictions = predict_images(sample.dataset, url, "resnet-50")
    assert len(handler.received) == len(sample.images)
    assert handler.received[0] == {
        "path": "/predictions/resnet-50",
        "body": sample.dataset.files.read(0),
        "top_k": str(TOP_K),
    }
    assert predictions.groupby("image_row").size().eq(TOP_K).all()
    assert predictions.loc[predictions["rank"] == 1, "score"].eq(0.6).all()


def test_rejected_and_missing_images(coco: CocoFolder, server: Server) -> None:
    url, handler = server
    dataset = coco.dataset()
    handler.rejected = dataset.files.read(1)
    (coco.path / "images" / "1.jpg").unlink()
    predictions = predict_images(dataset, url, "resnet-50")
    rejected = predictions[predictions["rank"] == 0]
    assert rejected["image_row"].to_list() == [0, 1]
    assert rejected["problem"].to_list() == ["no image file", "422 the image is cut off"]
    assert predictions.loc[predictions["image_row"] > 1, "rank"].min() == 1


@pytest.mark.parametrize(
    ("model", "words"),
    [("absent", "404"), ("odd", "did not respond with a list"), ("broken", "500: an inner fault")],
)
def test_server_errors(coco: CocoFolder, server: Server, model: str, words: str) -> None:
    url, handler = server
    handler.models = ["resnet-50", "odd", "broken"]
    with pytest.raises(ServerError, match=words) as caught:
        predict_images(coco.dataset(), url, model)
    assert "\n" not in str(caught.value)


def test_unreachable_server(coco: CocoFolder) -> None:
    with pytest.raises(ServerError, match="make serve"):
        predict_images(coco.dataset(), "http://127.0.0.1:9", "resnet-50")
    with pytest.raises(ServerError, match="does not list its models"):
        served_model("http://127.0.0.1:9")


def test_served_model(server: Server) -> None:
    url, handler = server
    assert served_model(url) == "resnet-50"
    handler.models = ["resnet-50", "efficientnet-lite0"]
    with pytest.raises(ServerError, match=r"serves 2 models \(resnet-50, efficientnet-lite0\); name one with --model"):
        served_model(url)


@pytest.fixture
def predictions(sample: Exploration) -> pd.DataFrame:
    """Top-1 predictions, less confident for images with more boxes."""
    return pd.DataFrame(
        {
            "image_row": sample.images.index,
            "rank": 1,
            "class_id": 0,
            "label": [LABELS[n % 3] for n in range(len(sample.images))],
            "score": 1 - sample.images["n_boxes"].rank(pct=True).to_numpy() * 0.9,
            "problem": "",
        }
    )


def test_plot_of_top1_classes(sample: Exploration, predictions: pd.DataFrame) -> None:
    assert top1_predictions(sample, predictions)["near"].mean() == pytest.approx(2 / 3)
    assert "3 different top-1 classes; 67% of images" in plot_top1(sample, predictions).caption


def test_plot_of_confidence(sample: Exploration, predictions: pd.DataFrame) -> None:
    caption = plot_confidence(sample, predictions).caption
    assert "falls (Spearman's rho -1.00" in caption
    assert f"median top-1 score is {predictions['score'].median():.2f}" in caption


def test_near_ppe() -> None:
    labels = pd.Series(["gasmask, respirator, gas helmet", "chiton, coat-of-mail shell", "lab coat", "muskrat"])
    assert near_ppe(labels).to_list() == [True, False, True, False]
