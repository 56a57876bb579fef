"""What takes part in one case, as words: for `expt params`."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import TYPE_CHECKING, Final

from expt.ground.model import Description, Part, Place
from expt.planning.words import prose_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expt.ground.model import Case
    from expt.planning.bound import BoundExperiment
    from expt.planning.contents import Listener
    from expt.planning.providers import Function

_HOOK_CALLS: Final = ("call", "filter")


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
            Part(hook.name, hook.place, _first_line(hook.function)) for hook in binding.hooks
        ),
        analyses=tuple(
            Part(analysis.name, analysis.place, _first_line(analysis.function))
            for analysis in (*binding.analyses, *binding.session_analyses)
        ),
        prose=prose_of(inspect.unwrap(next(iter(graph.functions())).call)),
    )


def _listening(listener: Listener, asking: Function | None) -> str:
    """`replaces; asks for track, gain`: what the point does not pass."""
    asks = f"asks for {', '.join(asking.asks)}" if asking is not None and asking.asks else ""
    return "; ".join(filter(None, ["replaces" if listener.replace else "", asks]))


def _first_line(function: object) -> str:
    return (inspect.getdoc(function) or "").partition("\n")[0]


def _points_of(function: Function) -> Iterator[Part]:
    """Calls of `hooks.call("name", …)` and `hooks.filter("name", …)` that the source shows."""
    call = inspect.unwrap(function.call)
    try:
        source = textwrap.dedent(inspect.getsource(call))
    except OSError:
        return
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        is_hooks = isinstance(node.func.value, ast.Name) and node.func.value.id == "hooks"
        named = node.args and isinstance(node.args[0], ast.Constant)
        if is_hooks and named and node.func.attr in _HOOK_CALLS:
            name = str(node.args[0].value)  # type: ignore[attr-defined]
            line = function.place.line or 1
            yield Part(name, Place(function.place.path, line + node.lineno - 1), "", node.func.attr)
