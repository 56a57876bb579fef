"""`@provider(cache=True)`: a value is made once, for all runs and workers, and kept on disk.

key known ─► read       damaged ─► a notice, made again
else ─► the lock ─► made ─► kept, unless no file holds it: a notice
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from expt.archive.cache_files import alone_with, cache_file, read_cached, write_cached
from expt.ground.encoding import dumps
from expt.ground.layout import CACHE_DIR
from expt.planning.providers import session_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from expt.ground.model import Case
    from expt.planning.bound import BoundExperiment
    from expt.planning.providers import Node


class Cache:
    """The cached values of one run's providers; `tell` is given notices."""

    def __init__(
        self, runs: Path, case: Case, bound: BoundExperiment, tell: Callable[[str], None]
    ) -> None:
        self._folder = runs / CACHE_DIR
        self._case = case
        self._bound = bound
        self._tell = tell

    def get(self, node: Node, make: Callable[[], Any]) -> Any:
        """The value of a provider: kept by an earlier call anywhere, or made now and kept."""
        name = self._bound.graph.provider(node).name
        path = cache_file(self._folder, name, self._key(node))
        try:
            return read_cached(path)
        except (OSError, ValueError):
            pass  # looked at again below, when nobody is making it
        with alone_with(path):
            try:
                return read_cached(path)
            except FileNotFoundError:
                pass
            except (OSError, ValueError) as error:
                self._tell(f"the cached value of '{name}' is damaged and made again: {error}")
            made = make()
            try:
                return write_cached(path, made)
            except TypeError as error:
                self._tell(f"the value of '{name}' is not cached: {error}")
                return made

    def _key(self, node: Node) -> str:
        """The hash of a provider's code and of all that its value is made from."""
        graph = self._bound.graph
        nodes, names, _ = graph.closure(node)
        files = tuple(sorted({graph.provider(made).place.path for made in nodes}))
        inputs = {
            name: told["sha256"] or [told["path"], told["size"], told["time"]]
            for name, told in self._bound.measure_inputs(self._case).items()
            if name.partition(".")[0] in names
        }
        made_from = session_key(graph, node, self._case.params)
        told = dumps([made_from, inputs, self._bound.code_of(files)])
        return hashlib.sha256(told.encode()).hexdigest()
