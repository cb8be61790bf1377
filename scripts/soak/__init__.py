"""Sends good and bad requests for a long time and looks for drift."""
