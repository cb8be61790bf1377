"""Sends traffic to a server and measures the responses."""
