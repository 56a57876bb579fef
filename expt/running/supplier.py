"""What one run gives to those who ask: its built-ins, and values as their annotations want them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from expt.ground.model import BUILTIN_PROVIDERS, Opaque
from expt.ground.value_classes import evolve
from expt.running.supplies import (
    ArchiveHandle,
    Hooks,
    Progress,
    RunInfo,
    TemporaryFolder,
    freeze_params,
    make_log,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from expt.archive.writer import Archive
    from expt.ground.messages import Report
    from expt.ground.model import Case
    from expt.ground.options import Options
    from expt.planning.bound import BoundExperiment
    from expt.planning.contents import Listener
    from expt.planning.providers import Function
    from expt.running.checkpointing import Checkpoint
    from expt.running.randomness import Randomness
    from expt.running.scopes import RunScope
    from expt.running.supplies import Results
    from expt.tracking.recorder import Recorder


class Supplier:
    """The built-in providers of one run; `supply` gives a scope what its functions ask for."""

    def __init__(
        self,
        case: Case,
        bound: BoundExperiment,
        options: Options,
        report: Report,
        archive: Archive,
        recorder: Recorder,
        results: Results,
        randomness: Randomness,
        checkpoint: Checkpoint,
    ) -> None:
        self._case = case
        self._bound = bound
        self._options = options
        self._report = report
        self._archive = archive
        self._recorder = recorder
        self._results = results
        self._randomness = randomness
        self._checkpoint = checkpoint
        self._folder = TemporaryFolder(archive.id)
        self._heard: dict[Listener, Mapping[str, Any]] = {}

    def supply(self, name: str, asker: Function, scope: RunScope) -> Any:
        """A built-in, or a plain value as the asker's annotation wants it."""
        make = getattr(self, f"_make_{name}", None)
        if make is not None and name not in self._case.params:
            return make(asker, scope)
        return self._bound.typed_value(self._case, name, asker)

    def tell_run(self) -> RunInfo:
        """The run, as `run` and the hooks have it."""
        keeping = self._options.keeping
        return RunInfo(self._archive.id, self._archive.path, keeping.tags, keeping.note)

    def remove_folder(self) -> None:
        """Remove the folder of `tmp_path`, where one was made."""
        self._folder.remove()

    def _make_track(self, asker: Function, scope: RunScope) -> Any:
        return self._recorder.track

    def _make_results(self, asker: Function, scope: RunScope) -> Results:
        return self._results

    def _make_archive(self, asker: Function, scope: RunScope) -> ArchiveHandle:
        return ArchiveHandle(self._archive.path, self._archive.save, self._archive.open)

    def _make_params(self, asker: Function, scope: RunScope) -> Mapping[str, Any]:
        values = {
            name: self._bound.live_default(name) if isinstance(value, Opaque) else value
            for name, value in self._case.params.items()
        }
        return freeze_params(values)

    def _make_log(self, asker: Function, scope: RunScope) -> Any:
        return make_log(asker.name)

    def _make_rng(self, asker: Function, scope: RunScope) -> Any:
        return self._randomness.make_rng(asker.name)

    def _make_checkpoint(self, asker: Function, scope: RunScope) -> Checkpoint:
        return self._checkpoint

    def _make_progress(self, asker: Function, scope: RunScope) -> Progress:
        return Progress(self._case.id, self._report, self._archive.path)

    def _make_run(self, asker: Function, scope: RunScope) -> RunInfo:
        return self.tell_run()

    def _make_hooks(self, asker: Function, scope: RunScope) -> Hooks:
        return Hooks(self._bound.binding.listeners, partial(self._supply_listener, scope))

    def _supply_listener(self, scope: RunScope, listener: Listener) -> Mapping[str, Any]:
        """What a listener asks for beside what its point passes: the same for all its calls."""
        if listener not in self._heard:
            function = self._bound.graph.later.get(listener)
            if function is None or listener.passes is None:  # as far as nobody had to plan it
                asks = tuple(BUILTIN_PROVIDERS.intersection(listener.asker.asks))
                function = evolve(listener.asker, asks=asks)
            self._heard[listener] = scope.arguments_of(function)
        return self._heard[listener]

    def _make_tmp_path(self, asker: Function, scope: RunScope) -> Path:
        return self._folder.make()
