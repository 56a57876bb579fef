"""What the command line says of axes, as far as discovery has to know it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from expt.ground.model import Axis, Experiment
    from expt.ground.options import Sweep
    from expt.parameters.sweeps import Together


@frozen
class Swept:
    """What is known before planning.

    `sweeps` are axes, and texts that an annotation may read in more than one way; `groups` are
    names that go in step, `repeat` is the axis that every experiment gets, `fixed` are the names
    that `-p` gives, `experiment_x:name` where it addresses one experiment; `more` says that
    planning will add axes of its own.
    """

    sweeps: tuple[Axis | Sweep, ...] = ()
    groups: tuple[Together, ...] = ()
    repeat: Axis | None = None
    fixed: tuple[str, ...] = ()
    more: bool = False

    @property
    def changes(self) -> bool:
        return bool(self.sweeps or self.repeat or self.fixed or self.more)

    def fixed_for(self, experiment: Experiment) -> list[str]:
        """The fixed names of one experiment, which answers to its bases' names too."""
        names = {"", experiment.id, experiment.name}
        names.update(base.rpartition("::")[2] for base in experiment.extends)
        parts = [text.rpartition(":") for text in self.fixed]
        return [fixed for address, _, fixed in parts if address in names]
