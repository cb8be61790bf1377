"""The baseline: TorchServe's own `image_classifier` handler on the same network in eager torch, as its manual shows."""

import json
import subprocess
import sys
from pathlib import Path

import torch
import yaml

from scripts.build import archive, workers
from scripts.build.sources.source import SourceModel
from scripts.common.errors import CommandError

NAME = "stock"
# TorchServe makes the class without arguments, and gives the weights to load_state_dict().
MODEL_FILE = '''"""The network as the stock handler wants it: images in, logits out."""

from pathlib import Path

import torch


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.network = torch.load(Path(__file__).with_name("network.pt"), weights_only=False)

    def forward(self, images):
        output = self.network(images)
        return getattr(output, "logits", output)
'''


def pack(model: SourceModel, store: Path, staging: Path) -> Path:
    """Pack the baseline into a model store, with the batches and workers that this project ships.

    Raises:
        CommandError: torch-model-archiver's own message.
    """
    network = getattr(model.network, "model", model.network)  # a transformers model behind our plain function
    torch.save(network, staging / "network.pt")
    torch.save({f"network.{name}": value for name, value in network.state_dict().items()}, staging / "weights.pt")
    (staging / "network.py").write_text(MODEL_FILE, encoding="utf-8")
    names = {str(index): label for index, label in enumerate(model.labels)}
    (staging / "index_to_name.json").write_text(json.dumps(names), encoding="utf-8")
    config = yaml.safe_load(workers.fill_in(archive.MODEL_CONFIG.read_text(encoding="utf-8")))
    del config["handler"]  # only our handler reads it
    (staging / "model-config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command: list[str | Path] = [Path(sys.executable).parent / "torch-model-archiver"]
    command += ["--model-name", NAME, "--version", "1.0", "--handler", "image_classifier"]
    command += ["--model-file", staging / "network.py", "--serialized-file", staging / "weights.pt"]
    command += ["--extra-files", f"{staging / 'network.pt'},{staging / 'index_to_name.json'}"]
    command += ["--config-file", staging / "model-config.yaml", "--export-path", store]
    command += ["--archive-format", "zip-store"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise CommandError(f"the baseline could not be packed: {last}")
    return store / f"{NAME}.mar"
