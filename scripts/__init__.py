"""The operator's commands; `python -m scripts --help` lists them. Each sub-package has one job."""
