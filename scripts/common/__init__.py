"""Shared by all commands: errors, signals, waiting, progress and paths."""
