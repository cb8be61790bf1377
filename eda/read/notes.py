"""What was noticed while a data set was read: it becomes findings."""

from dataclasses import dataclass, field

from eda.dataset import Note


@dataclass
class Counted:
    """Rows that break one rule in one split; the first one gives the example."""

    example: str
    count: int = 0
    image_rows: list[int] = field(default_factory=list)
    box_rows: list[int] = field(default_factory=list)

    @property
    def message(self) -> str:
        return self.example if self.count == 1 else f"{self.count:,} of them, such as {self.example}"


class Notes:
    """Collects what was noticed: one note for each rule and split, whatever the number of rows."""

    def __init__(self) -> None:
        self._counted: dict[tuple[str, str], Counted] = {}
        self._single: list[Note] = []

    def add(self, note: Note) -> None:
        self._single.append(note)

    def count(self, rule: str, split: str, example: str, *, image: int | None = None, box: int | None = None) -> None:
        """Count a row that breaks a rule: an image, a box or neither."""
        counted = self._counted.setdefault((rule, split), Counted(example))
        counted.count += 1
        counted.image_rows += [] if image is None else [image]
        counted.box_rows += [] if box is None else [box]

    def all(self) -> tuple[Note, ...]:
        counted = (
            Note(rule, split, rows.message, image_rows=tuple(rows.image_rows), box_rows=tuple(rows.box_rows))
            for (rule, split), rows in self._counted.items()
        )
        return (*self._single, *counted)
