"""Runs one TorchServe process: starts it, waits for it, drains it, keeps its state."""
