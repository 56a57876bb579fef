"""Experiments that are left out: by `@expt.mark.skip` and `skipif`, or because nothing can tell."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from expt.ground.errors import PlanningError
from expt.parameters.coercion.plain import shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from expt.ground.declarations import Mark
    from expt.ground.errors import ExptError
    from expt.ground.model import Case
    from expt.planning.binding import Binding


def tell_left_out(ids: Sequence[str], mistake: ExptError) -> str:
    """The note on experiments that cannot be planned and that were perhaps never meant."""
    return f"{', '.join(ids)}: left out, since nothing tells whether it is meant\n{mistake}"


def tell_needed(added: Collection[Case], cases: Iterable[Case]) -> list[str]:
    """The notes on cases that were not selected, and that others need."""
    everyone = [*cases, *added]
    counts = Counter(case.experiment.id for case in added)
    notes = []
    for id_, count in counts.items():
        ids = {case.id for case in added if case.experiment.id == id_}
        askers = dict.fromkeys(
            case.experiment.id
            for case in everyone
            if any(ids.intersection(needed) for needed in case.needs.values())
        )
        told = "added" if count == 1 else f"{count} cases are added"
        verb = "needs" if len(askers) == 1 else "need"
        notes.append(f"{id_}: {told}, since {' and '.join(askers)} {verb} it")
    return notes


def skip_reason(binding: Binding) -> str | None:
    """Why `@expt.mark.skip` or a true `@expt.mark.skipif` leaves the experiment out.

    Raises `PlanningError` for a condition that is no bool, and for an argument that means nothing.
    """
    place = str(binding.function.place)
    for mark in binding.marks:
        if mark.name == "skip":
            return str(_read_arguments(mark, ("reason",), place).get("reason", ""))
        if mark.name == "skipif":
            given = _read_arguments(mark, ("condition", "reason"), place)
            if _is_true(given, place):
                return str(given.get("reason", ""))
    return None


def _read_arguments(mark: Mark, names: Sequence[str], place: str) -> dict[str, Any]:
    for name in mark.kwargs:
        if name not in names:
            takes = f"it takes {' and '.join(names)}"
            raise PlanningError(f"@expt.mark.{mark.name} has no argument '{name}'", place, takes)
    return {**dict(zip(names, mark.args, strict=False)), **mark.kwargs}


def _is_true(given: dict[str, Any], place: str) -> bool:
    """Whether a condition is true. Any text would be, and any function that nobody called."""
    if "condition" not in given:
        raise PlanningError("@expt.mark.skipif needs a condition", place)
    condition = given["condition"]
    is_numpys = type(condition).__module__ == "numpy" and type(condition).__name__.startswith(
        "bool"
    )
    if isinstance(condition, bool) or is_numpys:
        return bool(condition)
    hint = "write bool(...) around it"
    if isinstance(condition, str):
        hint = "leave out the quotes: a text is never evaluated"
    elif callable(condition):
        hint = "call it: condition()"
    raise PlanningError(
        f"the condition of @expt.mark.skipif must be a bool, not {shown(condition)}", place, hint
    )
