"""CPPE-5, explored: load, check, measure, plot, report (see docs/eda.md)."""
