"""The walk-through notebook and its steps."""
