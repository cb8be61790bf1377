"""Checks and loads a Hugging Face image-classification directory.

Labels, scores, input size and normalisation come from its files.
"""

import re
from pathlib import Path
from typing import Any

from handler.manifest import ScoresName
from scripts.build.sources.files import (
    CONFIG,
    PREPROCESSOR,
    as_transformers_reads,
    check_weights,
    licence_of,
    read_json,
    weights_of,
)
from scripts.build.sources.source import Origin, SourceModel
from scripts.common.errors import CommandError, first_line

SERVED_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def origin_of_directory(directory: Path, name: str) -> Origin:
    """Return the origin of a local directory, served under `name` or the directory's own name.

    Raises:
        CommandError: the directory cannot be built.
    """
    check(directory)
    name = name or directory.resolve().name
    if not SERVED_NAME.fullmatch(name):
        raise CommandError(f"{name!r} cannot be a served name: give one of letters, digits, '.', '_', '-' with NAME=")
    return Origin(
        name=name,
        source=f"directory {directory.resolve().name}",
        licence=licence_of(directory),
        fallback=False,
        weights=weights_of(directory),
        directory=directory,
    )


def check(directory: Path) -> None:
    """Check the small files of a directory before the large ones are loaded.

    Raises:
        CommandError: a file is missing or wrong; the message says what to do.
    """
    if not directory.is_dir():
        raise CommandError(f"{directory} is not a directory: name a Hugging Face model directory with MODEL=")
    config = read_json(directory, CONFIG)
    architectures = config.get("architectures")
    architecture = str(architectures[0]) if isinstance(architectures, list) and architectures else "none"
    if architecture.startswith("TimmWrapper") or ("architecture" in config and "pretrained_cfg" in config):
        raise CommandError(
            f"{directory} is a model of timm, which cannot be packed: it rounds its centre crop otherwise; "
            "name a directory that a class of transformers' own has saved"
        )
    if "ForImageClassification" not in architecture:
        raise CommandError(f"{directory} holds {architecture}, not an image classifier: name another directory")
    if config.get("problem_type") == "regression":
        raise CommandError(
            f"{directory} is a regression (problem_type), whose outputs are no scores of classes: name a classifier"
        )
    if "id2label" in config:  # without it, transformers calls the classes LABEL_0 and so on
        _check_labels(config["id2label"], directory)
    read_json(directory, PREPROCESSOR)
    check_weights(directory)


def _check_labels(labels: object, directory: Path) -> None:
    keys = sorted(map(str, labels)) if isinstance(labels, dict) else []
    numbers = sorted(map(str, range(len(keys))))
    if isinstance(labels, dict) and keys != numbers == sorted(map(str, labels.values())) != []:
        raise CommandError(
            f'{directory / CONFIG} has its label map the wrong way round: "id2label" maps names to numbers; swap them'
        )
    if not keys or keys != numbers:
        raise CommandError(
            f'{directory / CONFIG} has no complete label map: add "id2label" with a name for every class from 0 on'
        )


def load(directory: Path) -> SourceModel:
    """Load the model and its preprocessing.

    Raises:
        CommandError: the weights do not fit the configuration, or the preprocessing is not supported.
    """
    import torch  # noqa: PLC0415 - takes seconds
    from transformers import AutoModelForImageClassification  # noqa: PLC0415 - slow to import
    from transformers.utils import logging  # noqa: PLC0415

    from scripts.build.program import Logits  # noqa: PLC0415 - imports torch
    from scripts.build.sources import processor  # noqa: PLC0415 - imports transformers

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with as_transformers_reads(directory) as copy:
            model, loading = AutoModelForImageClassification.from_pretrained(
                copy,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # reported below in one sentence
                dtype=torch.float32,
            )
            image_processor = processor.load(copy)
    except CommandError:
        raise
    except Exception as error:
        raise CommandError(f"{directory} cannot be loaded, are its files complete? {first_line(error)}") from error
    for kind in ("missing_keys", "mismatched_keys"):
        if loading[kind]:
            first = sorted(map(str, loading[kind]))[0]
            raise CommandError(
                f"the weights in {directory} do not fit its {CONFIG} ({len(loading[kind])} {kind.replace('_', ' ')}, "
                f"such as {first}): the two files come from different models"
            )
    _check_finite(model, directory)
    spec = processor.input_spec(image_processor)
    processor.prove(spec, image_processor)
    return SourceModel(Logits(model).eval(), _labels(model.config), spec, _scores(model.config))


def _check_finite(model: Any, directory: Path) -> None:
    for name, weight in model.state_dict().items():  # with running means
        if not weight.isfinite().all():
            raise CommandError(f"{directory} has NaN or infinity among its weights ({name}): train or copy them again")


def _labels(config: Any) -> tuple[str, ...]:
    """Return the name of every class; one without a name is called as transformers calls it.

    Half of a character, as JSON may have it where a name was cut within an emoji, becomes "?": UTF-8 has no such thing.
    """
    found = (config.id2label[index] for index in range(len(config.id2label)))
    names = ("" if name is None else str(name).encode(errors="replace").decode() for name in found)
    return tuple(name if name.strip() else f"LABEL_{index}" for index, name in enumerate(names))


def _scores(config: Any) -> ScoresName:
    """Return what transformers' pipeline does with the logits."""
    several = config.problem_type == "multi_label_classification"
    return "sigmoid" if several or config.num_labels == 1 else "softmax"
