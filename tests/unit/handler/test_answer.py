"""Scores become what the client asked for."""

import dataclasses
import json

import pytest
import torch

from handler.answer import encode, scores_of, top_classes
from handler.manifest import InputSpec, Manifest
from handler.request import Request

MANIFEST = Manifest(
    name="m", version="1.0", source="s", licence="l", fallback=False, weights_sha256="", programs={},
    labels=("cat", "crane", "Hündin", "crane"),
    input=InputSpec({"shortest_edge": 1}, (1, 1), "bicubic", 1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    built_with={}, fingerprint="",
)  # fmt: skip
SCORES = torch.tensor([[0.1, 0.2, 0.5, 0.2]])
ASKED = Request([b"x"], top_k=4, threshold=0.0, media_type="application/json", instances=False)


def test_best_first_and_ties_in_index_order() -> None:
    assert [best["class_id"] for best in top_classes(SCORES[0], ASKED, MANIFEST.labels)] == [2, 1, 3, 0]


def test_scores_are_a_softmax_in_float32() -> None:
    scores = scores_of(torch.tensor([[1000.0, 0.0]], dtype=torch.bfloat16))
    assert scores.dtype == torch.float32
    assert scores.tolist() == [[1.0, 0.0]]


def test_json_is_compact_and_keeps_unicode() -> None:
    body = encode(SCORES, dataclasses.replace(ASKED, top_k=1), MANIFEST)
    assert body == '[{"class_id":2,"label":"Hündin","score":0.5}]'.encode()


def test_threshold_keeps_what_reaches_it() -> None:
    kept = json.loads(encode(SCORES, dataclasses.replace(ASKED, threshold=0.2), MANIFEST))
    assert [best["class_id"] for best in kept] == [2, 1, 3]
    assert json.loads(encode(SCORES, dataclasses.replace(ASKED, threshold=0.9), MANIFEST)) == []


def test_instances_are_answered_in_their_protocol() -> None:
    asked = dataclasses.replace(ASKED, instances=True, top_k=1)
    document = json.loads(encode(SCORES.repeat(2, 1), asked, MANIFEST))
    assert [len(classes) for classes in document["predictions"]] == [1, 1]


@pytest.mark.parametrize(("images", "text"), [(1, "Hündin\ncrane\n"), (2, "Hündin\ncrane\n\nHündin\ncrane\n")])
def test_text_is_the_names_alone(images: int, text: str) -> None:
    asked = dataclasses.replace(ASKED, media_type="text/plain", top_k=2)
    assert encode(SCORES.repeat(images, 1), asked, MANIFEST).decode() == text
