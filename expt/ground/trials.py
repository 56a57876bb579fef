"""The nouns of a search: what it varies and what for, and which trial of it a case is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from expt.ground.value_classes import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping


@frozen
class Dimension:
    """One name of a search's space: an interval, or the values that it may take.

    `kind` is "float", "int" or "choice"; `step` is 0 for an interval without steps.
    """

    name: str
    kind: Literal["float", "int", "choice"]
    low: float = 0
    high: float = 0
    log: bool = False
    step: float = 0
    choices: tuple[Any, ...] = ()
    where: str | None = field(default=None, eq=False)

    @property
    def first(self) -> Any:
        """One of its values."""
        return self.choices[0] if self.kind == "choice" else self.low

    def holds(self, value: Any) -> bool:
        """Whether a value lies in it, and on a step where it has steps."""
        if self.kind == "choice":
            return any(type(value) is type(one) and value == one for one in self.choices)
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return False
        if self.kind == "int" and value != value // 1:  # whole, also where the parameter is a float
            return False
        if not self.low <= value <= self.high:
            return False
        steps = (value - self.low) / self.step if self.step else 0.0
        return abs(steps - round(steps)) < 1e-9 * max(1.0, abs(steps))

    def __str__(self) -> str:
        """`1e-05 to 0.1, log`, `adam or sgd`."""
        if self.kind == "choice":
            return " or ".join(map(str, self.choices))
        step = f", step {self.step:g}" if self.step else ""
        whole = ", whole" if self.kind == "int" else ""
        return f"{self.low:g} to {self.high:g}{whole}{', log' if self.log else ''}{step}"


@frozen
class Objective:
    """What a search is for: a name as `--where` reads it, and which of its values are good."""

    name: str
    direction: Literal["minimize", "maximize"]

    def __str__(self) -> str:
        return f"{self.direction} {self.name}"


@frozen
class SearchTerms:
    """What a search varies, what for, who chooses, and the seed that trials are drawn from."""

    space: tuple[Dimension, ...]
    objectives: tuple[Objective, ...]
    trials: int
    sampler: str = "tpe"
    prune: str | None = None
    seed: int = 0


@frozen
class Pruning:
    """When a trial is hopeless: once the best of its `series` is worse than the bound of a step.

    `bounds` stand for the `steps` of their places and for those up to the next.
    """

    series: str
    direction: Literal["minimize", "maximize"]
    steps: tuple[float, ...]
    bounds: tuple[float, ...]


@frozen
class Trial:
    """Which trial of which search a case is; `by_hand` are the ids of other runs that it counts."""

    study: str
    number: int
    terms: SearchTerms
    pruning: Pruning | None = None
    by_hand: tuple[str, ...] = ()


@frozen
class SpacePoint:
    """A point of a search's space: the values of its names, for the trial of a number.

    With `axes`, the point of a run that there is already, and what it was swept by.
    """

    number: int
    values: Mapping[str, Any]
    axes: Mapping[str, Any] | None = None
    pruning: Pruning | None = None
