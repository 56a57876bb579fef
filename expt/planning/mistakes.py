"""What planning finds wrong: of several experiments, and told at once."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from expt.ground.errors import ExptError, Mistakes
from expt.ground.value_classes import define, field

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from expt.ground.model import Experiment


@define
class MistakesFound:
    """Mistakes of experiments; apart, those of which nothing tells whether they are meant."""

    ids: Container[str]
    sure: list[ExptError] = field(factory=list)
    unsure: dict[str, ExptError] = field(factory=dict)

    @contextlib.contextmanager
    def of(self, experiment: Experiment) -> Iterator[None]:
        """Keep the mistake that planning the experiment is."""
        try:
            yield
        except ExptError as mistake:
            if experiment.id in self.ids:
                self.unsure[experiment.id] = mistake
            else:
                self.sure.append(mistake)


def refuse(mistakes: Iterable[ExptError], *, goes_on: bool) -> list[str]:
    """Raise what was found, once each; where the session goes on after mistakes, tell it."""
    unique = list({str(mistake): mistake for mistake in mistakes}.values())
    if unique and not goes_on:
        raise unique[0] if len(unique) == 1 else Mistakes(unique)
    return [str(mistake) for mistake in unique]
