"""Builds an archive: a model directory in, a .mar out."""
