"""What takes part in one case, as words: for `expt params`."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import TYPE_CHECKING

from expt.ground.model import Description, Part, Place
from expt.planning.hook_points import point_calls
from expt.planning.words import first_line, prose_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expt.ground.model import Case
    from expt.planning.bound import BoundExperiment
    from expt.planning.contents import Listener
    from expt.planning.providers import Function


def describe(case: Case, bound: BoundExperiment) -> Description:
    """The providers, hook points, listeners, conftest hooks and analyses of a case."""
    graph, binding = bound.graph, bound.binding
    providers = [graph.provider(node) for node in graph.order]
    return Description(
        case=case,
        providers=tuple(
            Part(
                provider.name,
                provider.place,
                provider.description,
                f"{provider.scope}; asks for {', '.join(provider.function.asks) or 'nothing'}",
            )
            for provider in providers
        ),
        points=tuple(point for function in graph.functions() for point in _points_of(function)),
        listeners=tuple(
            Part(one.point, one.place, one.description, _listening(one, graph.later.get(one)))
            for one in binding.listeners
        ),
        hooks=tuple(
            Part(hook.name, hook.place, first_line(hook.function)) for hook in binding.hooks
        ),
        analyses=tuple(
            Part(analysis.name, analysis.place, first_line(analysis.function))
            for analysis in (*binding.analyses, *binding.session_analyses)
        ),
        prose=prose_of(inspect.unwrap(next(iter(graph.functions())).call)),
    )


def _listening(listener: Listener, asking: Function | None) -> str:
    """`replaces; asks for track, gain`: what the point does not pass."""
    asks = f"asks for {', '.join(asking.asks)}" if asking is not None and asking.asks else ""
    return "; ".join(filter(None, ["replaces" if listener.replace else "", asks]))


def _points_of(function: Function) -> Iterator[Part]:
    """Calls of `hooks.call("name", …)` and `hooks.filter("name", …)` that the source shows."""
    call = inspect.unwrap(function.call)
    try:
        source = textwrap.dedent(inspect.getsource(call))
    except OSError:
        return
    for name, made, called in point_calls(ast.parse(source)):
        if isinstance(called.value, ast.Name) and called.value.id == "hooks":
            line = (function.place.line or 1) + made.lineno - 1
            yield Part(name, Place(function.place.path, line), "", called.attr)
