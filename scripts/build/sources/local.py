"""Checks and loads a Hugging Face image-classification directory.

Labels, input size and normalisation come from its files.
"""

import json
import re
from pathlib import Path
from typing import Any

from handler.manifest import InputSpec
from scripts.build.sources.source import Origin, SourceModel
from scripts.common.errors import CommandError

CONFIG = "config.json"
PREPROCESSOR = "preprocessor_config.json"
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
        licence=_licence(directory),
        fallback=False,
        weights=weights_of(directory),
        directory=directory,
    )


def weights_of(directory: Path) -> tuple[Path, ...]:
    """Return the safetensors files of a directory, in name order."""
    return tuple(sorted(directory.glob("*.safetensors")))


def check(directory: Path) -> None:
    """Check the small files of a directory before the large ones are loaded.

    Raises:
        CommandError: a file is missing or wrong; the message says what to do.
    """
    if not directory.is_dir():
        raise CommandError(f"{directory} is not a directory: name a Hugging Face model directory with MODEL=")
    config = _read_json(directory, CONFIG)
    architecture = (config.get("architectures") or ["none"])[0]
    if not str(architecture).endswith("ForImageClassification"):
        raise CommandError(f"{directory} holds {architecture}, not an image classifier: name another directory")
    labels = config.get("id2label")
    if not isinstance(labels, dict) or not labels or sorted(labels, key=str) != sorted(map(str, range(len(labels)))):
        raise CommandError(
            f'{directory / CONFIG} has no complete label map: add "id2label" with a name for every class from 0 on'
        )
    _read_json(directory, PREPROCESSOR)
    if not weights_of(directory):
        pickles = [path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in directory.glob(pattern)]
        found = f"only pickles ({', '.join(pickles)}), which can run code when they are loaded" if pickles else "none"
        raise CommandError(
            f"{directory} needs weights as *.safetensors and has {found}: "
            "save the model again with save_pretrained, which writes safetensors"
        )


def load(directory: Path) -> SourceModel:
    """Load the model and its preprocessing.

    Raises:
        CommandError: the weights do not fit the configuration, or the preprocessing is not supported.
    """
    from transformers import AutoImageProcessor, AutoModelForImageClassification  # noqa: PLC0415 - slow to import
    from transformers.utils import logging  # noqa: PLC0415

    from scripts.build.program import Logits  # noqa: PLC0415 - imports torch

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        model, loading = AutoModelForImageClassification.from_pretrained(
            directory,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # reported below in one sentence
        )
        processor = AutoImageProcessor.from_pretrained(directory)
    except Exception as error:
        raise CommandError(f"{directory} cannot be loaded, are its files complete? {_first_line(error)}") from error
    for kind in ("missing_keys", "mismatched_keys"):
        if loading[kind]:
            first = sorted(map(str, loading[kind]))[0]
            raise CommandError(
                f"the weights in {directory} do not fit its {CONFIG} ({len(loading[kind])} {kind.replace('_', ' ')}, "
                f"such as {first}): the two files come from different models"
            )
    labels = tuple(str(model.config.id2label[index]) for index in range(len(model.config.id2label)))
    return SourceModel(Logits(model).eval(), labels, input_spec(processor))


def input_spec(processor: Any) -> InputSpec:
    """Translate a transformers image processor; the build then proves the translation on images.

    Raises:
        CommandError: its resizing is not supported.
    """
    from torchvision.transforms.functional import pil_modes_mapping  # noqa: PLC0415 - with transformers

    filters = {number: mode for mode, number in pil_modes_mapping.items()}
    size = {key: value for key, value in dict(processor.size or {}).items() if value is not None}
    crop = None
    crop_pct = getattr(processor, "crop_pct", None)
    if "shortest_edge" in size and crop_pct:  # ConvNext crops crop_pct of the resized image, and from 384 on nothing
        edge = int(size["shortest_edge"])
        if edge < 384:
            size, crop = {"shortest_edge": int(edge / crop_pct)}, (edge, edge)
        else:
            size = {"height": edge, "width": edge}
    elif getattr(processor, "do_center_crop", False):
        crop = (int(processor.crop_size["height"]), int(processor.crop_size["width"]))
    square = set(size) == {"height", "width"}
    if not processor.do_resize or not (square or (set(size) == {"shortest_edge"} and crop)):
        raise CommandError(f"{PREPROCESSOR} resizes in a way that is not supported: size {size}, crop {crop}")
    return InputSpec(
        resize=size,
        crop=crop,
        interpolation=filters[int(processor.resample)].value,
        rescale=float(processor.rescale_factor) if processor.do_rescale else 1.0,
        mean=tuple(processor.image_mean) if processor.do_normalize else (0.0, 0.0, 0.0),
        std=tuple(processor.image_std) if processor.do_normalize else (1.0, 1.0, 1.0),
    )


def _read_json(directory: Path, name: str) -> dict[str, Any]:
    try:
        document = json.loads((directory / name).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CommandError(
            f"{directory} has no {name}: name a complete Hugging Face model directory with MODEL="
        ) from error
    except ValueError as error:
        raise CommandError(f"{directory / name} is not JSON ({error}): copy it again") from error
    if not isinstance(document, dict):
        raise CommandError(f"{directory / name} is not a JSON object: copy it again")
    return document


def _licence(directory: Path) -> str:
    """Return the model card's licence, or a reference to the licence file, or "unknown"."""
    card = directory / "README.md"
    if card.is_file() and (match := re.search(r"^license:\s*(\S+)", card.read_text(encoding="utf-8"), re.MULTILINE)):
        return match.group(1)
    files = sorted(path.name for path in directory.glob("LICENSE*"))
    return f"see {files[0]}" if files else "unknown"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
