"""Every plot: an Exploration becomes a figure with a computed caption."""
