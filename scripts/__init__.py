"""What an operator runs: build an archive, serve it, manage models, ask for a prediction.

Each module with a `main` is a command: `python -m scripts.<name> --help`. The Makefile calls them.
"""
