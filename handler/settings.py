"""The handler's own settings: the `handler:` section of model-config.yaml."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, get_args

from handler.cpus import cpus

EngineSetting = Literal["auto", "onnx", "openvino", "torch"]
PrecisionSetting = Literal["auto", "float32", "bfloat16"]
LargeJpegs = Literal["exact", "scaled"]

MIN_WINDOW = 100  # images: what fewer say of drift is chance


@dataclass(frozen=True)
class Settings:
    """What an operator can set for a model; each field is a key of the `handler:` section.

    Args:
        engine: `onnx`, `openvino` or `torch` force that engine and fail without it; `auto` takes the fastest one on
            this machine, and torch on a GPU.
        precision: `float32` or `bfloat16` force that precision; `auto` takes float32 or, where the machine has
            instructions for it and the archive's manifest accepts it, bfloat16. The 8 bits of an archive that was
            packed so are served with `auto` alone.
        threads: CPU threads of one worker; 0 shares the CPUs this process may use (`cpus`) among the model's workers.
        max_pixels: most pixels of all images of one request together; 64 megapixels is a phone's largest photo.
        max_images: most images in one JSON request; a full batch of such requests must end within responseTimeout.
        max_seconds: most seconds that the images of a request may take to decode and resize, for the same reason.
        large_jpegs: `exact` decodes every JPEG whole, as the source does; `scaled` decodes one that is far larger than
            the model's input smaller, which is up to half the work and moves scores by a few hundredths.
        drift_window: how many of the last images are compared with the archive's reference; 0 for none.
        explanation_seconds: most seconds to explain the images of a batch by occlusion, where the network has no
            feature map to do it at once; 0 for no explanations of such a network.
    """

    engine: EngineSetting = "auto"
    precision: PrecisionSetting = "auto"
    threads: int = 0
    max_pixels: int = 64_000_000
    max_images: int = 16
    max_seconds: int = 4
    large_jpegs: LargeJpegs = "exact"
    drift_window: int = 500
    explanation_seconds: int = 2

    def __post_init__(self) -> None:
        """Refuse values that would only fail later, in the middle of a request."""
        for name, choices in (
            ("engine", get_args(EngineSetting)),
            ("precision", get_args(PrecisionSetting)),
            ("large_jpegs", get_args(LargeJpegs)),
        ):
            if (value := getattr(self, name)) not in choices:
                raise ValueError(f"handler.{name} is {value!r}: set {', '.join(choices[:-1])} or {choices[-1]}")
        for name, least in (
            ("threads", 0),
            ("max_pixels", 1),
            ("max_images", 1),
            ("max_seconds", 1),
            ("explanation_seconds", 0),
        ):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise ValueError(f"handler.{name} is {value!r}: set a whole number of at least {least}")
        window = self.drift_window
        if type(window) is not int or (window and window < MIN_WINDOW):
            raise ValueError(f"handler.drift_window is {window!r}: set 0 or a whole number of at least {MIN_WINDOW}")

    @classmethod
    def from_model_config(cls, model_config: dict[str, Any]) -> "Settings":
        """Read the `handler:` section of a parsed model-config.yaml.

        Raises:
            ValueError: a key that does not exist (TorchServe would ignore it silently) or a value that cannot be.
        """
        section = model_config.get("handler") or {}
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(set(section) - known):
            raise ValueError(f"handler.{unknown[0]} is no setting: use {', '.join(sorted(known))}")
        return cls(**section)


def threads_per_worker(settings: Settings, workers: Any) -> int:
    """Return the CPU threads one worker should use when `workers` of them share this machine.

    TorchServe sets no thread count, and N workers that each take every core are slower than one.

    Raises:
        ValueError: `minWorkers` of a model-config.yaml is no number.
    """
    if type(workers) is not int:
        raise ValueError(f"minWorkers is {workers!r}: set a whole number, or pack the archive with make archive")
    return settings.threads or max(1, cpus() // max(1, workers))
