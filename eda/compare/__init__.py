"""Two data sets side by side: `python -m eda compare A B`."""
