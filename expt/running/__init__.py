"""One case → one Outcome. It is handed what it may call; it does not look for it."""

from expt.running.case import Surroundings, run_case
from expt.running.failure import describe_error
from expt.running.outcomes import write_dead_outcome
from expt.running.scopes import SessionScope
from expt.running.session_files import SessionFiles
from expt.running.supplies import RunInfo

__all__ = [
    "RunInfo",
    "SessionFiles",
    "SessionScope",
    "Surroundings",
    "describe_error",
    "run_case",
    "write_dead_outcome",
]
