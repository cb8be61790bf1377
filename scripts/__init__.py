"""The operator's commands; `python -m scripts --help` lists them. Each sub-package has one job."""

import handler  # noqa: F401 - turns off the telemetry of packages before one is imported
