"""The page that a browser gets at a model's address: its files, and how they become one document."""
