"""What `import expt` offers beyond declarations: load, list and run from Python."""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expt.ground.declarations import Extension
from expt.ground.launchers import archived_by_rank
from expt.ground.outer_run import find_outer_run, root_or_outer
from expt.ground.value_classes import evolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from expt.ground.options import Options
    from expt.page.shown_runs import ShownRuns
    from expt.plugins.manager import Plugins
    from expt.reading.run import Run
    from expt.sessions.session import OpenSession

    What = str | Path | Callable[..., Any] | Extension


def load(reference: str | Path = "latest", *, runs: str | Path | None = None) -> Run:
    """One archived run.

    `reference` is `latest`, `latest~2`, an id or a unique prefix of one, a node id, or the path
    of an archive folder. `runs` is the archive root; by default that of the project around the
    working directory. Raises `expt.ground.errors.NoSuchRun`, `DamagedArchive` or `NewerArchive`.
    """
    from expt.reading.references import load_run

    return load_run(reference, _archive_root(runs))


def runs(
    root: str | Path | None = None,
    *,
    k: str = "",
    where: str = "",
    status: str | Sequence[str] | None = None,
    tag: str | Sequence[str] | None = None,
    on: str | None = None,
    session: str | None = None,
    since: str | None = None,
    until: str | None = None,
    sort: str | None = None,
    limit: int | None = None,
    smoke: bool | None = None,
    scratch: bool = False,
) -> ShownRuns:
    """The archived runs below `root`, newest first; smoke and scratch runs only when asked for.

    Inside a run, `root` and `smoke` are by default those of its session.

    `k` selects by name as `-k` does, `where` by values: `lr < 0.1 and results.accuracy > 0.9`.
    `status` and `tag` take one text or several; `on` is a day, `since` and `until` a date or an
    age such as `2 days ago`; `session` the beginning of a session's id, or `latest`. `sort` is a
    name such as `lr` or `-results.accuracy`, the largest first. Raises `expt.ExptError` for words
    that mean nothing, and for a name that no run has.
    """
    from expt.page.shown_runs import ShownRuns
    from expt.reading.finding import find_runs

    outer = find_outer_run()
    if smoke is None:
        smoke = outer is not None and outer.smoke
    found = find_runs(
        _archive_root(root),
        k=k,
        where=where,
        status=status,
        tag=tag,
        on=on,
        session=session,
        since=since,
        until=until,
        sort=sort,
        limit=limit,
        smoke=smoke,
        scratch=scratch,
    )
    return ShownRuns(found, found.damaged)


def run(
    *what: What,
    k: str = "",
    m: str = "",
    params: Mapping[str, Any] | None = None,
    sweep: Mapping[str, Iterable[Any]] | None = None,
    options: Sequence[str] = (),
    **named: Any,
) -> ShownRuns:
    """Run experiments as the command does, without its terminal; the runs, in order.

    `what` are paths, node ids, and experiment functions that a file defines. `params` and `sweep`
    hold values, not texts; `options` are further words of the command line, and what is `named`
    are its options: `resume=True`, `retries=2`, `n=4`, `devices="0,1"`, `tag=["a", "b"]`. With
    `resume`, the runs of cases that are done come first; runs that others need are among them.
    Raises `expt.ExptError` for what the command would refuse with exit code 4; a failed run is in
    what is returned, with its `status` and `error`. After Ctrl-C the archives are closed, and
    then `KeyboardInterrupt` is raised.

    Inside a run, `--runs`, `--smoke`, `--scratch`, `--timeout` and `-n` of its session hold here
    too where `options` says nothing else, and `lineage["parent"]` names the run.
    """
    from expt.ground.errors import ExitCode
    from expt.sessions.session import run_session

    parsed, plugins = _read_words(what, k, m, [*options, *_option_words(named)])
    result = run_session(_with_values(parsed, params or {}, sweep or {}), plugins, spawn=True)
    for failure in plugins.failures:
        warnings.warn(failure, stacklevel=2)
    if result.exit_code == ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    done = [run.path for run in result.plan.reused.values()] if result.plan else []
    return _load([*done, *(outcome.path for outcome in result.outcomes)])


@contextlib.contextmanager
def session(
    *what: What, k: str = "", m: str = "", options: Sequence[str] = (), **named: Any
) -> Iterator[Session]:
    """A session whose workers stay between calls, for what is decided as results come in.

    with expt.session(experiment_train) as session:
        for alpha in (0.1, 0.2):
            (run,) = session.run(alpha=alpha)

    What the workers imported and the session providers of the last run are kept: a file that is
    changed meanwhile is not read again. The arguments are those of `run`.
    """
    from expt.sessions.session import open_session

    parsed, plugins = _read_words(what, k, m, [*options, *_option_words(named)])
    with open_session(parsed, plugins) as opened:
        yield Session(opened, parsed)
    for failure in plugins.failures:
        warnings.warn(failure, stacklevel=2)


class Session:
    """What `expt.session` gives."""

    def __init__(self, opened: OpenSession, options: Options) -> None:
        self._opened = opened
        self._options = options

    def run(self, **params: Any) -> ShownRuns:
        """Run the session's experiments with these parameters; the runs, in order."""
        outcomes = self._opened.run(_with_values(self._options, params, {}))
        return _load([outcome.path for outcome in outcomes])


def _load(paths: list[str]) -> ShownRuns:
    from expt.page.shown_runs import ShownRuns
    from expt.reading.references import load_archives

    found = load_archives(paths)
    return ShownRuns(found, found.damaged)


def _read_words(
    what: Sequence[What], k: str, m: str, options: Sequence[str]
) -> tuple[Options, Plugins]:
    from expt.cli.command_line import read_options
    from expt.ground.errors import UsageError
    from expt.plugins.builtin import file_plugins

    outer = find_outer_run()
    words = [
        *([] if outer is None else outer.words),
        *map(_node_id, what),
        *options,
        *(["-k", k] if k else []),
        *(["-m", m] if m else []),
    ]
    parsed, plugins, asked = read_options(words)
    for word in ("plan", "collect_only", "version"):
        if getattr(asked, word):
            raise UsageError(f"'--{word.replace('_', '-')}' runs nothing: it is for the command")
    telling = evolve(parsed.telling, verbosity=-2)
    parent = None if outer is None else outer.id
    parsed = archived_by_rank(evolve(parsed, parent=parent, telling=telling))
    for name, plugin in file_plugins(parsed).items():
        plugins.register(plugin, name)
    return parsed, plugins


def _option_words(named: Mapping[str, Any]) -> Iterator[str]:
    """The words of the command line that options by their names are."""
    for name, value in named.items():
        word = f"-{name}" if len(name) == 1 else f"--{name.replace('_', '-')}"
        values = value if isinstance(value, (list, tuple)) else [value]
        for item in values:
            if item is True:
                yield word
            elif item is not None and item is not False:
                yield f"{word}{'=' if len(name) > 1 else ''}{item}"


def _node_id(what: Any) -> str:
    """A path as it is; of a function, the file that defines it and its name."""
    if isinstance(what, (str, Path)):
        return str(what)
    if isinstance(what, Extension) and os.path.isfile(what.file):
        return f"{what.file}::{what.name}"
    code = getattr(inspect.unwrap(what) if callable(what) else what, "__code__", None)
    if code is None or not os.path.isfile(code.co_filename):
        raise TypeError(
            f"an experiment is a path or a function that a file defines, and {what!r} is neither"
        )
    return f"{code.co_filename}::{code.co_name}"


def _with_values(
    options: Options, params: Mapping[str, Any], sweep: Mapping[str, Iterable[Any]]
) -> Options:
    from expt.parameters.sweeps import reject_swept_twice, sweep_over
    from expt.parameters.typed_text import assign

    given = [assign(name, value, "expt.run") for name, value in params.items()]
    axes = [sweep_over(name, values, "expt.run") for name, values in sweep.items()]
    sweeps = (*options.values.sweeps, *axes)
    reject_swept_twice(sweeps)
    values = evolve(options.values, params=(*options.values.params, *given), sweeps=sweeps)
    return evolve(options, values=values)


def main() -> None:
    """Run the experiments of the file that calls it, when that is the script that was started.

    `python experiments/first.py -p lr=0.1` then does what `expt experiments/first.py -p lr=0.1`
    does, and ends the process with its exit code; `--help` lists the parameters of its
    experiments. When the file is imported, it does nothing.
    """
    if sys._getframe(1).f_globals.get("__name__") != "__main__":
        return
    from expt.cli import main as cli

    script = sys.modules["__main__"].__file__
    if script is None:
        raise RuntimeError("expt.main() runs the file that it stands in, and here is none")
    if {"-h", "--help"}.intersection(sys.argv[1:]):
        shown = os.path.relpath(script)
        sys.stdout.write(f"python {shown} [-p NAME=VALUE] …   'expt --help' has all options\n\n")
        sys.stdout.flush()
        sys.exit(cli.main(["params", script]))
    sys.exit(cli.main([script, *sys.argv[1:]]))


def _archive_root(runs: str | Path | None) -> Path:
    from expt.reading.references import find_archive_root

    return find_archive_root(root_or_outer(runs))
