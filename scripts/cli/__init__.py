"""The command line, `python -m scripts`: one module for each family of commands, thin over the packages."""
