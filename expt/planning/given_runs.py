"""Archived runs that experiments are given: decided at planning, opened when a case runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from expt.ground.errors import PlanningError
from expt.parameters.coercion.annotations import wants_run

if TYPE_CHECKING:
    from expt.ground.model import PinnedRun
    from expt.parameters.coercion.fitting import Convert


class GivenRuns(Protocol):
    """The archives of the session's root, for experiments that are given a run."""

    def pin(self, reference: str, /) -> PinnedRun:
        """The run that a reference names. Raises `ReadingError`."""

    def open(self, value: str, /) -> Any:
        """The run of `PinnedRun.value`. Raises `ReadingError`."""


class PinnedRuns:
    """Which run each reference names, the same for all cases of a session."""

    def __init__(self, runs: GivenRuns | None) -> None:
        self._runs = runs
        self._pinned: dict[str, PinnedRun] = {}

    def pin(self, reference: str) -> PinnedRun:
        """The run that a reference names. Raises `PlanningError` where none can be given."""
        if reference not in self._pinned:
            if self._runs is None:
                raise PlanningError("no runs can be given to experiments here")
            self._pinned[reference] = self._runs.pin(reference)
        return self._pinned[reference]

    def forget(self) -> None:
        """Look anew: there may be newer runs."""
        self._pinned.clear()

    def opening(self, convert: Convert | None) -> Convert:
        """`convert`, with runs opened where they are asked for."""

        def open_or_convert(value: Any, annotation: Any) -> Any:
            if self._runs is not None and isinstance(value, str) and wants_run(annotation):
                return self._runs.open(value)
            return None if convert is None else convert(value, annotation)

        return open_or_convert
