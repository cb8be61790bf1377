"""How well planted faults are found: swapped labels, and altered copies of photos. Nothing is written to the data."""
