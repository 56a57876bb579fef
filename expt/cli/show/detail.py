"""One run in full: where each value came from, what it left, and how to run it again."""

from __future__ import annotations

import datetime as dt
import shlex
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from expt.cli.show.columns import Column, table_lines
from expt.cli.show.listing import STATUS_STYLES
from expt.ground.errors import DamagedArchive
from expt.ground.layout import (
    CODE_DIR,
    PARAMS_FILE,
    PATCH_FILE,
    PLOTS_DIR,
    PLOTS_INDEX,
    PLOTS_NOTICES,
)
from expt.ground.model import Opaque
from expt.ground.screen import fit, leaf_values, number_text, value_table, value_text
from expt.ground.text import human_age, human_duration, human_size, spark, visible
from expt.reading.fields import leaf_values as value_leaves

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from expt.ground.screen import Screen
    from expt.reading import Run

_SPARK: Final = 20
_INDENT: Final = "  "
_WIDE: Final = 100
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
        "archive": visible(_from_here(view.run.path, view.cwd)),
        "tags": visible(", ".join(view.run.tags)),
        "note": visible(view.run.note or ""),
    }
    yield from _pairs(facts, view.screen)


def _from_here(path: Path, cwd: Path) -> str:
    return str(path.relative_to(cwd) if path.is_relative_to(cwd) else path)


def _why_lost(run: Run) -> str:
    if run.status != "lost":
        return ""
    host = run.host
    if host and host != socket.gethostname():
        return f": it ran on {visible(host)}, and from here no process of it can be seen"
    return ": its process is gone, and it never said how it ended"


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
    points = sum(int(summary.get("count") or 0) for summary in summaries.values())
    is_read = points <= _MOST_POINTS
    wide = view.width is None or view.width > _WIDE
    columns = [
        Column("name", tuple(map(visible, names)), "name", gives=True),
        Column("", tuple(_glance(view.run, name, is_read, wide) for name in names), gives=True),
        Column("kind", tuple(visible(str(summaries[name].get("kind"))) for name in names)),
    ]
    for key in ("count", "last", "min", "max"):
        texts = tuple(_number(summaries[name].get(key)) for name in names)
        columns.append(Column(key, texts, right=True))
    for line in table_lines(columns, view.screen, view.width):
        yield _INDENT + line
    if len(summaries) > len(names):
        yield f"{_INDENT}and {len(summaries) - len(names)} more"
    for told in view.run.series.damage if is_read else ():
        yield _INDENT + view.screen.paint(f"damaged: {visible(told)}", "warn")


def _glance(run: Run, name: str, is_read: bool, wide: bool) -> str:
    """A spark line of a scalar; of a text or a structure, the last."""
    summary = run.series_summaries[name]
    if summary.get("kind") in ("text", "structured") and summary.get("last") is not None:
        return fit(value_text(summary["last"]), _SPARK)
    if not is_read or name not in run.series or run.series[name].kind != "scalar":
        return ""
    return spark(run.series[name].values, _SPARK if wide else _SPARK // 2)


def _number(value: Any) -> str:
    return number_text(value) if isinstance(value, (int, float)) else ""


def _pictures(view: View) -> Iterator[str]:
    for path in sorted((view.run.path / PLOTS_DIR).glob("*")):
        if path.name not in (PLOTS_INDEX, PLOTS_NOTICES) and path.name[0] != ".":
            yield f"{_INDENT}{PLOTS_DIR}/{visible(path.name)}"


def _artifacts(view: View) -> Iterator[str]:
    for name, artifact in view.run.artifacts.items():
        size = view.screen.paint(human_size(artifact.size), "dim")
        yield f"{_INDENT}{visible(name)}  {size}"


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
        origins = view.run.origins
        leaves = [
            (name, Opaque("") if value is None else value, origins.get(name, ())[:1])
            for name, value in deviations.items()  # None is what a provider made
        ]
        yield from value_table(view.screen, leaves, indent=_INDENT * 2, width=view.screen.width)


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
    found = view.run.environment
    cpu = found.get("cpu")
    memory = found.get("memory")
    accelerators = [str(each.get("name")) for each in found.get("accelerators") or ()]
    packages = found.get("packages")
    parts = [
        f"Python {found['python']}" if found.get("python") else "",
        found.get("platform") or "",
        f"{cpu.get('count')} × {cpu.get('model')}" if isinstance(cpu, Mapping) else "",
        human_size(memory) if isinstance(memory, int) else "",
        *accelerators,
        f"{len(packages)} packages" if isinstance(packages, Mapping) else "",
        f"on {view.run.host}" if view.run.host else "",
    ]
    line = visible(", ".join(str(part) for part in parts if part))
    if line:
        yield _INDENT + fit(line, view.width)


def _notices(view: View) -> Iterator[str]:
    for notice in view.run.notices:
        for line in visible(notice, lines=True).split("\n"):
            yield _INDENT + view.screen.paint(line, "warn")


def _again(view: View) -> Iterator[str]:
    params = _from_here(view.run.path / PARAMS_FILE, view.cwd)
    same = ["expt", view.run.experiment, "--params", params, *_fixed_axes(view.run)]
    facts = {
        "as typed": visible(shlex.join(view.run.command)),
        "same values": visible(shlex.join(same)),
        "in Python": f"run = expt.load({view.run.id!r})",
    }
    yield from _pairs(facts, view.screen)


def _fixed_axes(run: Run) -> Iterator[str]:
    """A `-p` for each swept parameter: an axis of the tree would beat a file of values."""
    sweep = run.lineage.get("sweep")
    for name, value in sweep.items() if isinstance(sweep, Mapping) else ():
        if name in run.params and isinstance(value, (str, int, float)):
            text = str(value).lower() if isinstance(value, bool) else str(value)
            yield from ("-p", f"{name}={text}")


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
