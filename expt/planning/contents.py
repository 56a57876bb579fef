"""What a module of the user's brings to the experiments it counts for.

Providers, `@expt.on` functions, `analysis_*` functions and hooks; what a module imports by name
counts as defined there.
"""

from __future__ import annotations

import ast
import inspect
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from expt.ground import hookspecs, layout
from expt.ground.declarations import (
    LISTENERS_ATTRIBUTE,
    NEEDS_ATTRIBUTE,
    PROVIDER_ATTRIBUTE,
    ListenerDeclaration,
)
from expt.ground.errors import PlanningError
from expt.ground.model import BUILTIN_PROVIDERS, Place
from expt.ground.value_classes import evolve, frozen
from expt.parameters.coercion.annotations import resolve_annotations
from expt.planning.providers import Function, Provider, read_function, read_provider, reserved_name
from expt.planning.words import first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from expt.planning.hook_points import HookPoint
    from expt.planning.places import Files

OBSERVING_HOOKS: Final = frozenset({"expt_run_started", "expt_run_finished", "expt_value_tracked"})
DECIDING_HOOKS: Final = frozenset({"expt_recognise_value", "expt_convert_value"})
"""With the observing ones, what a conftest can implement.

The others are called before it is imported, or in other processes.
"""


@frozen(eq=False)
class Listener:
    """One `@expt.on` function; `asker` is what it asks for, `passes` what its point may pass.

    `passes` is None where no source of the experiment calls the point.
    """

    point: str
    function: Callable[..., Any]
    place: Place
    asker: Function
    replace: bool = False
    description: str = ""
    passes: HookPoint | None = None


@frozen(eq=False)
class Analysis:
    """One `analysis_*` function."""

    name: str
    function: Callable[..., Any]
    place: Place

    @property
    def is_of_session(self) -> bool:
        """Whether it is given all runs of a session, and not one after the other."""
        return self.name.startswith(layout.SESSION_ANALYSIS_PREFIX)


@frozen(eq=False)
class Hook:
    """One implementation of a plugin hook in a conftest."""

    name: str
    function: Callable[..., Any]
    place: Place


@frozen(eq=False)
class Contents:
    """What one module brings."""

    path: str
    providers: Mapping[str, Provider]
    listeners: tuple[Listener, ...]
    analyses: tuple[Analysis, ...]
    session_analyses: tuple[Analysis, ...]
    hooks: tuple[Hook, ...]
    unheard: tuple[str, ...]
    experiments: frozenset[str]
    fixtures: Mapping[str, Place]


def read_contents(
    module: ModuleType, path: str, source: bytes, files: Files, *, hears: bool
) -> Contents:
    """Everything that `module`, imported from `path`, brings. Raises `PlanningError`.

    `hears` says whether its functions named after hooks are hooks: in a conftest, not beside an
    experiment.
    """
    named = [
        (name, value) for name, value in vars(module).items() if isinstance(value, FunctionType)
    ]
    analyses = [
        Analysis(name, value, place_of(value, files))
        for name, value in named
        if name.startswith(layout.ANALYSIS_PREFIX)
    ]
    return Contents(
        path=path,
        providers=_read_providers(named, path, source, files),
        listeners=tuple(_read_listeners(named, files)),
        analyses=tuple(one for one in analyses if not one.is_of_session),
        session_analyses=tuple(one for one in analyses if one.is_of_session),
        hooks=tuple(_read_hooks(named, files)) if hears else (),
        unheard=(*(() if hears else _unheard_hooks(named, files)), *_unmade_needs(named, files)),
        experiments=frozenset(n for n in vars(module) if n.startswith(layout.EXPERIMENT_PREFIX)),
        fixtures={n: Place(path) for n, value in vars(module).items() if _is_fixture(value)},
    )


def _is_fixture(value: Any) -> bool:
    """Whether it is what `@pytest.fixture` makes: a class of pytest's, or (before 8.4) a function.

    The type is asked and not the value, which may have attributes of any name.
    """
    if isinstance(value, FunctionType):
        return "_pytestfixturefunction" in vars(value)
    return type(value).__name__ == "FixtureFunctionDefinition"


def place_of(function: Callable[..., Any], files: Files) -> Place:
    """Where a function is defined, relative to the root."""
    inner = inspect.unwrap(function)
    code = inner.__code__
    return Place(files.relative(code.co_filename), code.co_firstlineno)


def describe_function(function: Callable[..., Any], files: Files) -> Function:
    """What a function asks for, with what can be resolved of its annotations."""
    annotations = resolve_annotations(function)
    return read_function(function, place_of(function, files), annotations)


def plugin_provider(name: str, function: Callable[..., Any]) -> Provider:
    """A provider that a plugin hands over by name, marked or not."""
    code = inspect.unwrap(function).__code__
    place = Place(code.co_filename, code.co_firstlineno)
    if name in BUILTIN_PROVIDERS:
        raise reserved_name(f"the provider '{name}' of a plugin", place)
    annotations = resolve_annotations(function)
    described = read_function(function, place, annotations)
    if hasattr(function, PROVIDER_ATTRIBUTE):
        return evolve(read_provider(function, described), name=name)
    return Provider(name, described, generator=inspect.isgeneratorfunction(function))


def _read_providers(
    named: Sequence[tuple[str, Any]], path: str, source: bytes, files: Files
) -> dict[str, Provider]:
    providers: dict[str, Provider] = {}
    if b"provider" in source:
        _check_definitions(path, source, dict(named))
    for _, value in named:
        if not hasattr(value, PROVIDER_ATTRIBUTE):
            continue
        provider = read_provider(value, describe_function(value, files))
        other = providers.get(provider.name)
        if other is not None and other.function.call is not value:
            raise _two_of_one_name(provider.name, other.place, provider.place)
        providers[provider.name] = provider
    return providers


def _check_definitions(path: str, source: bytes, named: Mapping[str, Any]) -> None:
    """Refuse a provider that is written and not there: defined twice, or hidden by a decorator.

    A second `def` of one name silently wins in Python; between providers it is a mistake.
    """
    lines: dict[str, int] = {}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        if any(map(_is_provider_mark, node.decorator_list)):
            line = node.decorator_list[0].lineno
            if node.name in lines:
                raise _two_of_one_name(node.name, Place(path, lines[node.name]), Place(path, line))
            lines[node.name] = line
            _reject_hidden(node, named.get(node.name), Place(path, line))


def _reject_hidden(node: ast.FunctionDef, value: Any, place: Place) -> None:
    if value is None or not hasattr(value, PROVIDER_ATTRIBUTE) or value.__name__ != node.name:
        what = f"a decorator hides the provider '{node.name}'"
        raise PlanningError(what, str(place), WRAPS_HINT)
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    hidden = hidden_arguments(value, [argument.arg for argument in arguments])
    if hidden:
        raise hides_arguments(node.name, hidden, place)


WRAPS_HINT: Final = "put @functools.wraps(function) on the function that the decorator returns"


def hidden_arguments(function: Callable[..., Any], written: Sequence[str]) -> list[str]:
    """Those of the arguments in the source that a decorator's `*args, **kwargs` stand for."""
    live = inspect.signature(function).parameters
    takes_all = any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in live.values())
    return [name for name in written if name not in live] if takes_all else []


def hides_arguments(name: str, hidden: Sequence[str], place: Place) -> PlanningError:
    """The mistake that nobody can see what a decorated function asks for."""
    what = f"a decorator hides the arguments of '{name}': {', '.join(hidden)}"
    return PlanningError(what, str(place), WRAPS_HINT)


def _is_provider_mark(decorator: ast.expr) -> bool:
    """`provider`, `expt.provider`, `provider(scope=…)`, without a name of its own."""
    if isinstance(decorator, ast.Call):
        if any(keyword.arg == "name" for keyword in decorator.keywords):
            return False
        decorator = decorator.func
    name = decorator.attr if isinstance(decorator, ast.Attribute) else decorator
    return (name.id if isinstance(name, ast.Name) else name) == "provider"


def _two_of_one_name(name: str, first: Place, second: Place) -> PlanningError:
    return PlanningError(
        f"two providers of one file are named '{name}'", str(first), f"the other: {second}"
    )


def _read_listeners(named: Iterable[tuple[str, Any]], files: Files) -> Iterable[Listener]:
    for _, value in named:
        listeners: tuple[ListenerDeclaration, ...] = getattr(value, LISTENERS_ATTRIBUTE, ())
        doc = first_line(value)
        for listener in listeners:
            asker = describe_function(value, files)
            yield Listener(listener.point, value, asker.place, asker, listener.replace, doc)


def _unheard_hooks(named: Iterable[tuple[str, Any]], files: Files) -> Iterable[str]:
    """A warning for each function beside an experiment that has the name of a hook."""
    for name, value in named:
        if name.startswith(hookspecs.PREFIX) and hookspecs.find_misfit(value, name) is None:
            where = place_of(value, files)
            yield f"{where}: '{name}' is not called here: move it into a conftest.py or a plugin"


def _unmade_needs(named: Iterable[tuple[str, Any]], files: Files) -> Iterable[str]:
    """A warning for each function that needs something and is no experiment."""
    for name, value in named:
        if NEEDS_ATTRIBUTE in vars(value) and not name.startswith(layout.EXPERIMENT_PREFIX):
            told = f"'{name}' is no experiment, and nothing is made for what it needs"
            yield f"{place_of(value, files)}: {told}"


def _read_hooks(named: Iterable[tuple[str, Any]], files: Files) -> Iterable[Hook]:
    for name, value in named:
        if not name.startswith(hookspecs.PREFIX):
            continue
        place = place_of(value, files)
        misfit = hookspecs.find_misfit(value, name)
        if misfit is not None:
            raise PlanningError(misfit[0], str(place), misfit[1])
        if name == "expt_make_providers":
            hint = "in a conftest.py, mark a function with @expt.provider"
            raise PlanningError(f"'{name}' is for plugins", str(place), hint)
        if name not in OBSERVING_HOOKS | DECIDING_HOOKS:
            raise PlanningError(
                f"'{name}' is called where no conftest.py is imported",
                str(place),
                "make it a plugin: move it into a file of its own, and load that with\n"
                '--plugin FILE, or by plugins = ["FILE"] in the configuration',
            )
        yield Hook(name, value, place)
