"""Scores become what the client asked for."""

import json
import math

import pytest
import torch

from handler.protocols import kserve_v1, native
from handler.protocols.encoding import encode_response
from handler.protocols.media_types import JSON, TEXT
from handler.protocols.predictions import Predictions, predictions_of

LABELS = ("cat", "crane", "Hündin", "crane")
SCORES = torch.tensor([0.1, 0.2, 0.5, 0.2])


def top(top_k: int = 4, threshold: float = 0.0) -> Predictions:
    return predictions_of(SCORES, top_k, threshold, LABELS)


def test_best_first_and_ties_in_index_order() -> None:
    assert [prediction["class_id"] for prediction in top()] == [2, 1, 3, 0]


@pytest.mark.parametrize("top_k", [1, 2, 3, 4, 5])
def test_a_score_that_is_no_number_hides_no_other(top_k: int) -> None:
    scores = torch.tensor([0.1, math.nan, 0.9, 0.3])
    found = predictions_of(scores, top_k, 0.0, LABELS)
    assert [prediction["class_id"] for prediction in found] == [2, 3, 0][:top_k]


def test_threshold_keeps_what_reaches_it() -> None:
    assert [prediction["class_id"] for prediction in top(threshold=0.2)] == [2, 1, 3]
    assert top(threshold=0.9) == []


def test_json_is_compact_and_keeps_unicode() -> None:
    body = encode_response([top(1)], JSON, native.to_document)
    assert body == '[{"class_id":2,"label":"Hündin","score":0.5}]'.encode()


def test_instances_get_predictions() -> None:
    document = json.loads(encode_response([top(1), top(2)], JSON, kserve_v1.to_document))
    assert [len(image) for image in document["predictions"]] == [1, 2]


@pytest.mark.parametrize(("images", "text"), [(1, "Hündin\ncrane\n"), (2, "Hündin\ncrane\n\nHündin\ncrane\n")])
def test_text_is_the_names_alone(images: int, text: str) -> None:
    assert encode_response([top(2)] * images, TEXT, native.to_document).decode() == text


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n", "\v", "\f", "\x1e", "\x85", "\u2028"])
def test_a_label_with_line_ends_stays_on_its_line(end: str) -> None:
    labels = (f"two{end}lines{end}", "a\ttab")
    predictions = predictions_of(torch.tensor([0.9, 0.1]), 2, 0.0, labels)
    first, second = encode_response([predictions], TEXT, native.to_document).decode().splitlines()
    assert (first.split(), second) == (["two", "lines"], "a\ttab")
    assert json.loads(encode_response([predictions], JSON, native.to_document))[0]["label"] == labels[0]
