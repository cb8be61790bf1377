"""Talks to a running server: the inference API and the management API."""
