"""Add embeddings to an exploration where an archive is at hand, or say why there are none."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from eda.embeddings.archives import MODEL_STORE, choose_archive
from eda.explore import Exploration

TOO_FEW = "Too few images can be read to compare them."


def untimed(_step: str) -> AbstractContextManager[None]:
    """Enter nothing."""
    return nullcontext()


def embed(
    exploration: Exploration,
    named: Path | None = None,
    store: Path = MODEL_STORE,
    step: Callable[[str], AbstractContextManager[None]] = untimed,
) -> tuple[Exploration, str]:
    """Return the exploration with embeddings, and "" or why it has none.

    Args:
        exploration: of the data.
        named: the archive; without a name the newest in `store` that returns features.
        store: where to look for it.
        step: entered with the name of each step, to time it.

    Raises:
        ArchiveError: the named archive cannot compute features. Without a name, that is no error.
    """
    archive = choose_archive(named, store)
    if isinstance(archive, str):
        return exploration, archive
    with step("features"):
        from eda.embeddings.explore import add_features, explored_features  # noqa: PLC0415  (torch takes seconds)

        features = explored_features(exploration, archive)
    with step("embed"):
        found = add_features(exploration, features)
    return found, "" if found.embeddings else TOO_FEW
