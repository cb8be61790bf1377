"""Images and boxes as features of this project's own model: what is alike, stands apart or looks mislabelled."""
