"""The command line, `python -m scripts`: one thin module per group of commands."""
