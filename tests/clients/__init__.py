"""Clients that others wrote, in an environment of their own, build/clients: their pins differ from this project's."""

from pathlib import Path

from scripts.common.environments import Environment
from scripts.common.paths import BUILD

ENVIRONMENT = Environment(BUILD / "clients", Path(__file__).with_name("requirements.txt"), "the clients to test with")
