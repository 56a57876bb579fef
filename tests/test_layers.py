"""The architecture, held: a module imports only what stands below it, and nothing in a circle.

The rows are those of docs/explanation.md, which is the only list of them.
"""

from __future__ import annotations

import ast
import functools
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "expt"


def read_rows(page: str) -> list[list[str]]:
    """The entries of each row of the table under 'The rows', lowest row first."""
    table = page.partition("## The rows")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| \d+ \| (.*?) \|", table, re.MULTILINE)
    return [re.findall(r"`(\w+)`", row) for row in rows][::-1]


ROWS = read_rows((ROOT / "docs" / "explanation.md").read_text(encoding="utf-8"))
RANK = {entry: rank for rank, row in enumerate(ROWS) for entry in row}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@functools.cache
def imports_and_nouns(source: str) -> tuple[list[tuple[int, str]], list[str]]:
    """What `imports` and `public_nouns` say of a source, which is parsed once; no tree stays."""
    tree = ast.parse(source)
    calls = "import_module" in source or "__import__" in source
    found = [
        (getattr(node, "lineno", 0), name)
        for node in (ast.walk if calls else statements)(tree)
        for name in imported_names(node)
        if name == "expt" or name.startswith("expt.")
    ]
    return found, nouns_of(tree)


def imports(source: str) -> list[tuple[int, str]]:
    """The line and the dotted name of all of expt that `source` imports, wherever it does so."""
    return imports_and_nouns(source)[0]


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements below a node, without what stands in their expressions."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.expr):
            yield child
            yield from statements(child)


def imported_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = ast.unparse(node.func)
        if called.endswith(("import_module", "__import__")) and isinstance(node.args[0].value, str):
            return [node.args[0].value]
    return []


def entry_of(module: str) -> str:
    """The entry that a name is of: what `expt` itself gives is of its front, above all others."""
    entry = f"{module}.".split(".")[1]
    return entry if f"expt.{entry}" in FILES else FRONT


FRONT = "__init__"


def upward_imports(source: str, entry: str) -> list[str]:
    """What `source`, the text of a file below `entry`, imports that does not stand below it."""
    return [
        f"line {line}: {name}"
        for line, name in imports(source)
        if (other := entry_of(name)) != entry and RANK.get(other, len(ROWS)) >= RANK[entry]
    ]


def nearest_module(name: str, modules: set[str]) -> str:
    while name not in modules:
        name = name.rpartition(".")[0]
    return name


def find_circle(sources: dict[str, str]) -> list[str]:
    """Modules that import each other in a circle, or none."""
    modules = {*sources, "expt"}
    graph = {
        module: {nearest_module(name, modules) for _, name in imports(source)} - {module}
        for module, source in sources.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


INNER = [name for name in FILES if name != "expt"]


@pytest.mark.parametrize("entry", sorted({entry_of(module) for module in INNER}))
def test_a_module_imports_only_what_stands_below_it(entry: str) -> None:
    upward = {
        module: upward_imports(FILES[module].read_text(encoding="utf-8"), entry)
        for module in INNER
        if entry_of(module) == entry
    }
    assert {module: found for module, found in upward.items() if found} == {}


def test_no_modules_import_each_other_in_a_circle() -> None:
    sources = {name: FILES[name].read_text(encoding="utf-8") for name in INNER}
    assert find_circle(sources) == []


def test_the_explanation_shows_every_entry_and_no_other() -> None:
    assert sorted(RANK) == sorted({entry_of(module) for module in INNER})


def test_no_name_is_borne_by_two_modules() -> None:
    stems = [name.rpartition(".")[2] for name in INNER]
    assert sorted({stem for stem in stems if stems.count(stem) > 1}) == []


def public_nouns(source: str) -> list[str]:
    """The classes, types and constants that a module gives others."""
    return imports_and_nouns(source)[1]


def nouns_of(tree: ast.Module) -> list[str]:
    nouns = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            nouns.append(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and "TypeVar" not in ast.unparse(node):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            nouns += [target.id for target in targets if isinstance(target, ast.Name)]
    return [noun for noun in nouns if noun[0].isupper()]


def test_no_noun_is_of_two_things() -> None:
    nouns = [noun for path in FILES.values() for noun in public_nouns(path.read_text("utf-8"))]
    assert sorted({noun for noun in nouns if nouns.count(noun) > 1}) == []


def test_a_name_is_imported_from_the_module_where_it_stands() -> None:
    """Only the packages that users import from hand on names of their modules."""
    packages = [name for name, path in FILES.items() if path.stem == "__init__"]
    fronts = [name for name in packages if "__all__" in FILES[name].read_text(encoding="utf-8")]
    assert fronts == ["expt", "expt.adapters", "expt.testing"]


def test_every_test_file_is_of_a_module_or_of_the_whole() -> None:
    of_the_whole = {
        *(
            "archives",
            "damage",
            "docs",
            "examples",
            "faults",
            "kills",
            "night",
            "layers",
            "public_names",
            "saying",
            "surface",
            "typing",
            "values",
        ),
    }
    dotted = [name.replace(".", "_") for name in INNER]
    for path in (ROOT / "tests").glob("test_*.py"):
        name = path.stem.removeprefix("test_")
        assert name in of_the_whole or any(f"_{known}".endswith(f"_{name}") for known in dotted)


@pytest.mark.parametrize(
    "source",
    [
        "import expt.sessions.session",
        "from expt.sessions.session import run_session",
        "from expt import sessions",
        "def f():\n    import expt",
        "from expt import __version__",
        "def f():\n    from expt.sessions.session import run_session",
        "if TYPE_CHECKING:\n    from expt.running.case import run_case",
        "importlib.import_module('expt.cli')",
    ],
)
def test_an_upward_import_is_found_wherever_it_stands(source: str) -> None:
    assert upward_imports(source, "planning") != []


def test_entries_of_one_row_do_not_import_each_other() -> None:
    assert upward_imports("from expt.drawing.curves import thin", "archive") != []
    assert upward_imports("from expt.ground.model import Case", "archive") == []


def test_a_circle_is_found_also_inside_functions_and_inside_an_entry() -> None:
    sources = {
        "expt.a.x": "from expt.a import y",
        "expt.a.y": "def f():\n    from expt.a.z import g",
        "expt.a.z": "import expt.a.x",
        "expt.a": "",
    }
    assert set(find_circle(sources)) == {"expt.a.x", "expt.a.y", "expt.a.z"}


def test_the_rows_are_read_lowest_first() -> None:
    page = (
        "## The rows\n\n| row | entries |\n|---|---|\n| 1 | `b`, `c` | |\n| 0 | `a` | |\n\n## Else"
    )
    assert read_rows(page) == [["a"], ["b", "c"]]
