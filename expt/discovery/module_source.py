"""What the source of one module shows: its experiments, and where its names come from.

Nothing is imported. What only running the module could tell is left unknown, never guessed.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any, Final

from expt.discovery.syntax import (
    Asks,
    Target,
    arguments_of,
    decorator_name,
    dotted_name,
    first_line,
    is_generator,
    literal,
    literal_axes,
    module_level_statements,
    needed_by,
)
from expt.ground.errors import CollectionError
from expt.ground.layout import EXPERIMENT_PREFIX
from expt.ground.model import Experiment
from expt.ground.value_classes import evolve, field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expt.ground.errors import ExptError
    from expt.ground.model import Axis

_PREFIX_BYTES: Final = EXPERIMENT_PREFIX.encode()
_DEFINES: Final = re.compile(rb"\bdef[ \t]+" + _PREFIX_BYTES)
_PUBLIC: Final = ("extends", "hook", "mark", "needs", "on", "provider", "skip", "sweep")
NOT_PARSED: Final = (SyntaxError, ValueError, RecursionError, MemoryError)


@frozen
class Definition:
    """A `def experiment_*`: what it shows by itself, and what it asks its providers for.

    `decorators` are the dotted names of those that are not expt's; empty where one has no name.
    `needs` are the experiments that arguments are runs of, None for the runs of all cases.
    """

    told: Experiment
    asks: Asks
    decorators: tuple[tuple[str, ...], ...] = ()
    needs: Mapping[str, Target | None] = field(factory=dict)

    @property
    def line(self) -> int:
        return self.told.line

    @property
    def needed(self) -> tuple[Target, ...]:
        """The experiments whose axes it has too."""
        return tuple(target for target in self.needs.values() if target is not None)


@frozen
class ExtendsCall:
    """An `experiment_* = expt.extends(base, lr=0.1)`; `base` are the parts of a dotted name, or
    empty. `gives` are the values, None where the source does not show them."""

    line: int
    base: tuple[str, ...]
    gives: Mapping[str, Any] | None = field(factory=dict)


@frozen
class Imported:
    """Where a local name comes from: `from ..a import b` is level 2, `("a", "b")`."""

    level: int
    target: tuple[str, ...]


@frozen
class ModuleSource:
    """One module as its source shows it.

    `open` says that it may have providers which the source does not show.
    """

    experiments: dict[str, Definition | ExtendsCall] = field(factory=dict)
    providers: dict[str, Asks] = field(factory=dict)
    imports: dict[str, Imported] = field(factory=dict)
    stars: tuple[Imported, ...] = ()
    open: bool = False
    mistakes: tuple[ExptError, ...] = ()


EMPTY: Final = ModuleSource()


def may_hold_experiments(content: bytes) -> bool:
    """Whether a module is worth parsing; most are not."""
    return _PREFIX_BYTES in content


def read_source(content: bytes, path: str) -> ModuleSource:
    """The experiments of a module's bytes; mistakes are told at `path:line`.

    A module that does not parse is a mistake only if it seems to define an experiment.
    """
    try:
        tree = ast.parse(content)
    except NOT_PARSED as error:
        defines = _DEFINES.search(content) is not None
        return ModuleSource(open=True, mistakes=(_parse_mistake(error, path),) if defines else ())
    return _Reading(path, may_yield=b"yield" in content).read(tree)


def _parse_mistake(error: BaseException, path: str) -> CollectionError:
    if isinstance(error, SyntaxError):
        line = f":{error.lineno}" if error.lineno else ""
        return CollectionError(f"this file is not Python: {error.msg}", f"{path}{line}")
    if isinstance(error, ValueError):
        return CollectionError(f"this file is not Python: {error}", path)
    return CollectionError("this file is nested too deep to be read", path)


class _Reading:
    """One pass over the module-level statements of one file."""

    def __init__(self, path: str, *, may_yield: bool) -> None:
        self._path = path
        self._may_yield = may_yield
        self._imports: dict[str, Imported] = {}
        self._stars: list[Imported] = []
        self._experiments: dict[str, Definition | ExtendsCall] = {}
        self._providers: dict[str, Asks] = {}
        self._open = False
        self._blocks: dict[str, int] = {}
        self._mistakes: list[ExptError] = []

    def read(self, tree: ast.Module) -> ModuleSource:
        for statement, block in module_level_statements(tree):
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                if statement.name.startswith(EXPERIMENT_PREFIX):
                    self._read_function(statement, block)
                elif statement.decorator_list:
                    self._read_provider(statement)
            elif isinstance(statement, ast.Import):
                self._read_import(statement)
            elif isinstance(statement, ast.ImportFrom):
                self._read_import_from(statement)
            elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
                self._read_assignment(statement, block)
        return ModuleSource(
            self._experiments,
            self._providers,
            self._imports,
            tuple(self._stars),
            self._open,
            tuple(self._mistakes),
        )

    # Names

    def _read_import(self, statement: ast.Import) -> None:
        for alias in statement.names:
            target = tuple(alias.name.split("."))
            if alias.asname is None:
                self._imports[target[0]] = Imported(0, target[:1])
            else:
                self._imports[alias.asname] = Imported(0, target)

    def _read_import_from(self, statement: ast.ImportFrom) -> None:
        module = tuple(statement.module.split(".")) if statement.module else ()
        for alias in statement.names:
            if alias.name != "*":
                target = Imported(statement.level, (*module, alias.name))
                self._imports[alias.asname or alias.name] = target
            elif module == ("expt",) and not statement.level:
                self._imports.update((name, Imported(0, ("expt", name))) for name in _PUBLIC)
            else:
                self._stars.append(Imported(statement.level, module))

    def _expt_name(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        """`("sweep",)` for `expt.sweep` however imported; empty for all that is not expt's."""
        imported = self._imports.get(parts[0]) if parts else None
        if imported is None or imported.level:
            return ()
        whole = (*imported.target, *parts[1:])
        return whole[1:] if whole[0] == "expt" else ()

    # Experiments

    def _read_assignment(self, statement: ast.Assign | ast.AnnAssign, block: int) -> None:
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        value = statement.value
        if not names or value is None:
            return
        from_expt = self._expt_name(decorator_name(value))
        self._open = self._open or from_expt == ("provider",)  # dataset = provider(make_dataset)
        for name in names:
            known = self._experiments.get(name)
            if isinstance(value, ast.Call) and from_expt == ("extends",):
                if name.startswith(EXPERIMENT_PREFIX):
                    base = dotted_name(value.args[0]) if len(value.args) == 1 else ()
                    extends = ExtendsCall(statement.lineno, base, _gives(value))
                    self._add(name, extends, block)
            elif from_expt[:1] == ("mark",):  # slow = expt.mark.slow
                self._imports[name] = Imported(0, ("expt", *from_expt))
            elif isinstance(known, Definition):  # experiment_x = decorate(experiment_x)
                decorators = (*known.decorators, decorator_name(value))
                self._experiments[name] = evolve(known, decorators=decorators)

    def _read_function(self, function: ast.FunctionDef | ast.AsyncFunctionDef, block: int) -> None:
        if isinstance(function, ast.AsyncFunctionDef):
            self._refuse(
                function,
                "is an async function, which would never be awaited",
                "write a plain function that calls asyncio.run(...)",
            )
            return
        if self._may_yield and is_generator(function):
            self._refuse(
                function,
                "is a generator function: calling it would run nothing",
                "replace `yield` by track(...) or results[...]; only providers yield",
            )
            return
        marks, axes, decorators = self._read_decorators(function)
        needs = self._read_needs(function)
        asks = arguments_of(function.args)
        told = Experiment(
            f"{self._path}::{function.name}",
            self._path,
            function.name,
            function.lineno,
            first_line(function.body),
            marks,
            asks.parameters,
            axes,
        )
        if needs:
            asks = evolve(asks, required=tuple(n for n in asks.required if n not in needs))
        self._add(function.name, Definition(told, asks, decorators, needs), block)

    def _read_needs(self, function: ast.FunctionDef) -> dict[str, Target | None]:
        needs: dict[str, Target | None] = {}
        for decorator in function.decorator_list:
            if self._expt_name(decorator_name(decorator)) == ("needs",):
                needs |= needed_by(decorator, function.args)
        return needs

    def _refuse(self, function: ast.stmt, what: str, hint: str) -> None:
        name = getattr(function, "name", "")
        place = f"{self._path}:{function.lineno}"
        self._mistakes.append(CollectionError(f"'{name}' {what}", place, hint))

    def _add(self, name: str, experiment: Definition | ExtendsCall, block: int) -> None:
        """Add one; two in one block are a mistake, since the first could never run."""
        if self._blocks.get(name) == block:
            self._mistakes.append(
                CollectionError(
                    f"'{name}' is defined twice: the first would never run",
                    f"{self._path}:{experiment.line}",
                    f"the first is at {self._path}:{self._experiments[name].line}; rename one",
                )
            )
        self._blocks[name] = block
        self._experiments[name] = experiment

    # Decorators

    def _read_provider(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for decorator in function.decorator_list:
            from_expt = self._expt_name(decorator_name(decorator))
            if from_expt == ("hook",):
                self._open = self._open or function.name == "expt_make_providers"
            elif from_expt == ("provider",):
                name: Any = function.name
                for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
                    if keyword.arg != "scope":
                        name = literal(keyword.value)
                        self._open = self._open or not isinstance(name, str)
                self._providers[str(name)] = arguments_of(function.args)

    def _read_decorators(
        self, function: ast.FunctionDef
    ) -> tuple[tuple[str, ...], tuple[Axis, ...] | None, tuple[tuple[str, ...], ...]]:
        """Marks, axes (None: unknown), and the decorators that are not expt's."""
        if not function.decorator_list:
            return (), (), ()
        marks: list[str] = []
        swept: dict[str, Axis] | None = {}
        others = []
        for decorator in reversed(function.decorator_list):
            parts = decorator_name(decorator)
            name = self._expt_name(parts)
            if not name:
                others.append(parts)
            elif name[0] == "mark" and len(name) == 2:
                marks.append(name[1])
            elif name == ("sweep",) and swept is not None:
                where = f"{self._path}:{decorator.lineno}"
                axes = literal_axes(decorator, where)
                swept = None if axes is None else {**axes, **swept}
        return (
            tuple(dict.fromkeys(marks)),
            None if swept is None else tuple(swept.values()),
            tuple(others),
        )


def _gives(call: ast.Call) -> Mapping[str, Any] | None:
    """The keyword arguments of a call; None where one of them is no literal."""
    values = {pair.arg: literal(pair.value) for pair in call.keywords if pair.arg is not None}
    is_shown = len(values) == len(call.keywords) and None not in values.values()
    return values if is_shown else None
