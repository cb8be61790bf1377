"""Asks which known vulnerabilities the pinned packages have."""
