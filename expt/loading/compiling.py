"""Bytes to code, with the imports of neighbours under their full names, and kept for next time."""

from __future__ import annotations

import ast
import hashlib
import marshal
import sys
from importlib.util import MAGIC_NUMBER, cache_from_source
from typing import TYPE_CHECKING

from expt.ground.errors import PlanningError
from expt.ground.imports import ModuleImport, read_imports
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import SourceFileLoader
    from types import CodeType

    FullName = Callable[[ModuleImport], str | None]
    """Of the first part of an absolute import; None where it stands as it is."""


@frozen
class Compiled:
    """The code of a file, its imports, and the full names that some of them got."""

    code: CodeType
    imports: tuple[ModuleImport, ...]


def compile_source(
    file: str, content: bytes, resolve: FullName, loader: SourceFileLoader
) -> Compiled:
    """The code of `content`. Raises `SyntaxError`, and what `resolve` raises, with the line.

    Code is kept beside Python's own under a suffix of its own, and is taken from there if it was
    made of these very bytes and each import still means what it meant; no time stamp is trusted.
    """
    try:
        cache = cache_from_source(file, optimization=f"expt{sys.flags.optimize}")
    except NotImplementedError:
        cache = None
    stamp = MAGIC_NUMBER + hashlib.sha256(content).digest()
    kept = cache and _read_kept(cache, stamp, file, resolve, loader)
    if kept:
        return kept
    tree = ast.parse(content, file)
    imports, names = [], []
    for node, said in read_imports(tree):
        name = _resolve_at(said, node.lineno, resolve)
        if name is not None:
            _rename(node, said.module, name)
        imports.append(said)
        names.append(name)
    code = compile(tree, file, "exec", dont_inherit=True)
    if cache and not sys.dont_write_bytecode:
        plain = [(said.module, said.names, said.level) for said in imports]
        loader.set_data(cache, stamp + marshal.dumps((file, plain, names, code)))
    return Compiled(code, tuple(imports))


def _read_kept(
    cache: str, stamp: bytes, file: str, resolve: FullName, loader: SourceFileLoader
) -> Compiled | None:
    try:
        data = loader.get_data(cache)
        if not data.startswith(stamp):
            return None
        kept_file, plain, names, code = marshal.loads(data[len(stamp) :])  # noqa: S302 (our own)
        imports = tuple(ModuleImport(*said) for said in plain)
        if kept_file == file and [resolve(said) for said in imports] == names:
            return Compiled(code, imports)
    except (OSError, ValueError, EOFError, TypeError, PlanningError):
        pass  # compiled anew, where a mistake is told with its line
    return None


def _resolve_at(said: ModuleImport, line: int, resolve: FullName) -> str | None:
    try:
        return resolve(said)
    except PlanningError as error:
        raise PlanningError(error.what, f"{error.at}:{line}", error.hint) from None


def _rename(node: ast.Import | ast.ImportFrom, module: str, name: str) -> None:
    """Make an import statement name its module in full, and bind what it bound before."""
    first = module.partition(".")[0]
    full = name + module[len(first) :]
    if isinstance(node, ast.ImportFrom):
        node.module = full
        return
    aliases = []
    for alias in node.names:
        if alias.name != module:
            aliases.append(alias)
            continue
        aliases.append(ast.alias(full, alias.asname or first))
        if alias.asname is None and full != name:
            aliases.append(ast.alias(name, first))  # `import a.b` binds a
    node.names = [ast.copy_location(alias, node) for alias in aliases]
