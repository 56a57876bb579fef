"""How values are made that more than one run may have: of session providers, and of the cache."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from expt.ground.messages import ProviderMaking
from expt.ground.value_classes import define
from expt.planning.providers import session_key
from expt.running.randomness import kept_random_state, seed_globals

if TYPE_CHECKING:
    from collections.abc import Callable

    from expt.ground.messages import Report
    from expt.ground.model import Case
    from expt.ground.options import Options
    from expt.planning.bound import BoundExperiment
    from expt.planning.providers import Node


@define(eq=False)
class Making:
    """Makes such values for one case; `seconds` is what that took so far."""

    _case: Case
    _bound: BoundExperiment
    _options: Options
    _report: Report
    _notice: Callable[[str], None]
    seconds: float = 0.0

    def key_of(self, node: Node) -> str:
        """Under which the value of a session provider is kept for other cases."""
        return session_key(self._bound.graph, node, self._case.params)

    def from_cache(self, node: Node, make: Callable[[], Any]) -> Any:
        """The value of a provider with `cache=True`."""
        options = self._options
        if not options.running.cache:
            return self.in_own_randomness(node, make)
        from expt.running.caching import Cache  # slow, and few providers are kept

        cache = Cache(options.keeping.runs, self._case, self._bound, self._notice)
        return cache.get(node, lambda: self.in_own_randomness(node, make))

    def in_own_randomness(self, node: Node, make: Callable[[], Any]) -> Any:
        """Make a session provider's value, the same for all cases that it is kept for.

        Only where it is made from the seed may it differ with the seed: else it would be that of
        whichever case came first.
        """
        graph = self._bound.graph
        _, names, builtins = graph.closure(node)
        seeded = "seed" in names or "rng" in builtins
        seed = self._case.params["seed"] if seeded else 0
        name = graph.provider(node).function.name
        began = time.monotonic()
        self._report(ProviderMaking(self._case.id, name))
        try:
            with kept_random_state():
                seed_globals(seed, name)
                return make()
        finally:
            seconds = time.monotonic() - began
            self.seconds += seconds
            self._report(ProviderMaking(self._case.id, name, seconds))
