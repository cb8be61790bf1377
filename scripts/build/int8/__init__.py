"""Packs the CPU's program in 8 bits and measures what that changes."""
