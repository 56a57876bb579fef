"""The part of a module's source that one of its functions needs: a slice that runs elsewhere."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable


@frozen
class Closure:
    """Source text that defines `function` and what it uses; the names that it binds on the way.

    `imports` are the modules that it imports, by their absolute dotted names.
    """

    function: str
    text: str
    names: frozenset[str]
    imports: frozenset[str]


def find_closure(source: str, path: str, function: str) -> Closure | None:
    """The statements at the top level of `source` that `function` needs, in their order.

    `path` is the file's path relative to the root directory, against which relative imports are
    made absolute. None where the source does not parse or has no such function.
    """
    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError):
        return None
    statements = [statement for statement in statements if not _is_left_out(statement)]
    if not any(function in _bound(statement, functions_only=True) for statement in statements):
        return None
    needed = _needed(statements, function)
    lines = source.splitlines(keepends=True)
    texts: dict[tuple[int, int], str] = {}
    for statement in needed:
        if isinstance(statement, ast.ImportFrom) and statement.level:
            texts[_lines_of(statement)] = _absolute(statement, path)
        else:
            start, end = _lines_of(statement)
            texts[start, end] = "".join(lines[start:end]).rstrip()
    text = "\n".join(
        f"\n\n{text}" if text.startswith(("def ", "class ", "@", "async ")) else text
        for text in texts.values()
    )
    names = frozenset(name for statement in needed for name in _bound(statement))
    modules = frozenset(name for statement in needed for name in _imported(statement, path))
    return Closure(function, text.strip("\n"), names, modules)


def imported_modules(path: str, source: str) -> set[str]:
    """The modules that a file of code imports, by absolute dotted names; none of another file."""
    try:
        statements = ast.parse(source).body if path.endswith(".py") else []
    except (SyntaxError, ValueError, RecursionError):
        return set()
    return {name for statement in statements for name in _imported(statement, path)}


def _is_left_out(statement: ast.stmt) -> bool:
    """`from __future__`, which the script begins with, and `if __name__ == "__main__"`."""
    if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
        return True
    return isinstance(statement, ast.If) and "__name__" in _used(statement.test)


def _needed(statements: list[ast.stmt], function: str) -> list[ast.stmt]:
    wanted, chosen = {function}, set[int]()
    while True:
        found = [
            index
            for index, statement in enumerate(statements)
            if index not in chosen and not wanted.isdisjoint(_bound(statement))
        ]
        if not found:
            return [statements[index] for index in sorted(chosen)]
        chosen.update(found)
        wanted.update(*(_used(statements[index]) for index in found))


def _used(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _bound(statement: ast.stmt, *, functions_only: bool = False) -> set[str]:
    """Names that a statement binds at the top level of its module."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    names: set[str] = set()
    for inner in _same_scope(statement):
        if isinstance(inner, (ast.FunctionDef, ast.ClassDef)):
            names.add(inner.name)
        elif functions_only:
            continue
        elif isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            names.add(inner.id)
        elif isinstance(inner, (ast.Import, ast.ImportFrom)):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in inner.names}
    return names


def _same_scope(statement: ast.stmt) -> Iterable[ast.AST]:
    """Every node below `statement` that is not inside a function or a class."""
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            pending.extend(ast.iter_child_nodes(node))


def _lines_of(statement: ast.stmt) -> tuple[int, int]:
    decorators = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
    return first - 1, statement.end_lineno or statement.lineno


def _absolute(statement: ast.ImportFrom, path: str) -> str:
    names = ", ".join(
        f"{alias.name} as {alias.asname}" if alias.asname else alias.name
        for alias in statement.names
    )
    return f"from {_module_of(statement, path)} import {names}"


def _module_of(statement: ast.ImportFrom, path: str) -> str:
    if not statement.level:
        return statement.module or ""
    folders = path.split("/")[: -statement.level]
    return ".".join([*folders, *([statement.module] if statement.module else [])])


def _imported(statement: ast.stmt, path: str) -> list[str]:
    found = []
    for node in ast.walk(statement):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(_module_of(node, path))
    return found
