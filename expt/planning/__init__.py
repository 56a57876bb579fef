"""Experiments and options → Plan, and what a worker needs to run its cases."""

from expt.planning.bound import BoundExperiment
from expt.planning.planner import Planner

__all__ = ["BoundExperiment", "Planner"]
