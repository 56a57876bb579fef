"""Several runs side by side: what differs, a column a run; of two also how much, and the lines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from expt.cli.show.listing import split_values, told_values
from expt.ground.errors import DamagedArchive
from expt.ground.screen import Column, Line, Piece, Prose
from expt.ground.text import case_text, counted, human_size, some_of, value_text
from expt.reading.differences import find_difference, find_varying
from expt.reading.fields import leaf_values
from expt.reading.runs import Runs
from expt.terminal.plan_table import origin_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expt.ground.screen import Screen
    from expt.reading.differences import Difference, Varying
    from expt.reading.run import Run

_DIFF_LINES: Final = 60
_TITLES: Final = {"params": "parameters", "last": "last values"}
_VALUES: Final = ("params", "results", "last")  # what Runs.compare tells, for any number of runs
_EFFECTS: Final = ("results", "last")
_NAMED: Final = 3
_COUNTED: Final = {
    "code": ("file", " of code"),
    "packages": ("package", ""),
    "inputs": ("input", ""),
}
_SURROUNDINGS: Final = ("inputs", "packages", "environment", "git")

Sections = dict[str, "dict[str, list[Any]]"]


def show_comparison(runs: Sequence[Run], screen: Screen, *, every: bool) -> None:
    """A row for each value that differs; with `every`, for each value.

    Of two runs also the lines of code and the likely cause; what was compared and does not differ
    is told at the end.
    """
    sections = _compared_values(runs, every=every)
    compared: Difference | Varying
    if len(runs) == 2:
        compared = difference = find_difference(*runs)
        for part in _SURROUNDINGS:
            pairs = getattr(difference, part) or {}
            sections[part] = {name: list(pair) for name, pair in pairs.items()}
        if difference.results is not None:
            sections["results"] |= {n: list(p) for n, p in difference.results.items()}
        _show_cause(screen, difference)
    else:
        compared, difference = find_varying(runs), None
        sections |= {part: dict(rows) for part, rows in compared.parts.items()}
    sections |= {part: sections.pop(part) for part in _EFFECTS}  # causes come first
    problems = compared.problems
    if any(sections.values()):
        _show_table(screen, runs, sections)
    elif difference is None or not difference.code:
        screen.line("nothing differs in what could be compared" if problems else "nothing differs")
    if difference is not None:
        _show_code(screen, difference)
    if not every:
        _show_same(screen, runs, compared)
    screen.lines([(each, "yellow")] for each in problems)


def _told(section: str, row: Sequence[Any]) -> list[str]:
    """The values of a row; of files what tells them apart."""
    if section == "inputs":
        row = [_input_text(entry) if isinstance(entry, Mapping) else entry for entry in row]
    return told_values(row, tell=str if section in ("run", "code", "inputs") else value_text)


def _input_text(entry: Mapping[str, Any]) -> str:
    size, digest = entry.get("size"), entry.get("sha256")
    known = str(digest)[:12] if digest else str(entry.get("time", "?"))
    return f"{human_size(size)} {known}" if isinstance(size, int) else known


def _show_cause(screen: Screen, difference: Difference) -> None:
    """Why the results most likely differ, where they do."""
    if not difference.results and not difference.last:
        return
    cause = difference.likely_cause
    if cause is not None:
        part, names = cause
        told = f"{_TITLES.get(part, part)} {some_of(names, _NAMED)}"
        screen.lines([[("the likeliest cause: ", "dim"), told], []])
    elif not difference.problems:
        told = "results differ and nothing else that was compared: this is not deterministic"
        screen.lines([[(told, "yellow")], []])


def _compared_values(runs: Sequence[Run], *, every: bool) -> Sections:
    sections: Sections = {"run": {}, **{part: {} for part in _VALUES}}
    for row in Runs(runs).compare(every=every):
        part, dot, name = row["name"].partition(".")
        section, name = (part, name) if dot and part in _VALUES else ("run", row["name"])
        sections[section][name] = [row.get(run.short_id) for run in runs]
    if sections["params"]:
        sections["run"].pop("case", None)  # the values tell it
    return sections


def _show_table(screen: Screen, runs: Sequence[Run], sections: Sections) -> None:
    """A column a run; of two also the change of a value, and where it is from."""
    rows: list[tuple[Piece, list[str], str, str]] = []
    for title, values in sections.items():
        if values:
            rows.append(((_TITLES.get(title, title), "bold"), [""] * len(runs), "", ""))
        for name, row in values.items():
            change, origin = _change(title, row), _from(title, name, runs)
            rows.append(((f"  {name}", "cyan"), _told(title, row), change, origin))
    names, told, changes, origins = zip(*rows, strict=True)
    columns = [Column("", names, whole=True)]
    for run, texts in zip(runs, zip(*told, strict=True), strict=True):
        columns.append(Column(run.short_id, texts, right=True))
    columns += [Column("Δ", changes, right=True)] if any(changes) else []
    columns += [Column("from", origins, "dim")] if any(origins) else []
    screen.table(columns)


def _from(section: str, name: str, runs: Sequence[Run]) -> str:
    """Where each of two runs has a value from; once, where both have it from one place."""
    if section != "params" or len(runs) != 2:
        return ""
    told = []
    for run in runs:
        try:
            chain = run.origins.get(name) or run.origins.get(name.partition(".")[0]) or ()
        except DamagedArchive:  # told where that run is shown
            chain = ()
        told.append(origin_text(chain[0]) if chain else "?")
    return "" if told == ["?", "?"] else " → ".join(dict.fromkeys(told))


def _change(section: str, values: Sequence[Any]) -> str:
    """How much the second of two results is above the first."""
    numbers = all(isinstance(value, (int, float)) for value in values)
    if section not in ("results", "last") or len(values) != 2 or not numbers or not values[0]:
        return ""
    try:
        percent = (values[1] / values[0] - 1) * 100
    except OverflowError:  # ints beyond float64
        return ""
    if not math.isfinite(percent):
        return ""
    sign = "−" if percent < 0 else "+"
    told = f"{abs(percent):.0f}" if abs(percent) >= 10 else f"{abs(percent):.2g}"
    return f"{sign}{told} %" if abs(percent) < 1000 else f"× {percent / 100 + 1:.3g}"


def _show_code(screen: Screen, difference: Difference) -> None:
    """The changed lines of the archived code, file by file."""
    lines: list[Line] = []
    for name, text in (difference.code or {}).items():
        changed = text.split("\n")[2:]
        counts = [sum(line[:1] == sign for line in changed) for sign in "+-"]
        lines += [[], [(name, "bold"), (f"  +{counts[0]} −{counts[1]}", "dim")]]
        for line in filter(None, changed):
            lines.append([(line, {"+": "green", "-": "red", "@": "cyan"}.get(line[0], ""))])
    screen.lines(lines[:_DIFF_LINES])
    if len(lines) > _DIFF_LINES:
        screen.line((f"… {len(lines) - _DIFF_LINES} more lines", "dim"))


def _show_same(screen: Screen, runs: Sequence[Run], compared: Difference | Varying) -> None:
    """What was compared and does not differ."""
    _, same = split_values([dict(leaf_values(run.params)) for run in runs])
    told = [case_text(same)] if same else []
    for part, (one, more) in _COUNTED.items():
        if compared.same.get(part):
            told.append(counted(compared.same[part], one) + more)
    if compared.environment == {}:
        told.append("environment")
    if told:
        both = "both" if len(runs) == 2 else "all"
        screen.lines([[], Prose([(f"the same in {both}: ", "dim"), ", ".join(told)])])
