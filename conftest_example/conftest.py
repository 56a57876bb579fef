"""What every experiment of the laboratory has: the counter, and a notebook of what was done.

Providers supply arguments by name. Functions called `expt_…` are hooks, and functions marked
`@expt.on` answer to hook points that the experiments themselves name.
"""

from __future__ import annotations

import csv
from pathlib import Path

from geiger import GeigerCounter

import expt

NOTEBOOK = Path(__file__).with_name("notebook.csv")


@expt.provider(scope="session")
def counter(background: float):
    """The counter, warmed up once for all runs that have the same background."""
    counter = GeigerCounter(background)
    counter.switch_on()
    yield counter
    counter.switch_off()


@expt.provider
def measure(counter, rng, hooks, seconds: float = 10.0):
    """A function from a source's activity to the rate that the counter shows for it."""

    def measure(activity):
        rate = counter.count(activity, seconds, rng) / seconds
        return hooks.filter("rate", rate, counter=counter)

    return measure


@expt.on("rate")
def subtract_background(rate, counter):
    """Every reading has the background taken off before an experiment sees it."""
    return rate - counter.background


@expt.hook
def expt_run_finished(run, case, outcome):
    """Write a line into the notebook, whatever became of the run."""
    with NOTEBOOK.open("a", newline="") as file:
        csv.writer(file).writerow([run.id, case.id, outcome.status, dict(outcome.results)])
