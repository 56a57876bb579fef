"""What a person sees while a session works: a plugin on the parent's public hooks.

    plugin ─┬─ endings ─ tracebacks    ended runs, failures, the summary; `--tb`
            ├─ live ──── progress      what goes on: each run, the session as a whole
            ├─ output                  what runs print, for `-s`
            ├─ region                  the lines that are drawn again
            └─ nothing_selected        why nothing was selected

Lines go to any stream at once. Only a real terminal has a region below them that is drawn again,
four times a second at most: in one write that erases nothing that stays, so that it cannot
flicker, and only for what has lasted that long, so that short runs cost a line each.
"""

from expt.terminal.plugin import Terminal

__all__ = ["Terminal"]
