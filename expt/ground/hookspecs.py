"""The plugin contract: every hook, and the one process that it is called in.

    parent   add_options ─ add_verbs ─ add_formats ─ session_started ─ collection_finished
             make_executor ─ make_sampler ─ plan_finished ─ event_received …  add_cases …
             session_finished
    worker   make_providers ─ convert_value ─ run_started ─ recognise_value ─ value_tracked …
             run_finished
    renderer render_series … ─ render_run … ─ render_session
    page     show_run ─ show_series …

Deciding hooks (marked so below) may fail the session with an `ExptError`; observing hooks may
not: a failure is reported, the others are still called, the run goes on. Plugins implement hooks
with `@expt.hook`; a `conftest.py` implements the worker's hooks and hears only of experiments
below its folder.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

import pluggy

from expt.ground.errors import did_you_mean

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from expt.ground.messages import Event, Executor
    from expt.ground.model import Case, Experiment, Kind, Outcome, Plan
    from expt.ground.options import Options
    from expt.ground.trials import SearchTerms

PROJECT: Final = "expt"
spec: Final = pluggy.HookspecMarker(PROJECT)
hook: Final = pluggy.HookimplMarker(PROJECT)
PREFIX: Final = "expt_"
"""Functions whose names begin so are hooks, in a plugin and in a `conftest.py`."""


def find_misfit(function: Callable[..., Any], name: str) -> tuple[str, str] | None:
    """Why a function is no implementation of the hook `name`, and what to do; None where it is."""
    specified = globals().get(name) if name.startswith(PREFIX) else None
    if specified is None:
        known = sorted(found for found in globals() if found.startswith(PREFIX))
        return f"there is no hook '{name}'", did_you_mean(name, known) or f"hooks: {_told(known)}"
    given = specified.__code__.co_varnames[: specified.__code__.co_argcount]
    for asked, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in _STARRED or parameter.default is not parameter.empty:
            continue  # pluggy leaves these as they are
        if asked not in given:
            takes = f"arguments: {_told(given)}" if given else "it has no arguments"
            return f"'{name}' has no argument '{asked}'", takes
        if parameter.kind is parameter.KEYWORD_ONLY:
            return f"'{name}' takes '{asked}' by keyword alone", "leave out the '*' before it"
    marked = getattr(function, f"{PROJECT}_impl", None) or {}
    if marked.get("wrapper") or marked.get("hookwrapper"):
        return f"'{name}' is a wrapper", "implement the hook itself"
    return None


_STARRED: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _told(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


# In the parent


@spec
def expt_add_options(parser: argparse.ArgumentParser) -> None:
    """Deciding, parent. Add options to `expt run`; values arrive in `options.plugin_options`."""


@spec
def expt_add_verbs(verbs: dict[str, Callable[[list[str]], int]]) -> None:
    """Deciding, parent. Add verbs: `verbs["name"] = main`, called with the words after the verb."""


@spec
def expt_add_formats(exports: dict[str, Any], imports: dict[str, Any]) -> None:
    """Deciding, parent. Add formats of `expt export` and `expt import`: `exports["name"]` is an
    `expt.exchange.foreign.Export`, `imports["name"]` an `Import`."""


@spec(firstresult=True)
def expt_make_executor(options: Options, make_worker: Callable[[], Any]) -> Executor | None:
    """Deciding, parent. Supply the executor of this session; None leaves it to the next plugin."""


@spec(firstresult=True)
def expt_make_sampler(terms: SearchTerms) -> Any | None:
    """Deciding, parent. Supply what chooses the trials of a search, with `ask` and `tell`; None
    leaves it to the next plugin, and then to expt. `terms.sampler` is the name that was given."""


@spec
def expt_add_cases(case: Case, outcome: Outcome) -> Sequence[Mapping[str, Any]] | None:
    """Deciding, parent. A run has ended: further cases, as the values in which they differ from it.

    With `--resume` it is called for what was done before, too. A case that the session has is not
    run again.
    """


@spec
def expt_collection_finished(
    options: Options, experiments: Sequence[Experiment], deselected: int
) -> None:
    """Observing, parent. What discovery found and the words of the command line left over."""


@spec
def expt_plan_finished(options: Options, plan: Plan) -> None:
    """Observing, parent. The cases are decided; none has run."""


@spec
def expt_session_started(options: Options, session_id: str) -> None:
    """Observing, parent. Before discovery, once a session."""


@spec
def expt_event_received(event: Event) -> None:
    """Observing, parent. A run started, progressed, finished or was rendered; or a notice."""


@spec
def expt_session_finished(options: Options, outcomes: Sequence[Outcome], exit_code: int) -> None:
    """Observing, parent. Every run and rendering has ended; once a session, however it ended."""


# In the worker


@spec
def expt_make_providers() -> Mapping[str, Callable[..., Any]]:
    """Deciding, worker. Providers of a plugin, by argument name: the weakest layer of all."""


@spec(firstresult=True)
def expt_convert_value(value: Any, annotation: Any) -> Any | None:
    """Deciding, worker. Make a plain value the instance of a plugin's own class, or return None.

    Raises `ValueError` or `TypeError` for a value that does not fit.
    """


@spec
def expt_run_started(run: Any, case: Case) -> None:
    """Observing, worker. The archive exists, the experiment is about to be called.

    `run` has `id`, `path`, `tags` and `note`.
    """


@spec(firstresult=True)
def expt_recognise_value(value: Any) -> tuple[Kind, Any] | None:
    """Deciding, worker. Kind and storable form of a tracked value that expt does not know."""


@spec
def expt_value_tracked(name: str, kind: Kind, step: int, value: Any) -> None:
    """Observing, worker. A value was stored. Costs nothing where nobody listens."""


@spec
def expt_run_finished(run: Any, case: Case, outcome: Outcome) -> None:
    """Observing, worker. The terminal status is on disk; once a run, however it ended."""


# In the page


@spec
def expt_show_run(run: Any) -> Sequence[Mapping[str, Any]] | None:
    """Observing, page. Panels that `expt view` and `expt report` show of one run.

    `run` is what `expt.load` gives. A panel is `{"title": text}` and one of `"text": text`,
    `"picture": path` (a PNG, JPEG, GIF or MP4 inside the archive) and `"chart": {"data": …,
    "layout": …}` (plotly's JSON). None of them can bring a script.
    """


@spec
def expt_show_series(run: Any, series: Any) -> Sequence[Mapping[str, Any]] | None:
    """Observing, page. Panels of one tracked series, as `expt_show_run` gives those of a run.

    For a kind of value that a plugin knows how to show: `series.kind`, `series.name` and
    `series.values` tell which it is. `run` and `series` are what `expt.load` gives.
    """


# In the renderer


@spec
def expt_render_series(run: Any, series: Any, folder: Path, stem: str) -> Sequence[Path] | None:
    """Observing, renderer. Write pictures of one series into `folder`; return the files made.

    `run` and `series` are what `expt.load` gives. `stem` is a file name without suffix that is
    safe and no other series' own: write `folder / f"{stem}.svg"`, or `f"{stem}~detail.svg"`.
    What is said with `warnings.warn` becomes a notice that names the series.
    """


@spec
def expt_render_run(run: Any, folder: Path) -> Sequence[Path] | None:
    """Observing, renderer. Write renderings of a whole run into `folder`; return the files made."""


@spec
def expt_render_session(runs: Any, session_id: str, folder: Path) -> Sequence[Path] | None:
    """Observing, renderer. Write renderings of what the runs of a session have in common into
    `folder`; return the files made. Called for two runs or more, after their own renderings.

    `runs` is what `expt.runs` gives, with `--resume` also what was done before. The files end
    up in `runs/.sessions/<session_id>/`.
    """
