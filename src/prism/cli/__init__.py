"""The command `prism`: one file per group of commands, loaded when it is used."""

from prism.cli.main import main

__all__ = ["main"]
