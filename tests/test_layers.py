"""The architecture, held: a module imports only what stands below it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "expt"

# Lowest first; the modules of one row do not import each other
LAYERS = (
    ("errors", "text"),
    ("model", "layout", "encoding", "declarations", "toml_reading"),
    ("imports", "coercion"),
    ("hookspecs", "screen"),
    (
        "configuration",
        "discovery",
        "expression",
        "loading",
        "params",
        "providers",
        "tracking",
        "snapshot",
        "archive",
        "drawing",
    ),
    ("planning", "reading", "arguments"),
    ("running", "rendering"),
    ("executors",),
    ("plugins",),
    ("builtin",),
    ("selecting", "burying", "syncing", "command_line"),
    ("worker",),
    ("session",),
    ("commands",),
    ("cli",),
    ("api", "__main__"),
    ("testing",),
)
RANK = {name: rank for rank, row in enumerate(LAYERS) for name in row}


def upward_imports(source: str, module: str) -> list[str]:
    """What `source`, the text of a file of `module`, imports that does not stand below it."""
    found = []
    for node in ast.walk(ast.parse(source)):
        for name in imported_names(node):
            parts = name.split(".")
            if parts[0] != "expt" or len(parts) == 1:
                continue
            other = parts[1]
            if other in RANK and other != module and RANK[other] >= RANK[module]:
                found.append(f"line {node.lineno}: {name}")
    return found


def imported_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module == "expt":
        return [f"expt.{alias.name}" for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = ast.unparse(node.func)
        if called.endswith(("import_module", "__import__")) and isinstance(node.args[0].value, str):
            return [node.args[0].value]
    return []


def files() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def module_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_stands_below_it(path: Path) -> None:
    assert upward_imports(path.read_text(encoding="utf-8"), module_of(path)) == []


def test_every_module_has_a_place() -> None:
    assert sorted({module_of(path) for path in files()} - set(RANK)) == []


@pytest.mark.parametrize(
    "source",
    [
        "import expt.session",
        "from expt.session import run_session",
        "from expt import session",
        "def f():\n    from expt.session import run_session",
        "if TYPE_CHECKING:\n    from expt.running import run_case",
        "importlib.import_module('expt.cli')",
    ],
)
def test_an_upward_import_is_found_wherever_it_stands(source: str) -> None:
    assert upward_imports(source, "planning") != []


def test_modules_of_one_row_do_not_import_each_other() -> None:
    assert upward_imports("from expt.archive import Archive", "tracking") != []
    assert upward_imports("from expt.model import Case", "tracking") == []
