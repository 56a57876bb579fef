"""One session of expt for all items that one process of pytest runs, each a plan of its own."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from expt.ground.messages import Notice
from expt.ground.options import Options, runs_root
from expt.ground.value_classes import evolve

if TYPE_CHECKING:
    from expt.ground.messages import Event
    from expt.ground.model import Experiment, Outcome, Plan
    from expt.plugins.manager import Plugins
    from expt.sessions.session import OpenSession


class LastingSession:
    """Begins with the first item; its workers, imports and session providers stay for the next."""

    def __init__(self, options: Options, plugins: Plugins) -> None:
        telling = evolve(options.telling, verbosity=-2)
        self._options = evolve(options, telling=telling)
        self._plugins = plugins
        self._heard = _Heard()
        self._stack = contextlib.ExitStack()
        self._session: OpenSession | None = None

    @property
    def shown_root(self) -> str:
        """Where its archives go, from the working directory."""
        return os.path.relpath(runs_root(self._options))

    def run(self, experiment: Experiment, label: str | None) -> tuple[list[Outcome], list[str]]:
        """The outcomes of one case, or of all where the label is `?`, and what was said.

        No outcome where expt leaves the experiment out. Raises `ExptError` for what cannot be
        planned, `KeyboardInterrupt` after Ctrl-C.
        """
        self._heard.clear()
        try:
            outcomes = self._begun().run(self._only(experiment, label))
        except Exception as error:
            self._heard.said.clear()
            raise error
        except BaseException:  # pytest.fail of a time limit, too: what still runs is to end
            self._abandon()
            raise
        return outcomes, self._heard.said

    def close(self) -> None:
        """Make what pictures are left, and end the workers."""
        self._session = None
        self._stack.close()

    def _begun(self) -> OpenSession:
        if self._session is None:
            from expt.sessions.session import open_session  # slow, and not needed to list

            self._plugins.register(self._heard, "pytest")
            self._session = self._stack.enter_context(open_session(self._options, self._plugins))
        return self._session

    def _only(self, experiment: Experiment, label: str | None) -> Options:
        case = "" if label is None else f"[{label}]"
        options = self._options
        selection = evolve(
            options.selection,
            paths=(options.root / experiment.place,),
            node_ids=(f"{experiment.id}{case}",),
        )
        return evolve(options, selection=selection)

    def _abandon(self) -> None:
        stopped = KeyboardInterrupt()
        self._session = None
        with contextlib.suppress(KeyboardInterrupt):
            self._stack.__exit__(KeyboardInterrupt, stopped, None)
        self._stack = contextlib.ExitStack()


class _Heard:
    """What plans and runs say beside their outcomes."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def clear(self) -> None:
        self.said = []

    def expt_plan_finished(self, plan: Plan) -> None:
        """Why experiments are left out, and what went wrong beside them."""
        self.said += [*plan.notes, *plan.warnings, *plan.errors]

    def expt_event_received(self, event: Event) -> None:
        """Notices."""
        if isinstance(event, Notice):
            self.said.append(event.text)
