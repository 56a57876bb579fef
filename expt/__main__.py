"""`python -m expt` and the command `expt`."""

from __future__ import annotations

import sys

from expt.cli import main as cli


def main() -> None:
    """End the process with the command's exit code."""
    sys.exit(cli.main())


if __name__ == "__main__":
    main()
