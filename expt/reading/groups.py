"""`runs.group_by("lr")`: runs that share values, and the mean and spread of what they found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar, overload

from expt.ground.encoding import dumps, to_json
from expt.ground.spread import is_number, spread_of
from expt.reading.fields import FIELDS, MISSING, field_value, leaf_values, sort_key, unknown_field
from expt.reading.tables import Table

if TYPE_CHECKING:
    from expt.ground.spread import Spread
    from expt.reading.run import Run

M = TypeVar("M", bound="Sequence[Run]")
STATISTICS: Final = ("mean", "std", "min", "max")
_PARTS: Final = ("results", "last")


class Group(NamedTuple, Generic[M]):
    """Runs that have the same `values`, a name that they lack being left out of these."""

    values: Mapping[str, Any]
    runs: M

    def statistics(self, part: str) -> dict[str, Spread]:
        """Name → mean, std, min and max of the numbers in `results` or `last` of the runs.

        `std` has n - 1 below it, and is None for one run. A run without a number there is left
        out, and so are truth values.
        """
        found: dict[str, list[float]] = {}
        for run in self.runs:
            for name, value in leaf_values(getattr(run, part)):
                if is_number(value):
                    found.setdefault(name, []).append(value)
        return {name: spread_of(numbers) for name, numbers in found.items()}

    def outline(self) -> dict[str, Any]:
        """Strict JSON with tags: `{"group", "n", "results", "last"}`."""
        told: dict[str, Any] = {"group": dict(self.values), "n": len(self.runs)}
        told |= {part: self.statistics(part) for part in _PARTS}
        outline: dict[str, Any] = to_json(told)
        return outline


class Groups(Sequence[Group[M]]):
    """The groups of `Runs.group_by`, by their values; `for values, runs in groups`."""

    def __init__(self, names: Sequence[str], groups: Iterable[Group[M]]) -> None:
        self.names = tuple(names)
        self._groups = tuple(groups)

    @overload
    def __getitem__(self, index: int) -> Group[M]: ...
    @overload
    def __getitem__(self, index: slice) -> Groups[M]: ...
    def __getitem__(self, index: int | slice) -> Group[M] | Groups[M]:
        if isinstance(index, slice):
            return Groups(self.names, self._groups[index])
        return self._groups[index]

    def __len__(self) -> int:
        return len(self._groups)

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def table(self) -> Table:
        """A row a group: the values, `n`, and `results.x.mean`, `.std`, `.min`, `.max`.

        Where no run has a number as a result, the last values of the series stand for them.
        """
        part = self.part()
        rows: list[dict[str, Any]] = []
        columns: dict[str, None] = {}
        for group in self:
            row: dict[str, Any] = {**group.values, "n": len(group.runs)}
            for name, spread in group.statistics(part).items():
                row |= {f"{part}.{name}.{what}": spread[what] for what in STATISTICS}
            columns.update(dict.fromkeys(row.keys() - set(self.names) - {"n"}))
            rows.append(row)
        found = [name for row in rows for name in row if name in columns]
        return Table((*self.names, "n", *dict.fromkeys(found)), tuple(rows))

    def part(self) -> str:
        """`results`, or `last` where no run has a number among its results."""
        return next((part for part in _PARTS if any(g.statistics(part) for g in self)), "results")


def group_runs(runs: M, names: Sequence[str], make: Callable[[list[Run]], M]) -> Groups[M]:
    """The runs by their values of `names`, whatever type these have; `make` gathers members.

    1 and 1.0 are one value, and neither is True. Raises `UsageError` for a name that no run has.
    """
    members: dict[tuple[str, ...], list[Run]] = {}
    values: dict[tuple[str, ...], dict[str, Any]] = {}
    for run in runs:
        found = {name: field_value(run, name) for name in names}
        key = tuple(spelled(value) for value in found.values())
        members.setdefault(key, []).append(run)
        values.setdefault(key, found)
    for name in names:
        if name not in FIELDS and all(found[name] is MISSING for found in values.values()) and runs:
            raise unknown_field(runs, name)
    ordered = sorted(members, key=lambda key: [sort_key(value) for value in values[key].values()])
    return Groups(
        names,
        (
            Group({n: v for n, v in values[key].items() if v is not MISSING}, make(members[key]))
            for key in ordered
        ),
    )


def spelled(value: Any) -> str:
    """A text that two values share where they are the same; 1 and 1.0 are."""
    if value is MISSING:
        return ""
    if type(value) is float and value.is_integer():
        value = int(value)
    return dumps(_sorted(value))


def _sorted(value: Any) -> Any:
    """A table with its keys in order, which say nothing."""
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value, key=repr)}
    return [_sorted(item) for item in value] if isinstance(value, (list, tuple)) else value
