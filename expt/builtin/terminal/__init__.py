"""What a person sees while a session works: a plugin on the parent's public hooks.

    plugin      the hooks; what is known of the session; when something is drawn
    lines       finished and failed runs, the summary, as text
    region      the live lines at the bottom of a terminal
    running     a run that goes on: its progress, its latest values, its output
    tracebacks  `--tb`

Lines go to any stream at once. Only a real terminal has a region below them that is drawn again,
four times a second at most: in one write that erases nothing that stays, so that it cannot
flicker, and only for what has lasted that long, so that short runs cost a line each.
"""

from expt.builtin.terminal.plugin import Terminal

__all__ = ["Terminal"]
