"""`expt report`: the page of runs, frozen in one file that opens from disk with no network."""

from expt.cli.view import report as main

__all__ = ["main"]
