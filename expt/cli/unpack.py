"""`expt unpack FILE`: what `expt pack` wrote, back below the archive root."""

from expt.cli.pack import unpack as main

__all__ = ["main"]
