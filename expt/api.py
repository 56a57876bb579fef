"""What `import expt` offers beyond declarations: load, list and run from Python."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

import attrs

from expt.ground.outer_run import find_outer_run, root_or_outer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from expt.reading import Run, Runs


def load(reference: str | Path = "latest", *, runs: str | Path | None = None) -> Run:
    """One archived run.

    `reference` is `latest`, `latest~2`, an id or a unique prefix of one, a node id, or the path
    of an archive folder. `runs` is the archive root; by default that of the project around the
    working directory. Raises `expt.ground.errors.NoSuchRun`, `DamagedArchive` or `NewerArchive`.
    """
    from expt.reading import load_run

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
) -> Runs:
    """The archived runs below `root`, newest first; smoke and scratch runs only when asked for.

    Inside a run, `root` and `smoke` are by default those of its session.

    `k` selects by name as `-k` does, `where` by values: `lr < 0.1 and results.accuracy > 0.9`.
    `status` and `tag` take one text or several; `on` is a day, `since` and `until` a date or an
    age such as `2 days ago`; `session` the beginning of a session's id, or `latest`. `sort` is a
    name such as `lr` or `-results.accuracy`, the largest first. Raises `expt.ExptError` for words
    that mean nothing, and for a name that no run has.
    """
    from expt.reading import find_runs

    outer = find_outer_run()
    if smoke is None:
        smoke = outer is not None and outer.smoke
    return find_runs(
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


def run(
    *paths: str | Path,
    k: str = "",
    m: str = "",
    params: Mapping[str, Any] | None = None,
    sweep: Mapping[str, Iterable[Any]] | None = None,
    options: Sequence[str] = (),
) -> Runs:
    """Run experiments as the command does, without its terminal; the runs, in order.

    `params` and `sweep` hold values, not texts; `options` are further words of the command line.
    Raises `expt.ExptError` for what the command would refuse with exit code 4; a failed run is in
    what is returned, with its `status` and `error`. After Ctrl-C the archives are closed, and
    then `KeyboardInterrupt` is raised.

    Inside a run, `--runs`, `--smoke`, `--scratch`, `--timeout` and `-n` of its session hold here
    too where `options` says nothing else, and `lineage["parent"]` names the run.
    """
    from expt.cli.command_line import read_options
    from expt.ground.errors import ExitCode
    from expt.parameters import assign, reject_swept_twice, sweep_over
    from expt.reading import load_archives
    from expt.sessions.session import run_session

    outer = find_outer_run()
    inherited = [] if outer is None else outer.words
    words = [
        *inherited,
        *map(str, paths),
        *options,
        *(["-k", k] if k else []),
        *(["-m", m] if m else []),
    ]
    parsed, plugins, _ = read_options(words)
    given = [assign(name, value, "expt.run") for name, value in (params or {}).items()]
    axes = [sweep_over(name, values, "expt.run") for name, values in (sweep or {}).items()]
    sweeps = (*parsed.values.sweeps, *axes)
    reject_swept_twice(sweeps)
    parsed = attrs.evolve(
        parsed,
        values=attrs.evolve(parsed.values, params=(*parsed.values.params, *given), sweeps=sweeps),
        parent=None if outer is None else outer.id,
        telling=attrs.evolve(parsed.telling, verbosity=-2),
    )
    result = run_session(parsed, plugins, spawn=True)
    for failure in plugins.failures:
        warnings.warn(failure, stacklevel=2)
    if result.exit_code == ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    return load_archives([outcome.path for outcome in result.outcomes])


def main() -> None:
    """Run the experiments of the file that calls it, when that is the script that was started.

    `python experiments/first.py -p lr=0.1` then does what `expt experiments/first.py -p lr=0.1`
    does, and ends the process with its exit code. When the file is imported, it does nothing.
    """
    if sys._getframe(1).f_globals.get("__name__") != "__main__":
        return
    from expt.cli import main as cli

    script = sys.modules["__main__"].__file__
    if script is None:
        raise RuntimeError("expt.main() runs the file that it stands in, and here is none")
    sys.exit(cli.main([script, *sys.argv[1:]]))


def _archive_root(runs: str | Path | None) -> Path:
    from expt.reading import find_archive_root

    return find_archive_root(root_or_outer(runs))
