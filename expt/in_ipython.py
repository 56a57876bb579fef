"""`%load_ext expt` in IPython and Jupyter: `%expt …` does what the command does.

    line ─► the command, in a process of its own ─► what it shows, as it shows it

A kernel has threads and the user's modules, and the command forks: hence the process. In a terminal
it has the terminal, live; a notebook gets its text in colour.
"""

from __future__ import annotations

import codecs
import os
import shlex
import signal
import subprocess
import sys
from typing import Any, Final

from expt.ground.errors import ExitCode

_WIDTH: Final = "110"  # columns of a notebook's cell
_CHUNK: Final = 1 << 16


def load_ipython_extension(shell: Any) -> None:
    """Have `%expt`; `shell` is what IPython hands to an extension."""

    def expt(line: str) -> None:
        """Run the command expt: `%expt experiments/ -k train -p lr=0.1`, `%expt show latest`.

        `{name}` and `$name` are variables of the notebook; `_exit_code` is the command's.
        """
        shell.user_ns["_exit_code"] = run_line(line)

    shell.register_magic_function(expt, magic_kind="line", magic_name="expt")


def unload_ipython_extension(shell: Any) -> None:
    """Take `%expt` away again."""
    shell.magics_manager.magics["line"].pop("expt", None)


def run_line(line: str) -> int:
    """Run `expt LINE` and show what it shows; its exit code."""
    try:
        words = shlex.split(line)
    except ValueError as error:  # an open quote
        sys.stdout.write(f"error: {error}\n")
        return int(ExitCode.USAGE)
    command = [sys.executable, "-m", "expt", *words]
    if _is_terminal():
        return _wait(subprocess.Popen(command))
    environ = {"FORCE_COLOR": "1", "COLUMNS": _WIDTH, **os.environ}
    process = subprocess.Popen(
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # an interrupt of the kernel is passed on, once
    )
    return _wait(process)


def _is_terminal() -> bool:
    try:
        return os.isatty(sys.stdout.fileno())
    except (AttributeError, OSError, ValueError):  # of a kernel
        return False


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Show what comes until the end; interrupts are passed on, and the third one kills."""
    with process:
        try:
            return _show(process)
        except BaseException:  # as the limit that a cell has
            process.terminate()
            raise


def _show(process: subprocess.Popen[bytes]) -> int:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    interrupts = [signal.SIGINT, signal.SIGINT, signal.SIGKILL]
    while True:
        try:
            while process.stdout is not None:
                chunk = os.read(process.stdout.fileno(), _CHUNK)
                sys.stdout.write(decoder.decode(chunk, final=not chunk))
                sys.stdout.flush()
                if not chunk:
                    break
            return process.wait()
        except KeyboardInterrupt:
            if process.stdout is not None:  # in a terminal it has heard of it
                process.send_signal(interrupts.pop(0) if interrupts else signal.SIGKILL)
