"""The step that asks the model, against a small server that speaks this project's inference API."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pandas as pd
import pytest

from eda.errors import ServerError
from eda.explore import Exploration
from eda.meet_model import TOP_K, ask_model, near_ppe, served_model
from eda.plots.model import best_answers, plot_answers, plot_confidence
from tests.unit.eda.folder import CocoFolder

LABELS = [
    "gasmask, respirator, gas helmet",
    "lab coat, laboratory coat",
    "tabby, tabby cat",
    "stretcher",
    "broom",
]


class Handler(BaseHTTPRequestHandler):
    """DESIGN.md's inference API: JSON best first, X-Top-K answers, problem+json for what it refuses."""

    models: list[str]
    seen: list[dict[str, Any]]
    refuse: bytes

    def do_GET(self) -> None:
        self.answer(200, {"models": [{"modelName": name, "modelUrl": f"{name}.mar"} for name in self.models]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).seen.append({"path": self.path, "body": body, "top_k": self.headers["X-Top-K"]})
        if not self.path.startswith("/predictions/") or self.path.split("/")[2] not in self.models:
            self.answer(404, {"code": 404, "type": "ModelNotFoundException", "message": "Model not found"})
        elif body == self.refuse:
            self.answer(422, {"status": 422, "detail": "the image is cut off."})
        elif self.path.endswith("/odd"):
            self.answer(200, {"tabby": 0.5})
        elif self.path.endswith("/broken"):
            self.answer(500, {"status": 500, "detail": "an inner fault"})
        else:
            first = len(body) % len(LABELS)
            order = LABELS[first:] + LABELS[:first]
            scores = [0.6 / 2**rank for rank in range(int(self.headers["X-Top-K"]))]
            entries = [
                {"class_id": LABELS.index(label), "label": label, "score": score}
                for label, score in zip(order, scores, strict=True)
            ]
            self.answer(200, entries)

    def answer(self, status: int, document: object) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  (the base class names it so)
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, type[Handler]]]:
    handler = type("OneTest", (Handler,), {"models": ["resnet-50"], "seen": [], "refuse": b"none"})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}", handler
        running.shutdown()


Server = tuple[str, type[Handler]]


def test_every_photo_is_sent_as_it_is_and_answered_best_first(sample: Exploration, server: Server) -> None:
    url, handler = server
    answers = ask_model(sample.dataset, url, "resnet-50")
    assert len(handler.seen) == len(sample.images)
    assert handler.seen[0] == {
        "path": "/predictions/resnet-50",
        "body": sample.dataset.photos.read(0),
        "top_k": str(TOP_K),
    }
    assert answers.groupby("image_row").size().eq(TOP_K).all()
    assert answers.loc[answers["rank"] == 1, "score"].eq(0.6).all()


def test_a_refused_and_a_missing_photo_are_rows(coco: CocoFolder, server: Server) -> None:
    url, handler = server
    dataset = coco.dataset()
    handler.refuse = dataset.photos.read(1)
    (coco.path / "images" / "1.jpg").unlink()
    answers = ask_model(dataset, url, "resnet-50")
    refused = answers[answers["rank"] == 0]
    assert refused["image_row"].to_list() == [0, 1]
    assert refused["problem"].to_list() == ["no photo", "422 the image is cut off"]
    assert answers.loc[answers["image_row"] > 1, "rank"].min() == 1


@pytest.mark.parametrize(
    ("model", "words"),
    [("absent", "404"), ("odd", "did not answer with a list"), ("broken", "500: an inner fault")],
)
def test_a_server_that_does_not_keep_its_promise_is_one_sentence(
    coco: CocoFolder, server: Server, model: str, words: str
) -> None:
    url, handler = server
    handler.models = ["resnet-50", "odd", "broken"]
    with pytest.raises(ServerError, match=words) as caught:
        ask_model(coco.dataset(), url, model)
    assert "\n" not in str(caught.value)


def test_no_server_is_one_sentence_that_says_how_to_start_it(coco: CocoFolder) -> None:
    with pytest.raises(ServerError, match="make serve"):
        ask_model(coco.dataset(), "http://127.0.0.1:9", "resnet-50")
    with pytest.raises(ServerError, match="does not list its models"):
        served_model("http://127.0.0.1:9")


def test_the_served_name_is_asked_for(server: Server) -> None:
    url, handler = server
    assert served_model(url) == "resnet-50"
    handler.models = ["resnet-50", "efficientnet-lite0"]
    with pytest.raises(ServerError, match=r"serves 2 models \(resnet-50, efficientnet-lite0\); name one with --model"):
        served_model(url)


def test_the_plots_say_which_classes_come_up_and_how_sure_the_model_is(sample: Exploration) -> None:
    answers = pd.DataFrame(
        {
            "image_row": sample.images.index,
            "rank": 1,
            "class_id": 0,
            "label": [LABELS[n % 3] for n in range(len(sample.images))],
            "score": 1 - sample.images["n_boxes"].rank(pct=True).to_numpy() * 0.9,
            "problem": "",
        }
    )
    best = best_answers(sample, answers)
    assert best["near"].mean() == pytest.approx(2 / 3)
    assert "3 different best answers; 67% of photos" in plot_answers(sample, answers).sentence
    sentence = plot_confidence(sample, answers).sentence
    assert "falls (Spearman's rho -1.00" in sentence
    assert f"median best score is {answers['score'].median():.2f}" in sentence


def test_the_words_near_protective_dress_match_whole_beginnings() -> None:
    labels = pd.Series(["gasmask, respirator, gas helmet", "chiton, coat-of-mail shell", "lab coat", "muskrat"])
    assert near_ppe(labels).to_list() == [True, False, True, False]
