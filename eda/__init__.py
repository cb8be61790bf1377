"""CPPE-5, explored: load, check, measure, plot, report (see docs/eda.md)."""

import handler  # noqa: F401 - turns off the telemetry of packages before one is imported
