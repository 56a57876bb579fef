"""The nodes of experiments in pytest's tree: a file of them, and one case each."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import pytest
from _pytest._code.code import ExceptionChainRepr, ReprEntryNative, ReprFileLocation, ReprTraceback

from expt.discovery.labels import known_labels
from expt.ground.errors import ExptError
from expt.ground.layout import LOG_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from expt.ground.model import Experiment, Outcome
    from expt.in_pytest.lasting_session import LastingSession


_LONGEST_LOG: Final = 20_000  # characters of what a failed run printed, the last of them


class Maker(Protocol):
    """What nodes need of the plugin that made them."""

    session: LastingSession

    def marks_of(self, experiment: Experiment) -> Sequence[str]: ...


class ExperimentFailed(Exception):
    """Cases of an item did not complete."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        super().__init__(outcomes)
        self.outcomes = outcomes


class ExperimentFile(pytest.File):
    """A module, or a folder's `params.toml`, with experiments; what is wrong with it is told."""

    experiments: Sequence[Experiment] = ()
    mistakes: Sequence[ExptError] = ()
    plugin: Maker

    def collect(self) -> Iterator[ExperimentItem]:
        """An item for each case; where sources do not show the cases, one for all: `[?]`."""
        if self.mistakes:
            raise self.CollectError("\n".join(map(str, self.mistakes)))
        for experiment in self.experiments:
            labels = known_labels(experiment)
            for label in ["?"] if labels is None else labels:
                name = experiment.name if label is None else f"{experiment.name}[{label}]"
                item: ExperimentItem = ExperimentItem.from_parent(self, name=name)
                item.experiment = experiment
                item.label = label
                for mark in self.plugin.marks_of(experiment) if experiment.marks else ():
                    item.add_marker(mark)
                yield item


class ExperimentItem(pytest.Item):
    """One case, or all cases of an experiment whose sources do not show them."""

    experiment: Experiment
    label: str | None

    def runtest(self) -> None:
        """Run it as a part of this process's session; archives are properties of the item."""
        from expt.reading.references import load_archive  # slow, and not needed to list
        from expt.terminal.endings import other_notices, skip_reason

        assert isinstance(self.parent, ExperimentFile)  # noqa: S101 - no other makes items
        session = self.parent.plugin.session
        outcomes, said = session.run(self.experiment, self.label)
        for outcome in outcomes:
            if outcome.path:
                self.user_properties.append(("archive", outcome.path))
                if outcome.status != "completed":
                    log = load_archive(outcome.path).log[-_LONGEST_LOG:]
                    self.add_report_section("call", LOG_FILE, log)
            said += other_notices(outcome)
        if said:
            self.add_report_section("call", "notices", "\n".join(said))
        if any(outcome.status in ("failed", "interrupted") for outcome in outcomes):
            raise ExperimentFailed(outcomes)
        if all(outcome.status == "skipped" for outcome in outcomes):
            reasons = [skip_reason(outcome) for outcome in outcomes]
            reason = "; ".join(dict.fromkeys(reasons)) or "\n".join(said) or "nothing ran"
            raise pytest.skip.Exception(reason, _use_item_location=True)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The traceback of the run, as `--tb` shows it, and where its archive is."""
        from expt.terminal.tracebacks import error_line  # as above

        if isinstance(excinfo.value, ExptError):
            return self._shown(excinfo.value.what, str(excinfo.value))
        if not isinstance(excinfo.value, ExperimentFailed):
            return super().repr_failure(excinfo, style)
        bad = [one for one in excinfo.value.outcomes if one.status in ("failed", "interrupted")]
        style = self.config.getoption("tbstyle")
        texts = [self._tell(outcome, style) for outcome in bad]
        first = bad[0].error
        return self._shown(error_line(first) if first else bad[0].status, "\n\n".join(texts))

    def _tell(self, outcome: Outcome, style: str) -> str:
        from expt.terminal.tracebacks import error_lines  # as above

        told = [] if outcome.error is None else error_lines(outcome.error, style, Path.cwd())
        smoke = ["--smoke"] if self.config.getoption("expt") == "smoke" else []
        again = shlex.join(["expt", outcome.case_id, *smoke])
        lines = [*told, "", f"archive: {outcome.path or 'none could be made'}", f"again: {again}"]
        return "\n".join(lines).lstrip("\n")

    def _shown(self, line: str, text: str) -> ExceptionChainRepr:
        """A failure in pytest's own form, which xdist can send: one line, and all of it."""
        path, number, _ = self.reportinfo()
        crash = ReprFileLocation(str(path), (number or 0) + 1, line)
        whole = ReprTraceback([ReprEntryNative([f"{text}\n"])], None, style="native")
        return ExceptionChainRepr([(whole, crash, None)])

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The file that hosts it, and the line of the function where that file has it."""
        own = self.experiment.path == self.experiment.place
        return self.path, self.experiment.line - 1 if own else None, self.name
