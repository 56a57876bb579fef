"""`python -m expt` and the command `expt`."""

from __future__ import annotations

import atexit
import gc
import sys

from expt.cli import main as cli
from expt.ground.signal_handlers import end_at_interrupts, ignore_interrupts


def main() -> None:
    """End the process with the command's exit code, also where its end is interrupted."""
    atexit.register(ignore_interrupts)  # called last, when the interpreter gives up its handlers
    code = cli.main()
    end_at_interrupts(code)
    gc.freeze()  # an interpreter that ends looks through all objects for garbage once more
    sys.exit(code)


if __name__ == "__main__":
    main()
