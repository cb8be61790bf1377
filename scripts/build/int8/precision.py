"""How the CPU's program is packed: in float32, or in 8 bits."""

import os
from dataclasses import dataclass
from pathlib import Path

from handler.manifest import sha256_of
from scripts.common.errors import CommandError

MIN_AGREEMENT = 0.9  # share of held-out inputs that must keep their top-1 class


@dataclass(frozen=True)
class Precision:
    """How the CPU's program is packed.

    Args:
        name: `float32` or `int8`.
        calibration: for int8, a folder of images; "" takes those of installed packages.
        min_agreement: for int8, the share of held-out inputs that must keep their top-1 class.
    """

    name: str = "float32"
    calibration: str = ""
    min_agreement: float = MIN_AGREEMENT

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        if self.name not in ("float32", "int8"):
            raise CommandError(f"{self.name!r} is no precision: give float32 or int8 with PRECISION=")
        if self.calibration and not Path(self.calibration).is_dir():
            raise CommandError(f"there is no folder {self.calibration}: name a folder of images with CALIBRATION=")

    @classmethod
    def of_environment(cls) -> "Precision":
        """Return what PRECISION, CALIBRATION and MIN_AGREEMENT say, so that every command packs the same.

        Raises:
            CommandError: they say what cannot be.
        """
        least = os.environ.get("MIN_AGREEMENT") or MIN_AGREEMENT
        try:
            least = float(least)
        except ValueError as error:
            raise CommandError(f"MIN_AGREEMENT is {least!r}: give a number from 0 to 1") from error
        return cls(os.environ.get("PRECISION") or "float32", os.environ.get("CALIBRATION", ""), least)

    def recipe(self) -> dict[str, object]:
        """Return what a build with it depends on; nothing for float32."""
        if self.name == "float32":
            return {}
        images = sorted(Path(self.calibration).rglob("*")) if self.calibration else []
        hashes = {str(path.relative_to(self.calibration)): sha256_of(path) for path in images if path.is_file()}
        return {"precision": self.name, "min agreement": self.min_agreement, "images": hashes}
