"""What the model server's image runs, and the readiness service beside it."""
