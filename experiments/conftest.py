"""What goes with every experiment of the tree: a word on how theory and measurement agree."""

from __future__ import annotations


def analysis_theory(run):
    """Say how far the measured value is from the exact one."""
    if not {"value", "exact", "error"} <= run.results.keys():
        return
    value, exact, error = (run.results[name] for name in ("value", "exact", "error"))
    print(f"{run.description}\nmeasured {value:.5g}, theory {exact:.5g}, off by {error:.2g}")
