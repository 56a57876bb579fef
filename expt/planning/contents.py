"""What a module of the user's brings to the experiments it counts for.

Providers, `@expt.on` functions, `analysis_*` functions and hooks; what a module imports by name
counts as defined there.
"""

from __future__ import annotations

import ast
import inspect
from collections import Counter
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final

import attrs

from expt import hookspecs, layout
from expt.coercion import resolve_annotations
from expt.declarations import LISTENERS_ATTRIBUTE, PROVIDER_ATTRIBUTE, Listener
from expt.errors import PlanningError, did_you_mean
from expt.model import Place
from expt.providers import Function, Provider, read_function, read_provider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from expt.planning.hosting import Files

HOOK_PREFIX: Final = "expt_"
WORKER_HOOKS: Final = frozenset(
    {
        "expt_run_started",
        "expt_run_finished",
        "expt_value_tracked",
        "expt_recognise_value",
        "expt_convert_value",
    }
)
"""What a conftest can hear; the others are called before it is imported, or in other processes."""


@attrs.frozen(eq=False)
class HookPoint:
    """One `@expt.on` function."""

    point: str
    function: Callable[..., Any]
    place: Place
    replace: bool = False
    description: str = ""


@attrs.frozen(eq=False)
class Analysis:
    """One `analysis_*` function."""

    name: str
    function: Callable[..., Any]
    place: Place


@attrs.frozen(eq=False)
class Hook:
    """One implementation of a plugin hook in a conftest."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[str, ...]
    place: Place


@attrs.frozen(eq=False)
class Contents:
    """What one module brings."""

    path: str
    providers: Mapping[str, Provider]
    listeners: tuple[HookPoint, ...]
    analyses: tuple[Analysis, ...]
    hooks: tuple[Hook, ...]
    experiments: frozenset[str]


def read_contents(module: ModuleType, path: str, source: bytes, files: Files) -> Contents:
    """Everything that `module`, imported from `path`, brings. Raises `PlanningError`."""
    named = [
        (name, value) for name, value in vars(module).items() if isinstance(value, FunctionType)
    ]
    is_conftest = path.rpartition("/")[2] == layout.CONFTEST_FILE
    return Contents(
        path=path,
        providers=_read_providers(named, path, source, files),
        listeners=tuple(_read_listeners(named, files)),
        analyses=tuple(
            Analysis(name, value, place_of(value, files))
            for name, value in named
            if name.startswith(layout.ANALYSIS_PREFIX)
        ),
        hooks=tuple(_read_hooks(named, files)) if is_conftest else (),
        experiments=frozenset(n for n in vars(module) if n.startswith(layout.EXPERIMENT_PREFIX)),
    )


def place_of(function: Callable[..., Any], files: Files) -> Place:
    """Where a function is defined, relative to the root."""
    inner = inspect.unwrap(function)
    code = inner.__code__
    return Place(files.relative(code.co_filename), code.co_firstlineno)


def describe_function(
    function: Callable[..., Any], files: Files, name: str | None = None
) -> Function:
    """What a function asks for, with what can be resolved of its annotations."""
    annotations = resolve_annotations(function)
    return read_function(function, place_of(function, files), annotations, name=name)


def plugin_provider(name: str, function: Callable[..., Any]) -> Provider:
    """A provider that a plugin hands over by name, marked or not."""
    code = inspect.unwrap(function).__code__
    place = Place(code.co_filename, code.co_firstlineno)
    annotations = resolve_annotations(function)
    described = read_function(function, place, annotations, name=name)
    if hasattr(function, PROVIDER_ATTRIBUTE):
        return attrs.evolve(read_provider(function, described), name=name)
    return Provider(name, described, generator=inspect.isgeneratorfunction(function))


def _read_providers(
    named: Iterable[tuple[str, Any]], path: str, source: bytes, files: Files
) -> dict[str, Provider]:
    providers: dict[str, Provider] = {}
    for _, value in named:
        if not hasattr(value, PROVIDER_ATTRIBUTE):
            continue
        provider = read_provider(value, describe_function(value, files))
        other = providers.get(provider.name)
        if other is not None and other.function.call is not value:
            raise _two_of_one_name(provider.name, other.place, provider.place)
        providers[provider.name] = provider
    if providers:
        _reject_redefinitions(path, source, providers)
    return providers


def _reject_redefinitions(path: str, source: bytes, providers: Mapping[str, Provider]) -> None:
    """A second `def` of one name silently wins in Python; between providers it is a mistake."""
    defined = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name in providers and node.decorator_list
    ]
    counts = Counter(node.name for node in defined)
    for name, count in counts.items():
        if count > 1:
            first, second = [node for node in defined if node.name == name][:2]
            raise _two_of_one_name(name, Place(path, first.lineno), Place(path, second.lineno))


def _two_of_one_name(name: str, first: Place, second: Place) -> PlanningError:
    return PlanningError(
        f"two providers of one file are named '{name}'", str(first), f"the other: {second}"
    )


def _read_listeners(named: Iterable[tuple[str, Any]], files: Files) -> Iterable[HookPoint]:
    for _, value in named:
        listeners: tuple[Listener, ...] = getattr(value, LISTENERS_ATTRIBUTE, ())
        doc = (inspect.getdoc(value) or "").partition("\n")[0]
        for listener in listeners:
            yield HookPoint(listener.point, value, place_of(value, files), listener.replace, doc)


def _read_hooks(named: Iterable[tuple[str, Any]], files: Files) -> Iterable[Hook]:
    known = [name for name in vars(hookspecs) if name.startswith(HOOK_PREFIX)]
    for name, value in named:
        if not name.startswith(HOOK_PREFIX):
            continue
        place = place_of(value, files)
        if name not in known:
            hint = did_you_mean(name, known) or "hooks: " + ", ".join(sorted(known))
            raise PlanningError(f"there is no hook '{name}'", str(place), hint)
        if name not in WORKER_HOOKS:
            raise PlanningError(
                f"'{name}' is called where no conftest.py is imported",
                str(place),
                "move it into a file of its own and load that with --plugin FILE,\n"
                "or name it in 'plugins' of the configuration",
            )
        asked = tuple(inspect.signature(value).parameters)
        given = tuple(inspect.signature(getattr(hookspecs, name)).parameters)
        unknown = [argument for argument in asked if argument not in given]
        if unknown:
            raise PlanningError(
                f"'{name}' has no argument '{unknown[0]}'",
                str(place),
                "arguments: " + ", ".join(sorted(given)),
            )
        yield Hook(name, value, asked, place)
