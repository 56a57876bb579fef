"""`--plan` and `expt params`: what would run, with which values, and where each comes from.

For each experiment first what differs between its cases, a row a case; then what they share, each
value with its origin and the layers that it shadows.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from expt.archive.record import origins_to_json
from expt.ground.encoding import to_json
from expt.ground.model import LAYER_PROVIDER, Opaque
from expt.ground.screen import Column, Line, OneRow, Piece, Screen, paragraph
from expt.ground.text import (
    counted,
    distinct_texts,
    dotted,
    human_duration,
    human_size,
    value_text,
    words_text,
)
from expt.parameters.secret_values import masked_case

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from expt.ground.model import Case, Origin, Past, Plan, Search

_SHOWN: Final = 40  # cases of an experiment without -v
_PLACE: Final = 30  # characters that where a value is from keeps
_LONG: Final = 8  # characters of a number in a column; the case has it in full
Leaf = tuple[str, Any, "Sequence[Origin]"]


def print_plan(plan: Plan, screen: Screen, *, verbose: bool) -> None:
    """Show `plan` to a person; without `verbose` only the first cases of a long sweep."""
    grouped: dict[str, list[Case]] = {}
    for case in plan.cases:
        grouped.setdefault(case.experiment.id, []).append(masked_case(case))
    pasts = plan.pasts if any(past.state != "new" for past in plan.pasts.values()) else {}
    for cases in grouped.values():
        _print_experiment(screen, cases, verbose, pasts)
        screen.line()
    for search in plan.searches:
        _print_search(screen, search)
        screen.line()
    screen.lines(advice_lines(plan))
    screen.line((_total(plan), "bold"))
    if price := _price(plan):
        screen.line((price, "dim"))


def advice_lines(plan: Plan) -> list[Line]:
    """What planning has to say beside the cases."""
    lines = [line for note in plan.notes for line in paragraph(note, ("note: ", "dim"))]
    for warning in plan.warnings:
        lines += paragraph(warning, ("warning: ", "yellow"))
    return lines


def print_case(case: Case, screen: Screen, *, verbose: bool) -> None:
    """Show one case with its values and their origins; `verbose` adds the fingerprint."""
    _print_experiment(screen, [masked_case(case)], verbose)
    if verbose and case.fingerprint:
        screen.line((f"  fingerprint {case.fingerprint}", "dim"))


def plan_to_json(plan: Plan) -> str:
    """A JSON array of cases on one line, with the tags of `encoding`."""
    told = [{**case_to_json(case), **_past_to_json(plan, case)} for case in plan.cases]
    told += [_search_to_json(search) for search in plan.searches]
    return json.dumps(told, allow_nan=False)


def _past_to_json(plan: Plan, case: Case) -> dict[str, Any]:
    past = plan.pasts.get(case.id)
    if past is None:
        return {}
    expected = {"seconds": past.seconds, "bytes": past.size}
    return {"state": past.state, "why": past.why, "run": past.run, "expected": expected}


def _search_to_json(search: Search) -> dict[str, Any]:
    """The case that all trials share, and what is searched from it."""
    from expt.archive.search_facts import write_search_terms  # slow, and few plans are searches

    told = {**write_search_terms(search.terms), "known": search.known}
    return {**case_to_json(search.case), "search": told}


def case_to_json(case: Case) -> dict[str, Any]:
    """One case as strict JSON with tags, secrets masked."""
    case = masked_case(case)
    return {
        "id": case.id,
        "experiment": case.experiment.id,
        "case": case.label,
        "description": case.experiment.description,
        "params": to_json(case.params),
        "origins": origins_to_json(case.origins),
        **({"words": {n: dict(words) for n, words in case.words.items()}} if case.words else {}),
        "needs": {name: list(ids) for name, ids in case.needs.items()},
        "skip": case.skip,
        "fingerprint": case.fingerprint,
    }


# Values and where they come from, wherever these are shown


def leaf_values(params: Mapping[str, Any], origins: Mapping[str, Sequence[Origin]]) -> list[Leaf]:
    """Dotted name, value and origins of `params`, as deep as `origins` tells values apart.

    Then what providers made of nothing of that name, where a run kept it.
    """

    def walk(values: Mapping[str, Any], above: str) -> Iterator[Leaf]:
        for key, value in values.items():
            name = f"{above}{dotted([str(key)])}" if above else str(key)
            deeper = isinstance(value, dict) and any(
                origin.startswith(f"{name}.") for origin in origins
            )
            if deeper:
                if origins.get(name):  # the member of a choice, then what is in it
                    yield name, origins[name][0].value, origins[name]
                yield from walk(value, f"{name}.")
            else:
                yield name, value, origins.get(name, ())

    made = [
        (name, chain[0].value, chain)
        for name, chain in origins.items()
        if chain and chain[0].layer == LAYER_PROVIDER and chain[0].value is not None
    ]
    told = list(walk(params, ""))
    known = {name for name, _, _ in told}
    return [*told, *(leaf for leaf in made if leaf[0] not in known)]


def print_values(
    screen: Screen,
    values: Iterable[Leaf],
    *,
    indent: int = 2,
    words: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """A table of names, values and origins: below each value what it shadows.

    `words` are what is said of a name: its description and its unit.
    """
    rows = []
    said = []
    for leaf in values:
        told = list(_origin_rows(*leaf))
        rows += told
        said += [words_text((words or {}).get(leaf[0], {})), *[""] * (len(told) - 1)]
    if rows:
        names, texts, places = zip(*rows, strict=True)
        columns = [Column("", names, whole=True), Column("", texts)]
        columns.append(Column("", places, "dim", least=_PLACE))
        screen.table([*columns, Column("", said)], indent=indent)


def _origin_rows(
    name: str, value: Any, origins: Sequence[Origin]
) -> Iterator[tuple[Piece, Piece, str]]:
    """A row for the value and one for each layer that it shadows.

    The value is what `params` holds: providers that wrap it are told below it, with what they
    made.
    """
    if not origins:
        yield (name, "cyan"), value_text(value), ""
        return
    taken = 0
    while taken < len(origins) - 1 and origins[taken].layer == LAYER_PROVIDER:
        taken += 1
    yield (name, "cyan"), value_text(value), origin_text(origins[taken])
    for origin in origins[:taken]:
        text = "" if origin.value is None else value_text(origin.value)
        yield ("  through", "dim"), (text, "dim"), origin_text(origin)
    for origin in origins[taken + 1 :]:
        text = "" if origin.layer == LAYER_PROVIDER else value_text(origin.value)
        yield ("  over", "dim"), (text, "dim"), origin_text(origin)


def origin_text(origin: Origin) -> str:
    """The layer and the place; the layer alone where the place does not say more."""
    if not origin.where:
        return origin.layer
    return origin.where if origin.layer in origin.where else f"{origin.layer} {origin.where}"


# The cases of one experiment


def _print_experiment(
    screen: Screen, cases: Sequence[Case], verbose: bool, pasts: Mapping[str, Past] | None = None
) -> None:
    experiment, count = cases[0].experiment, len(cases)
    if count == 1:
        _print_head(screen, cases[0].id, "", experiment.description)
    else:
        _print_head(screen, experiment.id, f"  {count} cases", experiment.description)
    screen.lines([("  extends ", "dim"), base] for base in experiment.extends)
    if count == 1:
        leaves = leaf_values(cases[0].params, cases[0].origins)
        print_values(screen, leaves, words=cases[0].words)
        if cases[0].skip is not None:
            screen.line((f"  skipped: {cases[0].skip}", "yellow"))
        elif pasts and cases[0].id in pasts:
            screen.line("  ", _state(pasts[cases[0].id]))
        return
    differing, shared = _split(cases)
    _print_cases(screen, cases, list(differing), verbose, pasts or {})
    chains = [leaf for leaves in differing.values() for leaf in leaves]
    print_values(screen, [*chains, *shared], words=cases[0].words)


def _print_head(screen: Screen, name: str, said: str, description: str) -> None:
    screen.line((name, "bold"), said)
    screen.lines([OneRow([(f"  {description}", "dim")])] if description else [])


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
        values = {(type(value), repr(value)) for _, value, _ in found}  # 1, 1.0, True are three
        chains = {tuple(map(origin_text, origins)): origins for _, _, origins in found}
        if found and len(found) == len(cases) and len(values) == len(chains) == 1:
            shared.append(found[0])
        elif found:
            told = Opaque(f"{len(values)} values" if len(values) > 1 else value_text(found[0][1]))
            differing[name] = [(name, told, origins) for origins in chains.values()]
    return differing, shared


def _print_cases(
    screen: Screen,
    cases: Sequence[Case],
    names: Sequence[str],
    verbose: bool,
    pasts: Mapping[str, Past],
) -> None:
    """A row for each case: what stands in its brackets, and the values that make it differ."""
    shown = cases if verbose else cases[:_SHOWN]
    rows = [{name: value for name, value, _ in leaf_values(c.params, c.origins)} for c in shown]
    columns = [Column("case", [case.label or "-" for case in shown])]
    for name in names:
        values = [row[name] for row in rows if name in row]
        numbers = all(isinstance(value, (int, float)) for value in values)
        texts = iter(_column_texts(values))
        cells = [next(texts) if name in row else "" for row in rows]
        columns.append(Column(name, cells, right=numbers))
    skips = ["" if case.skip is None else f"skipped: {case.skip}" for case in shown]
    columns.insert(1, Column("", skips, "yellow"))
    columns.append(Column("", [_state(pasts[c.id]) if c.id in pasts else "" for c in shown]))
    screen.table(columns, indent=2)
    if len(cases) > len(shown):
        screen.line((f"  … {len(cases) - len(shown)} more; -v shows them", "dim"))
    screen.line()


def _column_texts(values: Sequence[Any]) -> list[str]:
    """As Python writes them; of long numbers the digits that tell them apart, as in all tables."""
    exact = [value_text(value) for value in values]
    short = distinct_texts(values)
    return [
        few if isinstance(value, float) and len(every) > _LONG else every
        for value, few, every in zip(values, short, exact, strict=True)
    ]


_STATES: Final = ("done", "failed", "running", "changed", "new")
_STATE_STYLES: Final = {"done": "green", "failed": "red", "changed": "yellow"}


def _state(past: Past) -> Piece:
    """`changed: experiments/helper.py:12`."""
    text = f"{past.state}: {past.why}" if past.why else past.state
    return text, _STATE_STYLES.get(past.state, "")


def _price(plan: Plan) -> str:
    """`about 3 min and 12 MB, from earlier runs`: what is not done yet, one after the other."""
    done = {case.id for case in plan.done}
    pasts = [plan.pasts[case.id] for case in plan.cases if case.id in plan.pasts]
    pasts = [past for case, past in zip(plan.cases, pasts, strict=False) if case.id not in done]
    known = [past for past in pasts if past.seconds is not None]
    if not known:
        return ""
    seconds = sum(past.seconds or 0.0 for past in known) * len(pasts) / len(known)
    size = sum(past.size or 0 for past in known) * len(pasts) / len(known)
    return f"about {human_duration(seconds)} of runs and {human_size(int(size))}, from earlier ones"


def _print_search(screen: Screen, search: Search) -> None:
    """The space with what is known, and the values that all trials share."""
    case = masked_case(search.case)
    _print_head(screen, case.id, f"  {search_text(search)}", case.experiment.description)
    screen.line()
    columns = [
        Column("searched", [one.name for one in search.terms.space], "cyan"),
        Column("from", [str(one) for one in search.terms.space]),
        Column("said", [one.where or "" for one in search.terms.space], "dim"),
    ]
    screen.table(columns, indent=2)
    searched = {one.name for one in search.terms.space}
    leaves = [leaf for leaf in leaf_values(case.params, case.origins) if leaf[0] not in searched]
    screen.line()
    print_values(screen, leaves, words=case.words)


def search_text(search: Search) -> str:
    """`60 trials by tpe, minimize results.loss, pruned by loss: 12 of 60 trials are known`."""
    terms = search.terms
    goals = ", ".join(map(str, terms.objectives))
    pruned = f", pruned by {terms.prune}" if terms.prune else ""
    return f"{counted(terms.trials, 'trial')} by {terms.sampler}, {goals}{pruned}: {search.known}"


def _total(plan: Plan) -> str:
    experiments = len({case.experiment.id for case in plan.cases})
    skipped = sum(case.skip is not None for case in plan.cases)
    states = Counter(past.state for past in plan.pasts.values())
    told = ", ".join(f"{states[state]} {state}" for state in _STATES if states[state])
    cases, what = counted(len(plan.cases), "case"), "experiment"
    parts = [
        "" if plan.searches and not plan.cases else f"{cases} of {counted(experiments, what)}",
        told if told != f"{len(plan.cases)} new" else "",
        f"{len(plan.cases) - len(plan.done)} to run" if plan.done else "",
        counted(len(plan.searches), "search") if plan.searches else "",
        f"{len(plan.cases) - skipped} to run, {skipped} skipped" if skipped else "",
        f"{plan.deselected} deselected" if plan.deselected else "",
    ]
    return "; ".join(filter(None, parts))
