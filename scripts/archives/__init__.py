"""Reads archives and says which of them may be served."""
