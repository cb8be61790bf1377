"""The rules that need the features of a model; `eda.check.embedding_rules` applies them."""

from eda.check.rule import Rule

EMBEDDING_RULES: dict[str, Rule] = {
    "photo-similar": Rule(
        "warning",
        "An altered copy of another photo in its split",
        "Look at the pair; drop one, it counts almost twice.",
        "a neighbour in the model's features, whose pixels align with a correlation of 0.8 or more: cropped, mirrored, "
        "re-encoded, brighter",
    ),
    "leak-similar": Rule(
        "error",
        "An altered copy of a photo in another split",
        "Look at the pair; drop it from train, otherwise the test score is inflated.",
        "as above, across splits",
    ),
    "photo-same-scene": Rule(
        "info",
        "Probably two photos of one scene in a split",
        "Look at the pair; keep both in one split.",
        "similarity of the features unusual for nearest neighbours (robust z above 3.5), pixels that do not align",
    ),
    "leak-same-scene": Rule(
        "warning",
        "Probably photos of one scene in two splits",
        "Look at the pair; move one, so that the scene is in one split.",
        "as above, across splits",
    ),
    "photo-outlier": Rule(
        "info",
        "A photo unlike all others",
        "Look whether it belongs here; if it does, collect more like it.",
        "robust z of the mean distance to the 5 nearest images in the model's features above 3.5",
    ),
    "box-class-doubtful": Rule(
        "warning",
        "A box that looks like another class",
        "Look at it; its label is likely wrong.",
        "cross-validated logistic regression on the model's features: another class is more probable by 0.5",
    ),
}
