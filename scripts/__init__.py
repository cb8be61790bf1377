"""What an operator runs. `python -m scripts --help` lists the commands; each sub-package has one job."""
