"""Generates the tables in the docs."""
