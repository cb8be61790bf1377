"""Every plot: from an Exploration to a figure and the sentence that says what it shows."""
