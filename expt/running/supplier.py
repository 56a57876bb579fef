"""What one run gives to those who ask: its built-ins, and values as their annotations want them."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from expt.ground.model import BUILTIN_PROVIDERS, Opaque
from expt.ground.value_classes import define, evolve, field
from expt.running.supplies import (
    ArchiveHandle,
    Hooks,
    Progress,
    RunInfo,
    make_log,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
    from expt.running.supplies import Results, TemporaryFolder
    from expt.tracking.recorder import Recorder


@define(eq=False)
class Supplier:
    """The built-in providers of one run; `supply` gives a scope what its functions ask for."""

    _case: Case
    _bound: BoundExperiment
    _options: Options
    _report: Report
    _archive: Archive
    _recorder: Recorder
    _results: Results
    _randomness: Randomness
    _checkpoint: Checkpoint
    _folder: TemporaryFolder
    _heard: dict[Listener, Mapping[str, Any]] = field(factory=dict)

    def supply(self, name: str, asker: Function, scope: RunScope) -> Any:
        """A built-in, or a plain value as the asker's annotation wants it."""
        make = _MAKERS.get(name)
        if make is not None and name not in self._case.params:
            return make(self, asker, scope)
        return self._bound.typed_value(self._case, name, asker)

    def tell_run(self) -> RunInfo:
        """The run, as `run` and the hooks have it."""
        keeping = self._options.keeping
        return RunInfo(self._archive.id, self._archive.path, keeping.tags, keeping.note)

    def _params(self) -> Mapping[str, Any]:
        """Every value, read-only."""
        values = {
            name: self._bound.live_default(name) if isinstance(value, Opaque) else value
            for name, value in self._case.params.items()
        }
        return MappingProxyType(values)

    def _supply_listener(self, scope: RunScope, listener: Listener) -> Mapping[str, Any]:
        """What a listener asks for beside what its point passes: the same for all its calls."""
        if listener not in self._heard:
            function = self._bound.graph.later.get(listener)
            if function is None or listener.passes is None:  # as far as nobody had to plan it
                asks = tuple(BUILTIN_PROVIDERS.intersection(listener.asker.asks))
                function = evolve(listener.asker, asks=asks)
            self._heard[listener] = scope.arguments_of(function)
        return self._heard[listener]


_MAKERS: Final[dict[str, Callable[[Supplier, Function, RunScope], Any]]] = {
    "archive": lambda own, *_: ArchiveHandle(
        own._archive.path, own._archive.save, own._archive.open
    ),
    "checkpoint": lambda own, *_: own._checkpoint,
    "hooks": lambda own, _, scope: Hooks(
        own._bound.binding.listeners, partial(own._supply_listener, scope)
    ),
    "log": lambda _, asker, __: make_log(asker.name),
    "params": lambda own, *_: own._params(),
    "progress": lambda own, *_: Progress(own._case.id, own._report, own._archive.path),
    "results": lambda own, *_: own._results,
    "rng": lambda own, asker, _: own._randomness.make_rng(asker.name),
    "run": lambda own, *_: own.tell_run(),
    "tmp_path": lambda own, *_: own._folder.make(),
    "track": lambda own, *_: own._recorder.track,
}
