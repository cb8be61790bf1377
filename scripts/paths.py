"""Where things lie in a checkout."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
BUILD = PROJECT / "build"
CONFIG = PROJECT / "config"
HANDLER = PROJECT / "handler"
MODEL_STORE = PROJECT / "model_store"
