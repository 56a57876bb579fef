"""What single nodes of a syntax tree say, without running anything."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, Final

from expt.discovery.labels import MAX_LISTED
from expt.ground.model import Axis
from expt.ground.value_classes import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_NOT_LITERAL: Final = (ValueError, TypeError, SyntaxError, RecursionError, MemoryError)


@frozen
class Asks:
    """The arguments of an experiment or a provider, and those of them that have no default.

    `annotations` are those that are one word, `float` say; "" where one says more than that.
    """

    parameters: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(factory=dict)


def module_level_statements(tree: ast.Module) -> Iterator[tuple[ast.stmt, int]]:
    """Statements that run at import, those in `if`, `try` and `with` too, each with its block.

    What stands under `if __name__ == "__main__"` does not run at import.
    """
    pending = [(iter(tree.body), 0)]
    blocks = 0
    while pending:
        statements, block = pending.pop()
        for statement in statements:
            inner = _inner_blocks(statement)
            if inner is not None:
                pending.append((statements, block))
                for body in reversed(inner):
                    blocks += 1
                    pending.append((iter(body), blocks))
                break
            yield statement, block


def _inner_blocks(statement: ast.stmt) -> list[list[ast.stmt]] | None:
    if isinstance(statement, ast.If):
        is_main = _asks_for_main(statement.test)
        return [statement.orelse] if is_main else [statement.body, statement.orelse]
    if isinstance(statement, (ast.Try, ast.TryStar)):
        handlers = [handler.body for handler in statement.handlers]
        return [statement.body, *handlers, statement.orelse, statement.finalbody]
    if isinstance(statement, ast.With):
        return [statement.body]
    return None


def _asks_for_main(test: ast.expr) -> bool:
    return (
        isinstance(test, ast.Compare)
        and isinstance(test.left, ast.Name)
        and test.left.id == "__name__"
        and isinstance(test.ops[0], ast.Eq)
    )


def dotted_name(node: ast.expr) -> tuple[str, ...]:
    """`("a", "b")` of the expression `a.b`; empty for anything but a dotted name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ()
    return (node.id, *reversed(parts))


def arguments_of(arguments: ast.arguments) -> Asks:
    every = [*arguments.posonlyargs, *arguments.args]
    first = len(every) - len(arguments.defaults)
    if arguments.kwonlyargs:
        every += arguments.kwonlyargs
    names = tuple([argument.arg for argument in every])
    required = names[:first]
    if arguments.kwonlyargs:
        defaults = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        required += tuple(argument.arg for argument, default in defaults if default is None)
    annotations = {
        argument.arg: annotation.id if isinstance(annotation, ast.Name) else ""
        for argument in every
        if (annotation := argument.annotation) is not None
    }
    return Asks(names, required, annotations)


def decorator_name(decorator: ast.expr) -> tuple[str, ...]:
    """The dotted name of a decorator without what it is called with; empty for none."""
    while isinstance(decorator, ast.Call):
        decorator = decorator.func
    return dotted_name(decorator)


def names_used(content: bytes) -> dict[str, frozenset[tuple[str, ...]]]:
    """For each function and class of a module, every dotted name inside it."""
    return {
        statement.name: frozenset(
            dotted_name(node)
            for node in ast.walk(statement)
            if isinstance(node, (ast.Attribute, ast.Name))
        )
        for statement, _ in module_level_statements(ast.parse(content))
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }


def first_line(body: Sequence[ast.stmt]) -> str:
    """The first line of a docstring, without `ast.get_docstring`, which imports `inspect`."""
    first = body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        text = first.value.value
        if isinstance(text, str):
            return text.strip().partition("\n")[0].strip()
    return ""


def is_generator(function: ast.FunctionDef) -> bool:
    """Whether a `yield` belongs to the function itself and not to one inside it."""
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return True
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            pending.extend((*node.decorator_list, *_defaults(node.args)))
        elif isinstance(node, ast.Lambda):
            pending.extend(_defaults(node.args))
        else:
            pending.extend(ast.iter_child_nodes(node))
    return False


def _defaults(arguments: ast.arguments) -> Iterator[ast.expr]:
    yield from arguments.defaults
    yield from (default for default in arguments.kw_defaults if default is not None)


Target = str | tuple[str, ...]
"""What an experiment needs: a node id, or a dotted name; empty where the source does not tell."""


def needed_by(decorator: ast.expr, arguments: ast.arguments) -> dict[str, Target | None]:
    """What `@needs(model="train.py::experiment_train")` says, by argument.

    None where the runs of all cases are given, so that the cases of the two are not the same.
    """
    if not isinstance(decorator, ast.Call):
        return {}
    known = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    annotations = {argument.arg: argument.annotation for argument in known}
    targets: dict[str, Target | None] = {}
    for keyword in decorator.keywords:
        if keyword.arg is None:
            targets[""] = ()  # **anything
            continue
        annotation = annotations.get(keyword.arg)
        if isinstance(annotation, ast.Subscript):
            targets[keyword.arg] = None
        elif annotation is not None and dotted_name(annotation)[-1:] != ("Run",):
            targets[keyword.arg] = ()
        else:
            text = literal(keyword.value)
            targets[keyword.arg] = text if isinstance(text, str) else dotted_name(keyword.value)
    return targets


def literal_axes(decorator: ast.expr, where: str) -> dict[str, Axis] | None:
    """The axes of `@sweep(lr=[0.1, 0.01])`; None where a value is not literal."""
    if not isinstance(decorator, ast.Call) or decorator.args:
        return None
    swept: dict[str, Any] = {}
    for keyword in decorator.keywords:
        values = _literal_sequence(keyword.value)
        if keyword.arg is not None:
            swept[keyword.arg] = values
        elif isinstance(values, dict):  # **{"optimizer.lr": [0.1, 0.01]}
            swept.update(values)
        else:
            return None
    axes = {}
    for name, values in swept.items():
        if not isinstance(name, str) or not isinstance(values, (list, tuple, range)):
            return None
        axes[name] = Axis((name,), tuple((value,) for value in values), where)
    return axes


def _literal_sequence(node: ast.expr) -> Any:
    """The value of a literal, or of `range` of literals; None for anything else."""
    if not (
        isinstance(node, ast.Call) and dotted_name(node.func) == ("range",) and not node.keywords
    ):
        return literal(node)
    try:
        values = range(*(ast.literal_eval(argument) for argument in node.args))
        return values if len(values) <= MAX_LISTED else None
    except (*_NOT_LITERAL, OverflowError):
        return None


def literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except _NOT_LITERAL:
        return None
