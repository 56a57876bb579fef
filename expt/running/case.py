"""One case → one Outcome: claim an archive, supply arguments, call the function, write the end.

    claim ─► run.json "running" ─► providers ─► call ─► teardown ─► run.json, terminal ─► analyses

What it may call (a report function, the hooks that listen) is handed in; it looks for nothing.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from expt.archive.kept_inputs import keep_inputs
from expt.archive.record import read_record
from expt.ground import layout
from expt.ground.clock import local_now
from expt.ground.declarations import Skipped, Stopped
from expt.ground.errors import ReadingError
from expt.ground.messages import Notice, RunAnnounced, RunFinished, RunStarted
from expt.ground.outer_run import OuterRun
from expt.ground.value_classes import evolve
from expt.parameters.masking import make_scrubber
from expt.reading.series.statistics import summarise_series
from expt.running.capture import captured_output
from expt.running.checkpointing import Checkpoint, find_origin
from expt.running.failure import (
    refuse_breakpoint,
)
from expt.running.graphics_driver import finish_kernels, why_lost
from expt.running.isolation import IgnoredInterrupts, call_apart
from expt.running.judging import Judge
from expt.running.made import made_values, tell_made
from expt.running.making import Making
from expt.running.outcomes import claim_archive, end_trial, outcome_of, start_record
from expt.running.pruning import Pruner, TrialPruned
from expt.running.randomness import Randomness
from expt.running.records import logged_records
from expt.running.scopes import RunScope
from expt.running.supplier import Supplier
from expt.running.supplies import Results, TemporaryFolder, make_log
from expt.running.usage import Meter
from expt.running.watch import CPU, Watch
from expt.tracking.recorder import open_recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from expt.archive.checkpoints import Point
    from expt.ground.model import Case, ErrorInfo, Outcome, Status
    from expt.planning.bound import BoundExperiment
    from expt.planning.contents import Analysis
    from expt.running.session_files import SessionCode
    from expt.running.surroundings import Surroundings


def run_case(case: Case, bound: BoundExperiment, around: Surroundings) -> Outcome:
    """Run one case to its terminal status. Raises `OSError` where no archive can be made.

    Where another session runs it, the outcome says so and nothing is run.
    """
    run = _Run(case, bound, around)
    with IgnoredInterrupts() as early:
        with around.rivals.kept_out(case) as other:
            if other is not None:
                return other
            run.claim()
        run.begin()
    try:
        if early.came:
            raise KeyboardInterrupt
        status, error = call_apart(run.perform, run.tell_stuck)
    except KeyboardInterrupt as late:  # it came between the experiment's end and ours
        status, error = "interrupted", run.judge.describe(late)
    except BaseException as hostile:  # what was raised objects to being looked at
        status, error = "failed", run.judge.describe(hostile)
    with IgnoredInterrupts():
        outcome, is_over = run.finish(status, error)
        if is_over:
            run.seal()
    if not is_over:
        try:
            run.follow_up(outcome)
        except (OSError, KeyboardInterrupt) as late:  # the run has ended: this is beside it
            around.report(Notice(f"what follows the run ended early: {late!r}", case.id))
        with IgnoredInterrupts():
            run.seal()
    run.let_go()
    return outcome


class _Run:
    """The state of one run, from its archive's claim to its last notice."""

    def __init__(self, case: Case, bound: BoundExperiment, around: Surroundings) -> None:
        self._case = case
        self._bound = bound
        self._around = around
        self._scrub = make_scrubber(around.session.secrets)
        self._masked: set[str] = set()  # files of the archive from which secrets were taken
        self._pid = os.getpid()
        self._notices: list[str] = []
        self._results: Results
        self._settled: tuple[dict[str, Any], list[str]] | None = None
        self._code: SessionCode | None = None  # as it was when last asked
        self._making = Making(case, bound, around.options, around.report, self._notices.append)
        self._randomness = Randomness(case.params["seed"])

    # Before

    def claim(self) -> None:
        """Have an archive that says that the case runs; the rest of it follows."""
        around, case = self._around, self._case
        now = local_now()
        self.judge = Judge(
            case, around.options, self._scrub, self._notices.append, time.monotonic()
        )
        self._meter = Meter()
        begun = (self._pid, now.timestamp(), self._meter.begun)

        def announce(run_id: str, path: Path) -> None:
            # so that the parent knows where to write the outcome of a worker that dies now
            around.report(RunStarted(case.id, run_id, str(path), *begun))

        self._archive = claim_archive(case, around.options, now, announce)
        self._record = start_record(case, around.options, around.session, self._archive.id, now)
        if around.options.running.resume:  # other sessions that do look for it
            self._write_record()

    def begin(self) -> None:
        around, case = self._around, self._case
        inputs, notices = keep_inputs(
            self._archive.path, self._bound.measure_inputs(case), case.kept
        )
        self._notices += notices
        self._record = evolve(self._record, inputs=inputs)
        self._archive.write_params(self._record.params, case.choices)
        self._archive.write_patch(around.files.patch)
        self._archive.write_analyses(self._bound.analysis_places())
        self._recorder = open_recorder(
            self._archive.path / layout.SERIES_DIR,
            label=self._archive.id,
            recognise=around.recognise,
            on_tracked=self._on_tracked(),
        )
        self._results = Results(self._recorder.set_result, self._archive.save)
        self._checkpoint = Checkpoint(
            self._archive.path,
            find_origin(case.goes_on_from),
            self._recorder,
            self._results,
            self._randomness,
            self._tell_origin,
        )
        self._folder = TemporaryFolder(self._archive.id)
        self._supplier = Supplier(
            case,
            self._bound,
            around.options,
            around.report,
            self._archive,
            self._recorder,
            self._results,
            self._randomness,
            self._checkpoint,
            self._folder,
        )
        seconds = around.options.keeping.watch
        self._watch = None if seconds is None else Watch(self._recorder, seconds)
        self._archive.write_environment(around.files.environment(self._recorder))
        self._write_code()
        self._write_record()
        if self._watch is not None:
            try:
                self._watch.start()
            except RuntimeError as error:
                self._notices.append(f"nothing is watched: {error}")

    def _tell_origin(self, origin: Point) -> None:
        """The run goes on from another: its lineage says so before anything is carried over."""
        resumed = read_record(origin.archive).id
        lineage = {**self._record.lineage, "resumed_from": resumed}
        self._record = evolve(self._record, lineage=lineage)
        self._write_record()
        if self._watch is not None:
            from expt.reading.references import load_archive  # slow, and few runs go on

            with contextlib.suppress(ReadingError):
                measured = load_archive(origin.archive).series.get(CPU)
                self._watch.go_on_at(0.0 if measured is None else float(max(measured.steps)))

    def _on_tracked(self) -> Callable[[str, Any, float, Any], None] | None:
        trial = self._case.trial
        if trial is None or trial.pruning is None:
            return self._around.on_tracked
        return Pruner(trial.pruning, self._around.on_tracked)

    def _write_code(self) -> None:
        """Add to `code/` what was imported since the last time."""
        code = self._around.files.code(self._bound.sources())
        if code is not self._code:
            self._code = code
            self._archive.write_code(code.files)
            self._masked |= code.masked
            sources = {**code.sources, **self._record.sources}  # what is written stays
            self._record = evolve(self._record, sources=sources)

    def _write_record(self) -> None:
        self._archive.write_record(self._record, self._around.files.encode_record)

    # The run itself

    def perform(self) -> tuple[Status, ErrorInfo | None]:
        """Providers, the function, teardowns: captured, and never raising."""
        scope = RunScope(self._bound.graph, self._supplier.supply)
        raised: BaseException | None = None
        sys.argv[:] = [f"{self._around.options.root}/{self._case.experiment.path}"]
        if not (self._around.debug or os.environ.get("PYTHONBREAKPOINT")):
            sys.breakpointhook = refuse_breakpoint
        with self._captured():
            self._outer_run().announce()
            if self._around.files.rank is not None:
                make_log("launcher").info(str(self._around.files.rank))
            try:
                if self._around.listens("expt_run_started"):
                    run = self._supplier.tell_run()
                    self._around.observe("expt_run_started", run=run, case=self._case)
                if self._case.skip is not None:
                    raise Skipped(self._case.skip)
                returned = self._call(scope)
                finish_kernels()  # before what it returned is read
                if returned is not None:
                    self._notices += self._results.keep_returned(returned)
            except BaseException as error:
                raised = error
            if os.getpid() != self._pid:
                os._exit(0)  # a child that the experiment forked must not end its parent's run
            if isinstance(raised, Stopped):
                self._notices.append(f"stopped: {raised.reason}" if raised.reason else "stopped")
                raised = None
            is_calm = isinstance(raised, (Skipped, TrialPruned))
            if raised is not None and self._around.debug and not is_calm:
                self._around.debug(raised)
            teardown = self._finish_scope(scope)
            # now: a value may be a list of this process, which is about to be put back
            self._settled = self._results.settle()
            return self.judge.judge(raised, teardown)

    def _call(self, scope: RunScope) -> Any:
        self._randomness.begin()
        try:
            arguments = scope.make_arguments(self._around.scope, self._making)
        finally:
            self._tell_made(scope)
        self._randomness.begin()  # whatever was drawn for them, and whichever of them were kept
        return self._bound.graph.root(arguments)

    def _tell_made(self, scope: RunScope) -> None:
        """Put what providers gave into the record at once: the run may not reach its end."""
        told = made_values(self._bound.graph, scope.made, self._case.secrets, self._scrub)
        if told and os.getpid() == self._pid:
            self._record = evolve(
                self._record,
                origins=tell_made(self._record.origins, told),
                made={name: value for (name, depth), value in told.items() if depth == 0},
            )
            self._write_record()

    def _captured(self) -> contextlib.AbstractContextManager[None]:
        level = self._around.options.keeping.log_level
        if self._around.debug:
            return logged_records(sys.stderr, level)
        log = f"{self._archive.path}/{layout.LOG_FILE}"
        secrets = self._around.session.secrets
        return captured_output(log, level, secrets, lambda: self._masked.add(layout.LOG_FILE))

    def tell_stuck(self, what: str) -> None:
        """A notice of what the next run of this process will see."""
        self._notices.append(
            f"cannot be put back for later runs: {what}; --isolate gives each run a new process"
        )

    def _finish_scope(self, scope: RunScope) -> list[BaseException]:
        """Every teardown, even where a Ctrl-C comes in between."""
        raised: list[BaseException] = []
        while True:
            try:
                raised += scope.finish()
                self._folder.remove()
                return raised
            except KeyboardInterrupt as error:
                raised.append(error)

    def _outer_run(self) -> OuterRun:
        return OuterRun.of(self._archive.id, self._case.id, self._around.options)

    # After

    def finish(self, status: Status, error: ErrorInfo | None) -> tuple[Outcome, bool]:
        """The terminal status, after all data, and whether nothing follows but `seal`.

        Raises `OSError` where it cannot be written.
        """
        try:
            if self._watch is not None:
                self._watch.stop()
            self._recorder.close()
            self._write_code()
        except OSError as refused:  # a full disk, say: the status may still find its place
            status, error = "failed", error or self.judge.describe(refused)
        results, notices = self._settled or self._results.settle()
        self._notices += [*notices, *self._recorder.notices]
        if lost := why_lost():
            self._notices.append(
                f"the GPU is lost to this process ({lost}); the next run gets a new worker, except "
                "with '-n 0'"
            )
        if self._masked:
            self._notices.append(f"secrets are masked in {', '.join(sorted(self._masked))}")
        series = {}
        if not self._recorder.is_empty:
            series = summarise_series(self._recorder.folder, self._archive.read_series())
        duration = time.monotonic() - self.judge.began - self._making.seconds
        self._record = evolve(
            self._record,
            status=status,
            lineage=end_trial(self._record.lineage, "pruned" if self.judge.is_pruned else status),
            finished=local_now().isoformat(),
            duration=duration,
            setup=self._around.import_seconds + self._making.seconds,
            results=results,
            series=series,
            error=error,
            notices=tuple(map(self._scrub, self._notices)),
            usage=self._meter.read(),
        )
        self._write_record()
        outcome = outcome_of(self._record, self._case.id, self._archive.path)
        if lost:
            outcome = evolve(outcome, spoiled=True)
        heard = self._around.listens("expt_run_finished")
        is_over = not self._analyses_of(outcome) and not heard
        self._around.report(RunFinished(self._case.id, outcome, is_over))
        return outcome, is_over

    def _analyses_of(self, outcome: Outcome) -> Sequence[Analysis]:
        is_whole = outcome.status == "completed" and not self.judge.is_pruned
        return self._bound.binding.analyses if is_whole else ()

    def follow_up(self, outcome: Outcome) -> None:
        """Analyses and observers, after the terminal status and outside the duration."""
        analyses = self._analyses_of(outcome)

        def tell() -> None:
            with self._captured():
                self._outer_run().announce()
                if analyses:
                    from expt.running.analyses import analyse_run  # slow, and few have them

                    analyse_run(self._archive.path, analyses, self.judge, self._tell)
                if self._around.listens("expt_run_finished"):
                    self._around.report(RunAnnounced(self._case.id))
                    self._around.observe(
                        "expt_run_finished",
                        run=self._supplier.tell_run(),
                        case=self._case,
                        outcome=outcome,
                    )

        call_apart(tell, self.tell_stuck)

    def seal(self) -> None:
        """The hashes of all that is there now: nothing of it changes any more."""
        try:
            self._archive.write_manifest()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            self._tell(f"no manifest could be written: {reason}")

    def let_go(self) -> None:
        """Hold nothing any more: what the run had is freed now, not when the collector comes by."""
        vars(self).clear()

    def _tell(self, text: str) -> None:
        """A notice, which comes too late for the record."""
        self._around.report(Notice(text, self._case.id))
