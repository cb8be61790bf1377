"""`model.json`: the one thing the handler reads to know its model."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

FILE_NAME = "model.json"
ONNX_PROGRAM = "program.onnx"
TORCH_PROGRAM = "program.pt2"
PROOF = "proof.npz"  # normalised images, and their logits by precision: see handler/engines/proof.py
REFERENCE = "reference.npz"  # distributions that images are compared with: see handler/drift/reference.py
CLASSIFIER = "classifier.npy"  # float32 weights (classes, C) of the linear layer that makes logits of the features

# What a program returns, by name; the first always.
LOGITS = "logits"  # (N, classes)
FEATURES = "features"  # (N, C): what the network's last linear layer reads
FEATURE_MAP = "feature_map"  # (N, C, H, W): its average over all places is the features

PrecisionName = Literal["float32", "bfloat16", "int8"]
ScoresName = Literal["softmax", "sigmoid"]
ChannelOrder = Literal["RGB", "BGR"]


@dataclass(frozen=True)
class InputSpec:
    """How a photo becomes the network's input; read from the source's preprocessor config, never assumed.

    Args:
        resize: in pixels. `{"shortest_edge": n}` keeps the photo's shape; with `longest_edge` no edge is longer, and
            with `divisor` both are multiples of it. `{"max_height": h, "max_width": w}` keeps it too, in the largest
            size that fits. `{"height": h, "width": w}` does not keep it, and `{}` does not resize.
        crop: (height, width) cut from the centre afterwards, in pixels, filled up with black; None for no crop.
        interpolation: torch's name of the resize filter, such as `bicubic`, or Pillow's `box` or `hamming`.
        rescale: factor from 0..255 to the range that `mean` and `std` are given in.
        mean: one a channel, in the network's order, subtracted after rescaling.
        std: one a channel, in the network's order, divided by after that.
        channels: the network's order, `RGB` or `BGR`.
    """

    resize: dict[str, int]
    crop: tuple[int, int] | None
    interpolation: str
    rescale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    channels: ChannelOrder = "RGB"

    @property
    def short_side(self) -> int | None:
        """Pixels that a photo's short side is resized to, at most; None where it is not resized."""
        return max(self.resize.values(), default=None)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the network's input in pixels."""
        return self.crop or (self.resize["height"], self.resize["width"])


@dataclass(frozen=True)
class Agreement:
    """How far a precision changes the predictions of float32, measured at build time on held-out images.

    Args:
        precision: what was compared.
        engine: which engine computed it, or `emulated`.
        images: where the images are from.
        held_out: how many inputs were compared: the held-out images and crops of them.
        top_1_kept: share of them whose top-1 class stays; of sigmoid scores, also whose classes of at least 0.5 stay.
        confident: how many of them float32 gives a confidence of at least 0.5.
        confident_top_1_kept: such a share of those.
        top_5_kept: share of all whose top-5 classes stay, in any order.
        score_change_mean: mean over the held-out inputs of the largest change of a score.
        score_change_p95: 95th percentile of that change.
        accepted: whether that is enough for a worker to choose the precision by itself.
    """

    precision: PrecisionName
    engine: str
    images: str
    held_out: int
    top_1_kept: float
    confident: int
    confident_top_1_kept: float
    top_5_kept: float
    score_change_mean: float
    score_change_p95: float
    accepted: bool


@dataclass(frozen=True)
class Manifest:
    """The model as its archive tells it.

    Args:
        name: the served name.
        version: the served version.
        source: of the weights: a Hub id with its revision, a directory, or the packages of the fallback model.
        licence: the licence as the source states it, or "unknown".
        fallback: whether this is the fallback model, served because the Hub could not be reached.
        weights_sha256: SHA-256 of the source's weights file.
        programs: SHA-256 of each program in the archive, of what proves it and of the reference, by file name.
        labels: class names in index order; repeats are allowed (ImageNet-1k has two cranes).
        input: how an image becomes the network's input.
        built_with: versions of the packages that built it.
        fingerprint: SHA-256 of all inputs of the build; an archive with the same fingerprint is up to date.
        precision: of `program.onnx`: float32 or int8.
        requires_vnni: whether `program.onnx` needs a CPU with VNNI.
        agreement: what was measured of the other precisions.
        scores: how logits become scores: the softmax of all classes, or the sigmoid of each.
        outputs: what the programs return, in order: LOGITS, and FEATURES and FEATURE_MAP where the network has them.
    """

    name: str
    version: str
    source: str
    licence: str
    fallback: bool
    weights_sha256: str
    programs: dict[str, str]
    labels: tuple[str, ...]
    input: InputSpec
    built_with: dict[str, str]
    fingerprint: str
    precision: PrecisionName = "float32"
    requires_vnni: bool = False
    agreement: tuple[Agreement, ...] = ()
    scores: ScoresName = "softmax"
    outputs: tuple[str, ...] = (LOGITS,)

    def accepts(self, precision: PrecisionName, engine: str) -> bool:
        """Whether a precision was measured in an engine and changes little enough."""
        return any(found.accepted for found in self.agreement if (found.precision, found.engine) == (precision, engine))

    def to_json(self, **more: object) -> str:
        """Return the text of `model.json`, with further members where it describes a served model."""
        return json.dumps(dataclasses.asdict(self) | more, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Read the text of `model.json`.

        Raises:
            ValueError: the text is no manifest.
        """
        try:
            fields: dict[str, Any] = json.loads(text)
            spec = fields.pop("input")
            for name in ("crop", "mean", "std"):
                spec[name] = tuple(spec[name]) if spec[name] is not None else None
            labels = tuple(fields.pop("labels"))
            fields.pop("quantisation", None)  # of archives before OpenVINO
            agreement = tuple(Agreement(**found) for found in fields.pop("agreement", ()))
            outputs = tuple(fields.pop("outputs", (LOGITS,)))  # older archives do not say
            return cls(input=InputSpec(**spec), labels=labels, agreement=agreement, outputs=outputs, **fields)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{FILE_NAME} is not a manifest of this project: {error!r}") from error


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
