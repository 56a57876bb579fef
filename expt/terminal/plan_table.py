"""`--plan` and `expt params`: what would run, with which values, and where each comes from.

For each experiment first what differs between its cases, a row a case; then what they share, each
value with its origin and the layers that it shadows.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from expt.ground.encoding import to_json
from expt.ground.model import Opaque
from expt.ground.screen import (
    Screen,
    cells,
    column_width,
    fit,
    leaf_values,
    origin_text,
    pad,
    value_table,
    value_text,
)
from expt.ground.text import visible
from expt.parameters import masked_case

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from expt.ground.model import Case, Origin, Plan

_SHOWN: Final = 40  # cases of an experiment without -v
_WIDEST: Final = 24  # columns of a value that differs
_MISSING: Final = object()


def print_plan(
    plan: Plan, stream: TextIO | None, *, verbose: bool, width: int | None = None
) -> None:
    """Write `plan` to `stream` for a person; `width` in columns, by default the stream's own.

    Without `verbose` only the first cases of a long sweep are listed.
    """
    screen = Screen(stream)
    width = screen.width if width is None else width
    lines: list[str] = []
    for cases in _by_experiment([masked_case(case) for case in plan.cases]):
        lines += [*_experiment_lines(screen, cases, verbose, width), ""]
    lines += [f"{screen.paint('note:', 'dim')} {visible(note, lines=True)}" for note in plan.notes]
    lines += [
        f"{screen.paint('warning:', 'warn')} {visible(warning, lines=True)}"
        for warning in plan.warnings
    ]
    lines.append(screen.paint(_total(plan), "bold"))
    screen.write("".join(f"{line}\n" for line in lines))


def print_case(
    case: Case, stream: TextIO | None, *, verbose: bool, width: int | None = None
) -> None:
    """Write one case with its values and their origins; `verbose` adds the fingerprint."""
    screen = Screen(stream)
    width = screen.width if width is None else width
    lines = list(_experiment_lines(screen, [masked_case(case)], verbose, width))
    if verbose and case.fingerprint:
        lines.append(f"  {screen.paint(f'fingerprint {case.fingerprint}', 'dim')}")
    screen.write("".join(f"{line}\n" for line in lines))


def plan_to_json(plan: Plan) -> str:
    """A JSON array of cases on one line, with the tags of `encoding`."""
    return json.dumps([case_to_json(case) for case in plan.cases], allow_nan=False)


def case_to_json(case: Case) -> dict[str, Any]:
    """One case as strict JSON with tags, secrets masked."""
    case = masked_case(case)
    return {
        "id": case.id,
        "experiment": case.experiment.id,
        "case": case.label,
        "description": case.experiment.description,
        "params": _json(case.params),
        "origins": {
            name: [
                {"layer": origin.layer, "where": origin.where, "value": _json(origin.value)}
                for origin in origins
            ]
            for name, origins in case.origins.items()
        },
        "skip": case.skip,
        "fingerprint": case.fingerprint,
    }


def _json(value: Any) -> Any:
    """The tagged form; what cannot be stored as its `repr`."""
    if isinstance(value, Opaque):
        return value.text
    if isinstance(value, dict):
        value = {key: _text_of_opaque(item) for key, item in value.items()}
    return to_json(_text_of_opaque(value))


def _text_of_opaque(value: Any) -> Any:
    if isinstance(value, Opaque):
        return value.text
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return [_text_of_opaque(item) for item in value]
    if isinstance(value, dict):
        return {key: _text_of_opaque(item) for key, item in value.items()}
    return value


# The table


def _by_experiment(cases: Sequence[Case]) -> list[list[Case]]:
    grouped: dict[str, list[Case]] = {}
    for case in cases:
        grouped.setdefault(case.experiment.id, []).append(case)
    return list(grouped.values())


def _experiment_lines(
    screen: Screen, cases: Sequence[Case], verbose: bool, width: int | None
) -> Iterator[str]:
    yield from _head(screen, cases[0], width, len(cases))
    if len(cases) == 1:
        values = leaf_values(cases[0].params, cases[0].origins)
        yield from value_table(screen, values, width=width)
        if cases[0].skip is not None:
            yield f"  {screen.paint(f'skipped: {visible(cases[0].skip)}', 'warn')}"
        return
    differing, shared = _split(cases)
    yield from _case_lines(screen, cases, list(differing), verbose, width)
    chains = [leaf for leaves in differing.values() for leaf in leaves]
    yield from value_table(screen, [*chains, *shared], width=width)


def _head(screen: Screen, case: Case, width: int | None, count: int = 1) -> Iterator[str]:
    node_id = case.id if count == 1 else case.experiment.id
    yield screen.paint(visible(node_id), "bold") + (f"  {count} cases" if count > 1 else "")
    if case.experiment.description:
        text = fit(visible(case.experiment.description), width and width - 2)
        yield f"  {screen.paint(text, 'dim')}"
    for base in case.experiment.extends:
        yield f"  {screen.paint('extends', 'dim')} {visible(base)}"


Leaf = tuple[str, Any, "Sequence[Origin]"]


def _key(value: Any) -> tuple[type, str]:
    """Tells 1, 1.0 and True apart."""
    return type(value), repr(value)


def _split(cases: Sequence[Case]) -> tuple[dict[str, list[Leaf]], list[Leaf]]:
    """By name what differs between the cases, axes first; and what they all share.

    Of what differs there is one leaf for each chain of origins, in place of its value how many
    values there are.
    """
    leaves: dict[str, list[Leaf]] = {name: [] for name in cases[0].axes}
    for case in cases:
        for leaf in leaf_values(case.params, case.origins):
            leaves.setdefault(leaf[0], []).append(leaf)
    differing: dict[str, list[Leaf]] = {}
    shared: list[Leaf] = []
    for name, found in leaves.items():
        values = {_key(value) for _, value, _ in found}
        chains = {_chain(origins): origins for _, _, origins in found}
        if found and len(found) == len(cases) and len(values) == len(chains) == 1:
            shared.append(found[0])
        elif found:
            told = Opaque(f"{len(values)} values" if len(values) > 1 else value_text(found[0][1]))
            differing[name] = [(name, told, origins) for origins in chains.values()]
    return differing, shared


def _chain(origins: Sequence[Origin]) -> tuple[str, ...]:
    """Where a value comes from, whatever the value: the same for all points of an axis."""
    return tuple(origin_text(origin) for origin in origins)


def _case_lines(
    screen: Screen,
    cases: Sequence[Case],
    names: Sequence[str],
    verbose: bool,
    width: int | None,
) -> Iterator[str]:
    """A row for each case: what stands in its brackets, and the values that make it differ."""
    shown = cases if verbose else cases[:_SHOWN]
    rows = [("case", *map(visible, names), "")]
    for case in shown:
        values = {name: value for name, value, _ in leaf_values(case.params, case.origins)}
        texts = [value_text(values[name]) if name in values else "" for name in names]
        skip = "" if case.skip is None else f"skipped: {visible(case.skip)}"
        rows.append((visible(case.label or "-"), *texts, skip))
    widths = [column_width(rows, index, _WIDEST) for index in range(1, len(names) + 1)]
    label = column_width(rows, 0, None)
    if width is not None:
        while widths and 12 + sum(widths) + 2 * len(widths) > width - 2:
            widths.pop()  # no room: these are told below, with their origins
        label = max(min(label, width - 2 - sum(widths) - 2 * len(widths)), 8)
    for index, (first, *texts) in enumerate(rows):
        columns = [pad(fit(first, label), label)]
        columns += [pad(fit(text, room), room) for text, room in zip(texts, widths, strict=False)]
        line = "  ".join(columns).rstrip()
        left = None if width is None else width - 4 - cells(line)
        skip = fit(texts[-1], left) if left is None or left > 8 else ""
        line = screen.paint(line, "dim") if index == 0 else line
        yield f"  {line}" + (f"  {screen.paint(skip, 'warn')}" if skip else "")
    if len(cases) > len(shown):
        yield f"  {screen.paint(f'… {len(cases) - len(shown)} more; -v shows them', 'dim')}"
    yield ""


def _total(plan: Plan) -> str:
    experiments = len({case.experiment.id for case in plan.cases})
    skipped = Counter(case.skip is not None for case in plan.cases)[True]
    parts = [f"{_count(len(plan.cases), 'case')} of {_count(experiments, 'experiment')}"]
    if skipped:
        parts.append(f"{len(plan.cases) - skipped} to run, {skipped} skipped")
    if plan.deselected:
        parts.append(f"{plan.deselected} deselected")
    return "; ".join(parts)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
