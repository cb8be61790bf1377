"""The model's tensors in the Open Inference Protocol. The status service reads this too: it imports nothing else."""

from typing import NamedTuple


class TensorSpec(NamedTuple):
    """A tensor of the model.

    Args:
        name: by which requests and responses call it.
        datatype: as the protocol names it.
        shape: -1 where it varies.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]


INPUT = TensorSpec("image", "BYTES", (-1,))
SCORES = TensorSpec("scores", "FP32", (-1, -1))
CLASS_IDS = TensorSpec("class_ids", "INT64", (-1, -1))
LABELS = TensorSpec("labels", "BYTES", (-1, -1))
ERRORS = TensorSpec("errors", "BYTES", (-1,))
OUTPUTS = (SCORES, CLASS_IDS, LABELS, ERRORS)
