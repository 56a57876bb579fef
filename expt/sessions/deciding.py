"""What was collected becomes a plan; where a worker dies of a file, perhaps one without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expt.executors.death import PlanningDied
from expt.ground.errors import PlanningError
from expt.ground.messages import PlanRequest
from expt.ground.value_classes import evolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from expt.ground.model import Plan
    from expt.ground.options import Options
    from expt.sessions.crew import Crew
    from expt.sessions.selecting import Collected


def decide_cases(
    crew: Crew, options: Options, collected: Collected, meanwhile: Callable[[], Any] = lambda: None
) -> Plan:
    """The plan of what was collected; `meanwhile` is called while the worker imports.

    Raises `ExptError` for a mistake that nothing allows to go past.
    """
    selected, errors, notes = collected.selected, [*collected.errors], []
    # planning finds the axes again, by the live decorators; those of the source may be lazy
    rest = tuple(evolve(experiment, axes=None) for experiment in selected.experiments)
    while True:
        planning = crew.runner.submit(PlanRequest(rest, selected.unsure))
        meanwhile()
        try:
            plan: Plan = crew.wait_for(planning)
            break
        except PlanningDied as death:
            hit = {experiment.id for experiment in rest if death.concerns(experiment)}
            rest = tuple(experiment for experiment in rest if experiment.id not in hit)
            if not (hit and rest):
                raise
            mistake = PlanningError(death.what, death.at, "while importing this file")
            if hit <= selected.unsure:
                from expt.planning.skipping import tell_left_out  # slow, and few workers die

                notes.append(tell_left_out(sorted(hit), mistake))
            elif options.selection.continue_on_errors:
                errors.append(str(mistake))
            else:
                raise
    return evolve(plan, errors=(*errors, *plan.errors), notes=(*notes, *plan.notes))
