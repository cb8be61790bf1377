"""The command line: `python -m scripts --help` lists its commands."""

from scripts.cli.main import main

main(prog_name="python -m scripts")
