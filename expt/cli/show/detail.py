"""One run in full: where each value came from, what it left, and how to run it again."""

from __future__ import annotations

import shlex
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.cli.show.listing import age_text, spark_of
from expt.ground import layout
from expt.ground.errors import DamagedArchive, ReadingError
from expt.ground.model import LAYER_PROVIDER
from expt.ground.screen import STATUS_STYLES, Branch, Column, Line, Piece, Prose, linked, pasted
from expt.ground.text import (
    counted,
    human_duration,
    human_size,
    number_text,
    printed,
    short_text,
    value_text,
)
from expt.ground.value_classes import frozen
from expt.reading.fields import leaf_values as value_leaves
from expt.reading.finding import find_runs
from expt.terminal.plan_table import leaf_values, origin_text, print_values
from expt.terminal.tracebacks import show_error

if TYPE_CHECKING:
    from expt.ground.screen import Screen
    from expt.reading.run import Run

_SPARK: Final = 20
_MOST_SERIES: Final = 60
_LOG_LINES: Final = 8
_LOG_TAIL: Final = 20_000  # characters of which the last lines are taken
_GENERATIONS: Final = 5  # of runs of which each is a rerun of the next


@frozen
class View:
    """A run, where it is shown, where paths are told from, where and how others are found."""

    run: Run
    screen: Screen
    cwd: Path
    root: Path
    find: Callable[[str], Run]

    def path(self, path: Path) -> Piece:
        """A path as it can be pasted here."""
        return pasted(path, self.cwd)

    def id(self, run: Run) -> Piece:
        """The id of a run, by which a terminal opens it."""
        return self.screen.run(run.short_id, run.id, run.path, "cyan")

    def pairs(self, facts: Mapping[str, Piece | Line]) -> None:
        """Names and what is said of them, those of which nothing is said left out."""
        told = [(name, fact) for name, fact in facts.items() if fact and fact[0]]
        self.screen.lines(
            [(f"  {name:<12}", "dim"), *(fact if isinstance(fact, list) else [fact])]
            for name, fact in told
        )


def show_detail(view: View) -> None:
    """Every section that has something to say; one that cannot be read says why."""
    _show_head(view)
    for title, (has, show) in _SECTIONS.items():
        try:
            found = has(view.run)
            if found:
                view.screen.lines([[], [(title, "bold")]])
                show(view)
        except DamagedArchive as error:
            view.screen.lines([[], [(title, "bold")], [("  " + error.what, "red")]])


def _show_head(view: View) -> None:
    run = view.run
    view.screen.line((run.node_id, "bold"))
    if run.description:
        view.screen.lines([Prose([run.description])])
    view.screen.line()
    status: Line = [(run.status, STATUS_STYLES[run.status])]
    if run.duration is not None:
        took = f" {'for' if run.status == 'running' else 'in'} {human_duration(run.duration)}"
        status.append(
            took + (f", after {human_duration(run.setup)} of set-up" if run.setup else "")
        )
    view.pairs(
        {
            "id": view.screen.run(run.id, run.id, run.path, "cyan"),
            "status": [*status, _unless_damaged(_why_lost, run)],
            "started": f"{run.started.isoformat(' ', 'seconds')}, {age_text(run, dated=False)}",
            "took": _unless_damaged(_usage, run),
            "archive": view.path(run.path),
            "tags": ", ".join(run.tags),
            "note": run.note or "",
        }
    )


def _unless_damaged(tell: Callable[[Run], str], run: Run) -> Piece:
    """What is told of a run; where that is damaged, that it is."""
    try:
        return tell(run)
    except DamagedArchive as error:
        return f"  {error.what}", "red"


def _usage(run: Run) -> str:
    """`120 MB, 2.1 GB of GPU, 3.2s of CPU`: the most memory, and processor time."""
    peaks = [(run.usage.get(f"peak_{what}memory"), what) for what in ("", "gpu_")]
    told = [human_size(p) + " of GPU" * bool(what) for p, what in peaks if isinstance(p, int)]
    seconds = run.usage.get("cpu_time")
    told += [f"{human_duration(seconds)} of CPU"] if isinstance(seconds, (int, float)) else []
    return ", ".join(told)


def _why_lost(run: Run) -> str:
    if run.status != "lost":
        return ""
    host = run.host
    if host and host != socket.gethostname():
        return f": it ran on {host}, and from here no process of it can be seen"
    return ": its process is gone, and it never said how it ended"


def _show_error(view: View) -> None:
    if view.run.error is not None:
        show_error(view.screen, view.run.error, "auto", view.cwd, view.run.path)


def _show_params(view: View) -> None:
    leaves = leaf_values(view.run.params, view.run.origins)
    print_values(view.screen, leaves, words=view.run.words)


def _show_results(view: View) -> None:
    print_values(view.screen, [(n, v, ()) for n, v in value_leaves(view.run.results)])


def _show_series(view: View) -> None:
    summaries = view.run.series_summaries
    names = list(summaries)[:_MOST_SERIES]
    columns = [
        Column("name", names, "cyan"),
        Column("", [_glance(view.run, name) for name in names]),
        Column("kind", [str(summaries[name].get("kind")) for name in names]),
    ]
    for key in ("count", "last", "min", "max"):
        values = (summaries[name].get(key) for name in names)
        texts = [number_text(v) if isinstance(v, (int, float)) else "" for v in values]
        columns.append(Column(key, texts, right=True))
    view.screen.table(columns, indent=2)
    if len(summaries) > len(names):
        view.screen.line(f"  and {len(summaries) - len(names)} more")
    view.screen.lines([(f"  damaged: {told}", "yellow")] for told in view.run.series.damage)


def _glance(run: Run, name: str) -> str:
    """A spark line of a scalar; of a text or a structure, the last."""
    summary = run.series_summaries[name]
    if summary.get("kind") in ("text", "structured") and summary.get("last") is not None:
        return short_text(summary["last"])
    return spark_of(run, name, _SPARK)


def _pictures(run: Run) -> list[Path]:
    drawn = {path for paths in run.plots.values() for path in paths}
    overview = run.path / layout.PLOTS_DIR / layout.OVERVIEW_FILE
    return sorted(drawn | ({overview} if overview.is_file() else set()))


def _show_pictures(view: View) -> None:
    folder = view.run.path / layout.PLOTS_DIR
    names = [linked(str(path.relative_to(folder)), path) for path in _pictures(view.run)]
    _show_files(view, folder, Column("", names, whole=True))


def _show_artifacts(view: View) -> None:
    names = [linked(name, each.path) for name, each in view.run.artifacts.items()]
    sizes = [human_size(each.size) for each in view.run.artifacts.values()]
    columns = [Column("", names, whole=True), Column("", sizes, "dim", right=True)]
    _show_files(view, view.run.path / layout.ARTIFACTS_DIR, *columns)


def _show_files(view: View, folder: Path, *columns: Column) -> None:
    """Files of one folder of the archive, by which a terminal opens them."""
    view.screen.table(columns, indent=2)
    view.screen.line("  in ", view.path(folder))


def _show_log(view: View) -> None:
    """The last lines, and where all of it is."""
    text = view.run.log.rstrip("\n")
    count = text.count("\n") + 1
    last = text[-_LOG_TAIL:].split("\n")[-_LOG_LINES:]
    shown = [printed(line.expandtabs(), colour=False) for line in last]
    view.screen.lines([f"  {line}"] for line in shown)
    many = f"the last {len(shown)} of {count} lines: " if len(shown) < count else "in "
    view.screen.line((f"  {many}", "dim"), view.path(view.run.path / layout.LOG_FILE))


def _has_lineage(run: Run) -> bool:
    return any(v for name, v in run.lineage.items() if name != "fingerprint")


def _show_lineage(view: View) -> None:
    run, lineage = view.run, view.run.lineage
    branches: list[Branch] = []
    bases = [str(base) for base in lineage.get("extends") or ()]
    for base in reversed(bases):
        branches = [([("extends ", "dim"), base], branches)]
    deviations = lineage.get("deviations")
    if isinstance(deviations, Mapping) and deviations:
        told: list[Branch] = [
            (_deviation(run, str(name), value), ()) for name, value in deviations.items()
        ]
        branches.append(([("deviates in", "dim")], told))
    if rerun_of := lineage.get("rerun_of"):
        branches.append(_ancestry(view, str(rerun_of), _GENERATIONS))
    if session := lineage.get("session"):
        sweep = lineage.get("sweep")
        text = ""
        if isinstance(sweep, Mapping):
            together = find_runs(view.root, session=str(session), smoke=True, scratch=True)
            text = f"  {counted(len(together), 'run')}, sweep {' × '.join(map(str, sweep))}"
        branches.append(([("session ", "dim"), str(session), (text, "dim")], ()))
    inputs = run.inputs
    if inputs:
        files: list[Branch] = [(_input(view, dict(entry)), ()) for entry in inputs.values()]
        branches.append(([("inputs", "dim")], files))
    for name, title in (("inputs", "given runs"), ("needs", "needs")):
        given = lineage.get(name)
        if isinstance(given, Mapping):
            runs: list[Branch] = [(_input_run(view, str(n), str(i)), ()) for n, i in given.items()]
            branches.append(([(title, "dim")], runs))
    for name in ("parent", "resumed_from", "search", "imported_from"):
        if lineage.get(name):
            branches.append(
                ([(f"{name.replace('_', ' ')} ", "dim"), short_text(lineage[name])], ())
            )
    view.screen.tree(([run.experiment, " ", view.id(run)], branches), indent=2)


def _deviation(run: Run, name: str, value: Any) -> Line:
    """`lr  0.01 wrapped by provider careful.py:7 · 0.1 default train.py:1`."""
    chain = run.origins.get(name, ())
    value = chain[0].value if value is None and chain else value  # None is what a provider made
    told = [] if value is None else [value_text(value)]
    if chain:
        wrapped = "wrapped by " if chain[0].layer == LAYER_PROVIDER and chain[1:] else ""
        told.append(wrapped + origin_text(chain[0]))
    over = [f" · {value_text(o.value)} {origin_text(o)}" for o in chain[1:2]]
    return [(name, "cyan"), f"  {' '.join(told)}", *((text, "dim") for text in over)]


def _ancestry(view: View, reference: str, left: int) -> Branch:
    """The run that one is a rerun of, and what that was a rerun of."""
    try:
        run = view.find(reference)
    except ReadingError:
        return [("rerun of ", "dim"), reference, (" (not found)", "dim")], ()
    above = run.lineage.get("rerun_of")
    line: Line = [("rerun of ", "dim"), view.id(run), f" {age_text(run)}"]
    return line, [_ancestry(view, str(above), left - 1)] if above and left else ()


def _input_run(view: View, name: str, reference: str) -> Line:
    """A run that this one was given, with what became of it."""
    try:
        run = view.find(reference)
    except ReadingError:
        return [(name, "cyan"), f"  {reference}  ", ("gone", "yellow")]
    return [(name, "cyan"), "  ", view.id(run), f"  {run.node_id}"]


def _input(view: View, entry: Mapping[str, Any]) -> Line:
    from expt.planning.inputs import is_unchanged  # its package is slow, and few runs have inputs

    path = Path(str(entry.get("path")))
    size, digest = entry.get("size"), entry.get("sha256")
    told = human_size(size) if isinstance(size, int) else ""
    told += f"  kept as {entry['kept']}" if entry.get("kept") else ""
    told += f"  sha256 {str(digest)[:8]}…" if digest else ""
    try:
        same = is_unchanged(path, entry)
        now: Piece = ("unchanged", "dim") if same else ("changed", "yellow")
    except (FileNotFoundError, NotADirectoryError):
        now = ("gone", "yellow")
    except (OSError, ValueError):  # it cannot be looked at
        now = "?"
    return [view.path(path), (f"  {told}  ", "dim"), now]


def _show_code(view: View) -> None:
    git = view.run.environment.get("git")
    facts: dict[str, Piece | Line] = {}
    if isinstance(git, Mapping) and git.get("commit"):
        branch = f" on {git['branch']}" if git.get("branch") else ""
        dirty = ", with uncommitted changes" if git.get("dirty") else ""
        facts["commit"] = f"{str(git['commit'])[:12]}{branch}{dirty}"
    if view.run.patch:
        size = human_size(len(view.run.patch.encode("utf-8", "replace")))
        facts["patch"] = f"{layout.CODE_DIR}/{layout.PATCH_FILE}, {size}"
    if view.run.code:
        facts["files"] = [f"{len(view.run.code)} in ", view.path(view.run.path / layout.CODE_DIR)]
    view.pairs(facts)


def _environment(run: Run) -> str:
    found = run.environment
    cpu, memory, packages = found.get("cpu"), found.get("memory"), found.get("packages")
    parts = [
        f"Python {found['python']}" if found.get("python") else "",
        found.get("platform") or "",
        f"{cpu.get('count')} × {cpu.get('model')}" if isinstance(cpu, Mapping) else "",
        human_size(memory) if isinstance(memory, int) else "",
        *(str(each.get("name")) for each in found.get("accelerators") or ()),
        f"{len(packages)} packages" if isinstance(packages, Mapping) else "",
        f"on {run.host}" if run.host else "",
    ]
    return ", ".join(str(part) for part in parts if part)


def _show_environment(view: View) -> None:
    view.screen.lines([Prose([f"  {_environment(view.run)}"])])


def _show_notices(view: View) -> None:
    for notice in view.run.notices:
        view.screen.lines([(f"  {line}", "yellow")] for line in notice.split("\n"))


def _show_again(view: View) -> None:
    params = view.path(view.run.path / layout.PARAMS_FILE)[0]
    sweep = view.run.lineage.get("sweep")
    fixed = [  # an axis of the tree would beat a file of values
        word
        for name, value in (sweep.items() if isinstance(sweep, Mapping) else ())
        if name in view.run.params and isinstance(value, (str, int, float))
        for word in ("-p", f"{name}={str(value).lower() if value in (True, False) else value}")
    ]
    same = ["expt", view.run.experiment, "--params", params, *fixed]
    view.pairs(
        {
            "as typed": shlex.join(view.run.command),
            "as it was": shlex.join(["expt", "rerun", str(view.run.path.absolute())]),
            "same values": shlex.join(same),
            "in Python": f"run = expt.load({view.run.id!r})",
        }
    )


_SECTIONS: Final[dict[str, tuple[Callable[[Run], Any], Callable[[View], None]]]] = {
    "error": (lambda run: run.error, _show_error),
    "parameters": (lambda run: run.params, _show_params),
    "results": (lambda run: run.results, _show_results),
    "series": (lambda run: run.series_summaries, _show_series),
    "pictures": (_pictures, _show_pictures),
    "artifacts": (lambda run: run.artifacts, _show_artifacts),
    "log": (lambda run: run.log.strip(), _show_log),
    "lineage": (_has_lineage, _show_lineage),
    "code": (lambda run: run.code or run.environment.get("git"), _show_code),
    "environment": (_environment, _show_environment),
    "notices": (lambda run: run.notices, _show_notices),
    "again": (lambda run: run.id, _show_again),
}
