"""Replaces one version of a model by another without losing a request."""
