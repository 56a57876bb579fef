"""What the archives say of a plan's cases: which are done, what changed and why, what they cost.

fingerprint known ─► completed: done    running: running    else: failed
the values known ─► changed, and why          neither ─► new
under --resume, the name known ─► changed, and why
"""

from __future__ import annotations

import contextlib
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.archive.checkpoints import read_points
from expt.ground.encoding import from_json, is_same, to_json
from expt.ground.errors import ReadingError
from expt.ground.files import folder_size
from expt.ground.layout import CODE_DIR, SESSIONS_DIR
from expt.ground.model import LAYER_DRAWN, Origin, Past, PinnedRun
from expt.ground.objects import safe_repr
from expt.ground.options import runs_root
from expt.ground.text import some_of, value_text
from expt.ground.value_classes import evolve
from expt.parameters.secret_values import mask_secrets
from expt.parameters.seeds import SEED, is_drawn
from expt.reading.fields import leaf_values
from expt.reading.finding import find_runs_of
from expt.sessions.needing import needed_ids
from expt.sessions.shipping import files_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from expt.ground.model import Case, Plan
    from expt.ground.options import Options
    from expt.reading.run import Run

_Timed = tuple[dict[str, str], float]
"""The values of a run, as texts, and its seconds."""

_RECENT: Final = 20  # runs of an experiment from which a price is told
_UNFINISHED: Final = ("failed", "interrupted", "lost")
_SHOWN: Final = 40  # characters of a value in a reason
_NEW: Final = Past("new")
_BUSY: Final = "it runs in another session"


def look_back(plan: Plan, options: Options, known: Mapping[str, PinnedRun] | None = None) -> Plan:
    """The plan with what the archives say of each case; one to go on with has its checkpoint.

    Under `--resume` a case whose newest runs of the same fingerprint did not complete goes on from
    the newest of their checkpoints, and takes over its seed where none is given. `known` are runs
    of cases that the plan needs beside its own.
    """
    history = _History(options, plan.cases)
    pasts = {id_: Past("done", run=run.id) for id_, run in (known or {}).items()}
    for case in plan.cases:  # after those that it needs
        pasts[case.id] = history.past_of(case, pasts)
    cases = plan.cases
    if options.running.resume:
        cases = tuple(history.taken_over(case, pasts) for case in cases)
    reused = {
        case.id: history.pinned(past.run)
        for case in cases
        if (past := pasts[case.id]).state == "done" and past.run is not None
    }
    return evolve(plan, cases=cases, pasts=pasts, reused=reused)


def choose_cases(plan: Plan, options: Options) -> Plan:
    """Those cases of a plan that was looked back on that are to run, in their order."""
    running, pasts, notes = options.running, plan.pasts, list(plan.notes)
    cases = list(plan.cases)
    deselected = plan.deselected
    if running.last_failed or running.failed_first:
        failed = [case for case in cases if pasts[case.id].ended_badly]
        if not failed:
            notes.append("no case failed when it last ran")
        if running.last_failed:
            chosen = _with_needs(cases, failed, pasts)
            notes += _tell_reused(chosen, plan)
            deselected += len(cases) - len(chosen)
            cases = chosen
        else:
            cases = [*failed, *(case for case in cases if not pasts[case.id].ended_badly)]
    done: tuple[Case, ...] = ()
    busy: list[str] = []
    if running.resume:
        left_out = {"done", "running"}
        done = tuple(case for case in cases if pasts[case.id].state == "done")
        busy = [case.id for case in cases if pasts[case.id].state == "running"]
        if done:
            to_run = len(cases) - len(done) - len(busy)
            notes.append(f"{len(done)} of {len(cases)} cases are done, {to_run} to run")
        notes += [f"{case_id}: left out, {pasts[case_id].why or _BUSY}" for case_id in busy]
        cases = [case for case in cases if pasts[case.id].state not in left_out]
    run_again = {case.id for case in cases}
    reused = {id_: run for id_, run in plan.reused.items() if id_ not in run_again}
    if running.order == "longest":
        cases.sort(key=lambda case: -(pasts[case.id].seconds or 0.0))
    return evolve(
        plan,
        cases=_after_needs(cases),
        done=done,
        notes=tuple(notes),
        deselected=deselected,
        reused=reused,
        elsewhere=len(busy),
    )


def _with_needs(
    cases: Sequence[Case], failed: Sequence[Case], pasts: Mapping[str, Past]
) -> list[Case]:
    """The failed cases with those that need them, and with what they need that is not done."""
    chosen = {case.id for case in failed}
    for case in cases:  # each after those that it needs
        if chosen.intersection(needed_ids(case)):
            chosen.add(case.id)
    for case in reversed(cases):
        if case.id in chosen:
            chosen.update(id_ for id_ in needed_ids(case) if pasts[id_].state != "done")
    return [case for case in cases if case.id in chosen]


def _after_needs(cases: Sequence[Case]) -> tuple[Case, ...]:
    """The cases in their order, what one needs right before it where it would come later."""
    by_id = {case.id: case for case in cases}
    ordered: dict[str, Case] = {}

    def add(case: Case) -> None:
        if case.id not in ordered:
            for id_ in needed_ids(case):
                if id_ in by_id:
                    add(by_id[id_])
            ordered[case.id] = case

    for case in cases:
        add(case)
    return tuple(ordered.values())


def _tell_reused(chosen: Sequence[Case], plan: Plan) -> list[str]:
    """The notes on runs that are given to cases without being made anew."""
    ids = {case.id for case in chosen}
    given = dict.fromkeys(id_ for case in chosen for id_ in needed_ids(case) if id_ not in ids)
    return [f"{id_}: its run {plan.reused[id_].id} is given to what needs it" for id_ in given]


class _History:
    """The runs of a plan's experiments, newest first."""

    def __init__(self, options: Options, cases: Sequence[Case]) -> None:
        self._options = options
        self._by_fingerprint: dict[str, list[Run]] = {}
        self._by_name: dict[str, list[Run]] = {}
        self._by_id: dict[str, Run] = {}
        self._by_experiment: dict[str, list[Run]] = {}
        self._closures: dict[str, list[str]] = {}
        experiments = {case.experiment.id for case in cases}
        for run in find_runs_of(runs_root(options), experiments):
            fingerprint = run.listed_lineage.get("fingerprint")
            if isinstance(fingerprint, str):
                self._by_fingerprint.setdefault(fingerprint, []).append(run)
            self._by_name.setdefault(run.node_id, []).append(run)
            self._by_id[run.id] = run
            self._by_experiment.setdefault(run.experiment, []).append(run)
        self._waiting = _waiting_cases(runs_root(options))
        self._prices = {name: self._price(runs) for name, runs in self._by_experiment.items()}

    def pinned(self, run_id: str) -> PinnedRun:
        """A run as it is given to what needs it."""
        run = self._by_id[run_id]
        started = run.started.isoformat()
        return PinnedRun(run.id, run.id, run.node_id, started, path=str(run.path))

    def past_of(self, case: Case, pasts: Mapping[str, Past]) -> Past:
        """What is known of a case; `pasts` holds that of all that it needs."""
        named = self._by_name.get(case.id, [])
        same = self._by_fingerprint.get(case.fingerprint or "", [])
        known = same or named
        bad = bool(named) and named[0].status in _UNFINISHED
        durations = [run.duration for run in known if run.status == "completed"]
        timed, size = self._prices.get(case.experiment.id, ((), None))
        seconds = durations[0] if durations else None
        if seconds is None:
            seconds = _seconds_of_nearest(case, timed)
        past = Past("new", seconds=seconds, size=size, ended_badly=bad)
        for id_ in needed_ids(case):
            if pasts.get(id_, _NEW).state == "running":
                why = f"it needs {id_}, which runs in another session"
                return evolve(past, state="running", why=why)
        why = _needs_anew(case, pasts)
        for run in same if not why else ():
            if run.status == "completed":
                why = self._other_needs(case, run, pasts)
                if not why:
                    return evolve(past, state="done", run=run.id)
        for run in same:
            if run.status == "running":
                return evolve(past, state="running", run=run.id)
        if (case.id, case.fingerprint) in self._waiting:
            return evolve(past, state="running", why="it waits at an engine")
        if same and not why:
            how = "" if same[0].status == "failed" else same[0].status
            return evolve(past, state="failed", why=how, run=same[0].id)
        alike = same or self._same_values(case, named)
        if alike or (named and self._options.running.resume):
            among = alike or named
            run = next((run for run in among if run.status == "completed"), among[0])
            return evolve(past, state="changed", why=why or self._why(case, run), run=run.id)
        return past

    def _same_values(self, case: Case, runs: Sequence[Run]) -> list[Run]:
        """The newest of the runs that had the values that a case has now."""
        alike = []
        for run in runs[:_RECENT]:
            with contextlib.suppress(ReadingError):
                alike += [] if any(self._changed_values(case, run)) else [run]
        return alike

    def _other_needs(self, case: Case, run: Run, pasts: Mapping[str, Past]) -> str:
        """Why a run is not one that is made from the runs that would be given now; '' for none.

        A run of the same code, values and seed is as good as the very one.
        """
        lineage = run.listed_lineage.get("needs")
        before = list(lineage.values()) if isinstance(lineage, dict) else []
        now = [pasts.get(id_, _NEW).run or "" for id_ in needed_ids(case)]
        for id_, old, new in zip(needed_ids(case), before, now, strict=False):
            if old != new and self._identity(old) != self._identity(new):
                return f"{id_} was the run {old} and is {new}"
        if len(before) != len(now):
            return f"it was given {len(before)} runs that it needs and would be given {len(now)}"
        return ""

    def _identity(self, run_id: str) -> Any:
        """What two runs have in common that must come out alike: else the id."""
        run = self._by_id.get(run_id)
        seed = None if run is None else run.params.get(SEED)
        return run_id if run is None else (run.listed_lineage.get("fingerprint"), seed)

    def _price(self, runs: Sequence[Run]) -> tuple[list[_Timed], int | None]:
        """Values and seconds of the newest runs of the experiment, and expected bytes of one."""
        completed = [run for run in runs if run.status == "completed"][:_RECENT]
        timed: list[_Timed] = []
        for run in completed:
            with contextlib.suppress(ReadingError):
                if run.duration is not None:
                    timed.append((_value_texts(run.params), run.duration))
        sizes = [folder_size(run.path) for run in completed[:3]]
        return timed, int(statistics.mean(sizes)) if sizes else None

    # Going on

    def taken_over(self, case: Case, pasts: Mapping[str, Past]) -> Case:
        """The case with what it has of runs before: all of one that is done, or what goes on."""
        past = pasts[case.id]
        known = self._by_fingerprint.get(case.fingerprint or "", [])
        case = evolve(case, known=tuple(run.id for run in known))
        if past.state == "done" and past.run is not None:
            return _with_seed_of(case, self._by_id[past.run])
        return self._go_on(case, pasts) if past.state == "failed" else case

    def _go_on(self, case: Case, pasts: Mapping[str, Past]) -> Case:
        """The case with the archives that it may go on from, and the seed of the first of them."""
        runs = [
            run
            for run in self._by_fingerprint.get(case.fingerprint or "", [])
            if run.status in _UNFINISHED
            and not self._other_needs(case, run, pasts)
            and next(read_points(run.path), None) is not None
        ]
        if not runs:
            return case
        if is_drawn(case.origins.get(SEED, ())):
            case = _with_seed_of(case, runs[0])
            seed = runs[0].params.get(SEED)
            runs = [run for run in runs if run.params.get(SEED) == seed]
        return evolve(case, goes_on_from=tuple(str(run.path) for run in runs))

    # Why a case is not what was run

    def _why(self, case: Case, run: Run) -> str:
        """The first change of code, a value or an input that tells why the fingerprints differ."""
        try:
            changes = [*self._changed_values(case, run), *self._changed_code(case, run)]
            changes += [] if changes else self._changed_inputs(case, run)
            changes += [] if changes else _changed_packages(run)
        except ReadingError as error:
            return error.what
        if not changes:
            return "something that the archive does not tell, or another version of expt"
        return some_of(changes, 1)

    def _changed_values(self, case: Case, run: Run) -> Iterator[str]:
        kept = from_json(to_json(mask_secrets(case.params, case.secrets)))
        now = dict(leaf_values(kept))
        before = dict(leaf_values(run.params))
        for name in dict.fromkeys((*now, *before)):
            if name == SEED and is_drawn(case.origins.get(SEED, ())):
                continue
            if name in case.needs and run.listed_lineage.get("needs"):
                continue  # which runs it is given is asked elsewhere
            if name not in before:
                yield f"{name} = {_short(now[name])} is new"
            elif name not in now:
                yield f"{name} is gone, it was {_short(before[name])}"
            elif not is_same(now[name], before[name]):
                yield f"{name} was {_short(before[name])} and is {_short(now[name])}"

    def _changed_code(self, case: Case, run: Run) -> Iterator[str]:
        closure = self._closure(case)
        for path in closure:
            now = _read(self._options.root / path) or b""
            before = _read(run.path / CODE_DIR / path)
            if before is None:
                yield f"{path} is new"
            elif now != before:
                yield f"{path}{_first_change(now.splitlines(), before.splitlines())}"
        for path in sorted(run.record.sources):
            if path not in closure and not (self._options.root / path).exists():
                yield f"{path} is gone"

    def _closure(self, case: Case) -> list[str]:
        """The files of the case's fingerprint, its own first."""
        experiment = case.experiment
        if experiment.id not in self._closures:
            self._closures[experiment.id] = files_of(experiment, self._options.root)
        return self._closures[experiment.id]

    def _changed_inputs(self, case: Case, run: Run) -> Iterator[str]:
        from expt.planning.inputs import measure_input  # its package is slow, and few come here

        for name in dict.fromkeys((*case.inputs, *run.record.inputs)):
            path = self._options.cwd / Path(str(case.params.get(name))).expanduser()
            before: Mapping[str, Any] = run.record.inputs.get(name, {})
            if not path.exists():
                yield f"the file of {name}, {path}, is gone"
            elif measure_input(path, {})["sha256"] != before.get("sha256"):
                yield f"the file of {name}, {path}"


def _seconds_of_nearest(case: Case, timed: Sequence[_Timed]) -> float | None:
    """Expected of a run: the median of those that have most values in common with it."""
    now = _value_texts(case.params)
    common = [sum(now.get(name) == text for name, text in texts.items()) for texts, _ in timed]
    most = max(common, default=0)
    nearest = [took for (_, took), count in zip(timed, common, strict=True) if count == most]
    return statistics.median(nearest) if nearest else None


def _value_texts(params: Mapping[str, Any]) -> dict[str, str]:
    return {name: safe_repr(value) for name, value in params.items()}


def _needs_anew(case: Case, pasts: Mapping[str, Past]) -> str:
    """Why a case cannot be done, since what it needs is not; '' where all of that is."""
    for id_ in needed_ids(case):
        state = pasts.get(id_, _NEW).state
        if state != "done":
            return f"{id_} is {'to be run' if state == 'new' else 'run again'}"
    return ""


def _changed_packages(run: Run) -> Iterator[str]:
    """Packages that are of another version now: no part of a fingerprint, but of what made it."""
    from importlib import metadata  # slow, and few come here

    packages = run.environment.get("packages")
    for name, before in packages.items() if isinstance(packages, dict) else ():
        try:
            now = metadata.version(name)
        except metadata.PackageNotFoundError:
            now = "gone"
        if now != before:
            yield f"the package {name} was {before} and is {now}"


def _waiting_cases(root: Path) -> frozenset[tuple[str, str | None]]:
    """The cases that sessions have left to an engine and that have not begun, by fingerprint."""
    if not (root / SESSIONS_DIR).is_dir():
        return frozenset()
    from expt.executors.engines.detached import find_detached  # few sessions leave anything

    left = [one for one in find_detached(root) if one.is_at_engine()]
    return frozenset(case for one in left for case in one.waiting())


def _with_seed_of(case: Case, run: Run) -> Case:
    """The case with the seed that was drawn for a run of it, where nobody gives one."""
    seed = run.params.get(SEED)
    if not is_drawn(case.origins.get(SEED, ())) or type(seed) is not int:
        return case
    origin = Origin(LAYER_DRAWN, f"for {run.id}", seed)
    return evolve(
        case, params={**case.params, SEED: seed}, origins={**case.origins, SEED: (origin,)}
    )


def _short(value: Any) -> str:
    text = value_text(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _first_change(now: Sequence[bytes], before: Sequence[bytes]) -> str:
    """Where the lines of a file begin to differ, as it follows its path."""
    if now == before:
        return ", the ends of its lines"
    pairs = zip(now, before, strict=False)
    first = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(now), len(before)))
    return f":{first + 1}"


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
