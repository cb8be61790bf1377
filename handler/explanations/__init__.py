"""Which part of an image spoke for a class."""
