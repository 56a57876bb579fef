"""What users write in their modules: markers that say something and do nothing.

A decorator here leaves the function what it was and hangs one attribute on it, so that a marked
function can still be called, pickled and tested. The attribute names are read by `loading`.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, Literal, NoReturn, TypeVar, overload

from expt.ground.value_classes import field, frozen

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

Scope = Literal["run", "session"]
SCOPES: Final = ("run", "session")

PROVIDER_ATTRIBUTE: Final = "__expt_provider__"
MARKS_ATTRIBUTE: Final = "__expt_marks__"
SWEEP_ATTRIBUTE: Final = "__expt_sweep__"
NEEDS_ATTRIBUTE: Final = "__expt_needs__"
LISTENERS_ATTRIBUTE: Final = "__expt_listeners__"
_MOST_POINTS: Final = 1_000_000  # of an iterator, which may have no end


class _Ended(BaseException):
    """No `Exception`, so that `except Exception` does not swallow it."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class Skipped(_Ended):
    """Raised by `expt.skip`."""


class Stopped(_Ended):
    """Raised by `expt.stop`."""


def stop(reason: str = "") -> NoReturn:
    """End this run as `completed`: it gave up on purpose; the reason is a notice of it.

    What was tracked and set in `results` is kept, and there is nothing that it returned.
    """
    raise Stopped(reason)


def skip(reason: str = "") -> NoReturn:
    """End this run with the status `skipped`; what was tracked so far is kept."""
    raise Skipped(reason)


@frozen
class ProviderDeclaration:
    """What `@provider` says: the scope, and the name where it is not the function's."""

    scope: Scope = "run"
    name: str | None = None
    cache: bool = False


@overload
def provider(function: F, /) -> F: ...
@overload
def provider(
    *, scope: Scope = "run", name: str | None = None, cache: bool = False
) -> Callable[[F], F]: ...
def provider(
    function: F | None = None,
    /,
    *,
    scope: Scope = "run",
    name: str | None = None,
    cache: bool = False,
) -> F | Callable[[F], F]:
    """Mark a function that supplies the argument of its name to experiments and providers.

    `scope="session"` keeps the value between runs of one worker, for as long as every value that
    it was made from is the same. A generator function yields its value once; what stands after
    the `yield` is its teardown. `cache=True` keeps the value below `runs/.cache`, for all runs
    that make it from the same code and values. Raises `ValueError` for an unknown scope.
    """
    if scope not in SCOPES:
        raise ValueError(f"a provider's scope is 'run' or 'session', not {scope!r}")

    def mark_function(function: F) -> F:
        setattr(function, PROVIDER_ATTRIBUTE, ProviderDeclaration(scope, name, cache))
        return function

    return mark_function if function is None else mark_function(function)


@frozen
class Mark:
    """One `@expt.mark.NAME(…)` on an experiment."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(factory=dict)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Mark a function, or make the mark that carries these arguments."""
        is_mark = len(args) == 1 and not kwargs and not self.args and callable(args[0])
        if not (is_mark or self.args or self.kwargs):
            return Mark(self.name, args, kwargs)
        (function,) = args
        setattr(function, MARKS_ATTRIBUTE, (*getattr(function, MARKS_ATTRIBUTE, ()), self))
        return function


class MarkGenerator:
    """`expt.mark`: any attribute is a mark; `skip` and `skipif(condition, reason=…)` act."""

    def __getattr__(self, name: str) -> Mark:
        if name.startswith("_"):
            raise AttributeError(name)
        return Mark(name)


mark: Final = MarkGenerator()


def sweep(**axes: Iterable[Any]) -> Callable[[F], F]:
    """Sweep an experiment over the product of `axes`, the last one fastest.

    Each value is a collection of points, or an iterator, which is read here and once. Raises
    `TypeError` for an axis that is none, a text among them, and for one that is swept twice.
    """
    points: dict[str, Iterable[Any]] = {}
    for name, values in axes.items():
        if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
            raise TypeError(f"the axis '{name}' must be a list of values, not {values!r}")
        points[name] = values
        if isinstance(values, Iterator):
            points[name] = read = list(itertools.islice(values, _MOST_POINTS + 1))
            if len(read) > _MOST_POINTS:
                raise TypeError(f"the axis '{name}' has more than {_MOST_POINTS:,} values")

    return _gathering(SWEEP_ATTRIBUTE, points, "the axis '{}' of '{}' is swept twice")


def _gathering(attribute: str, added: Mapping[str, Any], twice: str) -> Callable[[F], F]:
    """A decorator that adds to what those below it have left; `twice` tells of what is there."""

    def mark_function(function: F) -> F:
        below = getattr(function, attribute, {})
        for name in added:
            if name in below:
                raise TypeError(twice.format(name, function.__name__))
        setattr(function, attribute, {**added, **below})
        return function

    return mark_function


@frozen
class ListenerDeclaration:
    """What `@expt.on` says: the hook point, and whether what is outside is replaced."""

    point: str
    replace: bool = False


def on(point: str, *, replace: bool = False) -> Callable[[F], F]:
    """Mark a function that is called at the hook point `point` of an experiment below it.

    With `replace`, it is called in place of the implementations outside it.
    """

    declaration = ListenerDeclaration(point, replace)

    def mark_function(function: F) -> F:
        listeners = (*getattr(function, LISTENERS_ATTRIBUTE, ()), declaration)
        setattr(function, LISTENERS_ATTRIBUTE, listeners)
        return function

    return mark_function


@frozen(eq=False)
class Extension:
    """What `expt.extends` leaves in a module: another module's experiment, hosted here."""

    base: Callable[..., Any] | Extension
    file: str
    line: int
    values: Mapping[str, Any] = field(factory=dict)
    scope: Mapping[str, Any] = field(factory=dict, repr=False)
    """The names of that module: what ran here may have replaced it since."""

    @property
    def name(self) -> str:
        """The name that its module gave it. Raises `LookupError` where it gave none."""
        for name, value in self.scope.items():
            if value is self:
                return name
        raise LookupError(f"{self.file}:{self.line}: the extension is bound to no name")


def extends(base: Callable[..., Any] | Extension, /, **values: Any) -> Extension:
    """Host an experiment of another module here: `experiment_big = expt.extends(experiment_train)`.

    `values` are of its parameters, as a `params.toml` beside it would give them.

    Raises `TypeError` for anything that is neither a function nor itself an extension.
    """
    if not callable(base) and not isinstance(base, Extension):
        raise TypeError(f"expt.extends takes an experiment function, not {base!r}")
    caller = sys._getframe(1)
    return Extension(base, caller.f_code.co_filename, caller.f_lineno, values, caller.f_globals)


def needs(**experiments: str | Callable[..., Any] | Extension) -> Callable[[F], F]:
    """Have runs of other experiments made first; each is given as the argument of its name.

    @expt.needs(model="train.py::experiment_train")
    def experiment_evaluate(model: expt.Run): ...

    An experiment is the function itself, or a node id: its path is relative to the folder of this
    file, or to the root directory, and without a path it is one of this file. An argument that is
    annotated as `list[expt.Run]` is given the runs of all its cases. Raises `TypeError` for
    anything else, and for an argument that two decorators name.
    """
    for name, experiment in experiments.items():
        if not isinstance(experiment, (str, Extension)) and not callable(experiment):
            raise TypeError(
                f"what '{name}' needs is a node id or an experiment, not {experiment!r}"
            )

    return _gathering(NEEDS_ATTRIBUTE, experiments, "'{}' of '{}' is needed twice")


class Secret(str):
    """Annotation of a text that is given to the function and never written anywhere."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('***')"


class InputRun:
    """Annotation of an archived run that an experiment reads: `expt.Run` is it.

    What is written is a reference or a node id.
    """

    __slots__ = ()


class _Kept:
    """What `Kept` leaves in an annotation."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "expt.Kept"


KEPT: Final = _Kept()
Kept = Annotated[T, KEPT]
"""`Kept[Path]`: a file or folder that is copied into the archive."""
