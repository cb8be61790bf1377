"""Tries image files without a server: what the decoder makes of each, beside a second decoder."""
