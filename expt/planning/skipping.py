"""`@expt.mark.skip` and `@expt.mark.skipif`: experiments that are planned and not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expt.ground.errors import PlanningError

if TYPE_CHECKING:
    from expt.ground.declarations import Mark
    from expt.planning.binding import Binding


def skip_reason(binding: Binding) -> str | None:
    """Why `@expt.mark.skip` or a true `@expt.mark.skipif` leaves the experiment out."""
    for mark in binding.marks:
        if mark.name == "skip":
            return _reason_of(mark, 0)
        if mark.name == "skipif":
            if not mark.args:
                raise PlanningError(
                    "@expt.mark.skipif needs a condition", str(binding.function.place)
                )
            if any(mark.args[:1]):
                return _reason_of(mark, 1)
    return None


def _reason_of(mark: Mark, position: int) -> str:
    if "reason" in mark.kwargs:
        return str(mark.kwargs["reason"])
    return str(mark.args[position]) if len(mark.args) > position else ""
