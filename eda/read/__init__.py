"""Read annotation files: their text, their numbers, the folders' layouts and the photos' names."""
