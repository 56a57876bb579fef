"""`expt note REF TEXT`: what people say of a run, in its `labels.json`."""

from expt.cli.tag import write_note as main

__all__ = ["main"]
