"""What can be read of runs whose archives may be damaged: none of them keeps back the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expt.exchange.foreign import safe_part
from expt.ground.errors import ReadingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from expt.reading.run import Run


def write_each(runs: Iterable[Run], write: Callable[[Run], object]) -> tuple[list[Run], list[str]]:
    """The runs that `write` wrote, and a sentence for each that cannot be read.

    Raises `ReadingError` or `OSError` where that is every one, and what else `write` raises.
    """
    written: list[Run] = []
    failures: list[ReadingError | OSError] = []
    told: list[str] = []
    for run in runs:
        try:
            write(run)
        except ReadingError as error:
            failures.append(error)
            told.append(f"run {run.short_id}, which cannot be read: {error.what}")
        except OSError as error:
            if not str(error.filename or "").startswith(f"{run.path}/"):
                raise
            failures.append(error)
            told.append(f"run {run.short_id}, which cannot be read: {error.strerror}")
        else:
            written.append(run)
    if failures and not written:
        raise failures[0]
    return written, told


def parts_of_place(run: Run) -> list[str]:
    """Folders that a run goes to in another's folder: its file, its function, its archive."""
    place, _, function = run.experiment.partition("::")
    parts = [*place.removesuffix(".py").split("/"), function, run.path.name]
    return [*filter(None, map(safe_part, parts))]


def held_series(run: Run) -> dict[str, dict[str, Any]]:
    """The summaries of the series, and of the numbers inside of structured ones, that the archive's
    files have: where files were lost, `run.json` lists more."""
    return {name: about for name, about in run.listed_series.items() if name in run.series}


def known_environment(run: Run) -> dict[str, Any]:
    """The run's environment, empty where that cannot be read."""
    try:
        return run.environment
    except ReadingError:
        return {}


def git_of(run: Run) -> dict[str, Any]:
    """What the environment says of git, empty where that is nothing."""
    git = known_environment(run).get("git")
    return git if isinstance(git, dict) else {}
