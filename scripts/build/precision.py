"""How the CPU's program is packed: in float32, which may be computed in bfloat16, or in 8 bits."""

import os
from dataclasses import dataclass
from typing import Any, Literal, cast

from scripts.build import folders
from scripts.common.errors import CommandError

PackedPrecision = Literal["float32", "int8"]

# Share of held-out inputs that must keep their top-1 class: in 8 bits for an archive to be packed so, and in bfloat16
# for a worker to choose it for a float32 archive.
MIN_AGREEMENT: dict[PackedPrecision, float] = {"float32": 0.99, "int8": 0.9}


@dataclass(frozen=True)
class Precision:
    """How the CPU's program is packed.

    Args:
        name: `float32` or `int8`.
        calibration: a folder of images to calibrate int8, and to measure what it or bfloat16 changes; "" takes those
            of installed packages.
        min_agreement: share of held-out inputs that must keep their top-1 class; None takes MIN_AGREEMENT's.
    """

    name: PackedPrecision = "float32"
    calibration: str = ""
    min_agreement: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        if self.name not in MIN_AGREEMENT:
            raise CommandError(f"{self.name!r} is no precision: give float32 or int8 with PRECISION=")
        folders.require(self.calibration, "CALIBRATION")

    @classmethod
    def of_environment(cls) -> "Precision":
        """Return what PRECISION, CALIBRATION and MIN_AGREEMENT say, so that every command packs the same.

        Raises:
            CommandError: they say what cannot be.
        """
        given = os.environ.get("MIN_AGREEMENT")
        try:
            min_agreement = float(given) if given else None
        except ValueError as error:
            raise CommandError(f"MIN_AGREEMENT is {given!r}: give a number from 0 to 1") from error
        if min_agreement is not None and not 0 <= min_agreement <= 1:
            raise CommandError(f"MIN_AGREEMENT is {given!r}: give a number from 0 to 1")
        name = os.environ.get("PRECISION") or "float32"
        return cls(cast(Any, name), os.environ.get("CALIBRATION", ""), min_agreement)

    @property
    def threshold(self) -> float:
        """Share of held-out inputs that must keep their top-1 class."""
        return MIN_AGREEMENT[self.name] if self.min_agreement is None else self.min_agreement

    def recipe(self) -> dict[str, object]:
        """Return what a build depends on."""
        return {"precision": self.name, "min agreement": self.threshold, "images": folders.hashes(self.calibration)}
