"""One run in full: where each value came from, what it left, and how to run it again."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from expt.builtin.terminal.tracebacks import relative_path
from expt.commands.show.columns import Column, table_lines
from expt.commands.show.listing import STATUS_STYLES
from expt.errors import DamagedArchive
from expt.layout import CODE_DIR, PARAMS_FILE, PATCH_FILE
from expt.reading.fields import leaf_values as value_leaves
from expt.screen import fit, leaf_values, number_text, value_table, value_text
from expt.text import human_age, human_duration, human_size, spark, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from expt.reading import Run
    from expt.screen import Screen

_SPARK: Final = 20
_INDENT: Final = "  "
_MOST_SERIES: Final = 60
_MOST_POINTS: Final = 5_000_000  # more are not read for the sake of spark lines


@attrs.frozen
class View:
    """A run, where it is shown, and the folder that paths are told from."""

    run: Run
    screen: Screen
    cwd: Path

    @property
    def width(self) -> int | None:
        """What an indented line may take."""
        return None if self.screen.width is None else self.screen.width - len(_INDENT)


def detail_lines(run: Run, screen: Screen, cwd: Path) -> Iterator[str]:
    """Every section that has something to say; one that cannot be read says why."""
    view = View(run, screen, cwd)
    yield from _head(view)
    for title, make in _SECTIONS.items():
        try:
            lines = list(make(view))
        except DamagedArchive as error:
            lines = [_INDENT + screen.paint(visible(error.what), "bad")]
        if lines:
            yield ""
            yield screen.paint(title, "bold")
            yield from lines


def _head(view: View) -> Iterator[str]:
    yield view.screen.paint(visible(view.run.node_id), "bold")
    if view.run.description:
        yield visible(view.run.description)
    yield ""
    age = human_age((dt.datetime.now(dt.UTC) - view.run.started).total_seconds())
    age = age if age == "now" else f"{age} ago"
    status = view.screen.paint(view.run.status, STATUS_STYLES[view.run.status])
    if view.run.duration is not None:
        preposition = "for" if view.run.status == "running" else "in"
        status += f" {preposition} {human_duration(view.run.duration)}"
    facts = {
        "id": view.run.id,
        "status": f"{status}{_why_lost(view.run)}",
        "started": f"{view.run.started.isoformat(' ', 'seconds')}, {age}",
        "archive": visible(relative_path(str(view.run.path), view.cwd)),
        "tags": visible(", ".join(view.run.tags)),
        "note": visible(view.run.note or ""),
    }
    yield from _pairs(facts, view.screen)


def _why_lost(run: Run) -> str:
    return ": its process is gone, and it never said how it ended" if run.status == "lost" else ""


def _pairs(facts: Mapping[str, str], screen: Screen) -> Iterator[str]:
    for name, text in facts.items():
        if text:
            yield f"{_INDENT}{screen.paint(f'{name:<12}', 'dim')}{text}"


def _error(view: View) -> Iterator[str]:
    if view.run.error is not None:
        text = view.run.error.traceback.rstrip() or view.run.failure or ""
        for line in visible(text, lines=True).split("\n"):
            yield _INDENT + view.screen.paint(line, "bad")


def _params(view: View) -> Iterator[str]:
    yield from value_table(
        view.screen, leaf_values(view.run.params, view.run.origins), width=view.screen.width
    )


def _results(view: View) -> Iterator[str]:
    leaves = [(name, value, ()) for name, value in value_leaves(view.run.results)]
    yield from value_table(view.screen, leaves, width=view.screen.width)


def _series(view: View) -> Iterator[str]:
    summaries = view.run.series_summaries
    names = list(summaries)[:_MOST_SERIES]
    if not names:
        return
    columns = [Column("name", tuple(map(visible, names)), "name", gives=True)]
    is_long = sum(int(summary.get("count") or 0) for summary in summaries.values()) > _MOST_POINTS
    sparks = tuple("" if is_long else _spark(view.run, name) for name in names)
    if any(sparks):
        columns.append(Column("", sparks))
    columns.append(Column("kind", tuple(visible(str(summaries[n].get("kind"))) for n in names)))
    for key in ("count", "last", "min", "max"):
        texts = tuple(_number(summaries[name].get(key)) for name in names)
        columns.append(Column(key, texts, right=True))
    for line in table_lines(columns, view.screen, view.width):
        yield _INDENT + line
    if len(summaries) > len(names):
        yield f"{_INDENT}and {len(summaries) - len(names)} more"
    for told in () if is_long else view.run.series.damage:
        yield _INDENT + view.screen.paint(f"damaged: {visible(told)}", "warn")


def _spark(run: Run, name: str) -> str:
    if run.series_summaries[name].get("kind") != "scalar" or name not in run.series:
        return ""
    return spark(run.series[name].values, _SPARK)


def _number(value: Any) -> str:
    if isinstance(value, (int, float)):
        return number_text(value)
    return "" if value is None else fit(value_text(value), _SPARK)


def _pictures(view: View) -> Iterator[str]:
    yield from _files([path for paths in view.run.plots.values() for path in paths], view.run)


def _artifacts(view: View) -> Iterator[str]:
    names = list(view.run.artifacts)
    for name in names:
        size = view.screen.paint(human_size(view.run.artifacts[name].size), "dim")
        yield f"{_INDENT}{visible(name)}  {size}"


def _files(paths: Iterable[Path], run: Run) -> Iterator[str]:
    for path in dict.fromkeys(paths):
        yield f"{_INDENT}{visible(path.relative_to(run.path).as_posix())}"


def _lineage(view: View) -> Iterator[str]:
    lineage = view.run.lineage
    bases = lineage.get("extends")
    deviations = lineage.get("deviations")
    sweep = lineage.get("sweep")
    facts = {
        "extends": " ← ".join(visible(str(base)) for base in bases) if bases else "",
        "rerun of": visible(str(lineage.get("rerun_of") or "")),
        "sweep": _values(sweep) if isinstance(sweep, Mapping) else "",
        "session": visible(str(lineage.get("session") or "")),
    }
    yield from _pairs(facts, view.screen)
    if isinstance(deviations, Mapping) and deviations:
        yield f"{_INDENT}{view.screen.paint('deviates in', 'dim')}"
        for name, value in deviations.items():
            yield f"{_INDENT * 2}{visible(str(name))} = {value_text(value)}"


def _values(values: Mapping[Any, Any]) -> str:
    return ", ".join(f"{visible(str(name))}={value_text(value)}" for name, value in values.items())


def _code(view: View) -> Iterator[str]:
    git = view.run.environment.get("git")
    facts = {}
    if isinstance(git, Mapping) and git.get("commit"):
        branch = f" on {visible(str(git['branch']))}" if git.get("branch") else ""
        dirty = ", with uncommitted changes" if git.get("dirty") else ""
        facts["commit"] = f"{visible(str(git['commit']))[:12]}{branch}{dirty}"
    if view.run.patch:
        size = human_size(len(view.run.patch.encode("utf-8", "replace")))
        facts["patch"] = f"{CODE_DIR}/{PATCH_FILE}, {size}"
    if view.run.code:
        facts["files"] = f"{len(view.run.code)} in {CODE_DIR}/"
    yield from _pairs(facts, view.screen)


def _environment(view: View) -> Iterator[str]:
    parts = []
    for name in ("python", "platform", "cpu", "memory", "accelerators"):
        told = _short(view.run.environment.get(name))
        if told:
            parts.append(f"Python {told}" if name == "python" else told)
    packages = view.run.environment.get("packages")
    if isinstance(packages, (Mapping, list)) and packages:
        parts.append(f"{len(packages)} packages")
    host = view.run.record.host
    line = visible(", ".join([*parts, *([f"on {host}"] if host else [])]))
    if line:
        yield _INDENT + fit(line, view.width)


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(str(item) for item in list(value.values())[:2] if item)
    if isinstance(value, list):
        return ", ".join(_short(item) for item in value)
    return "" if value is None else str(value)


def _notices(view: View) -> Iterator[str]:
    for notice in view.run.notices:
        for line in visible(notice, lines=True).split("\n"):
            yield _INDENT + view.screen.paint(line, "warn")


def _again(view: View) -> Iterator[str]:
    params = relative_path(str(view.run.path / PARAMS_FILE), view.cwd)
    facts = {
        "as typed": visible(shlex.join(view.run.record.command)),
        "same values": visible(shlex.join(["expt", view.run.experiment, "--params", params])),
        "in Python": f"run = expt.load({view.run.id!r})",
    }
    yield from _pairs(facts, view.screen)


_SECTIONS: Final = {
    "error": _error,
    "parameters": _params,
    "results": _results,
    "series": _series,
    "pictures": _pictures,
    "artifacts": _artifacts,
    "lineage": _lineage,
    "code": _code,
    "environment": _environment,
    "notices": _notices,
    "again": _again,
}
