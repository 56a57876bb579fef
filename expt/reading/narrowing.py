"""What of a `--where` SQLite can refute, so that only what may match is read and evaluated.

    lr < 0.01 and not seed == 3      ─►  json_extract(summary, '$.params."lr"') < 0.01000… or …

The SQL is true for every run that matches, and for some that do not: a name is looked for in every
place where it may stand, numbers get a margin, and what SQL cannot tell (tags of values, `not`,
arithmetic) it lets through. `where` is the truth.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, Final

from expt.reading.fields import FIELDS, PARTS, UNPREFIXED
from expt.reading.where import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Sql = tuple[str, tuple[Any, ...]]
"""A condition on the columns `summary` and `rare`, and its arguments."""

_FIELDS: Final = ("id", "experiment", "case", "status", "duration")
"""Those of the run's own fields that stand in its file as they are shown once it has ended."""
RARE: Final[Mapping[str, str]] = {'"$': "t", '"$dict"': "d", '"choices"': "c", '"made"': "m"}
"""Words that stand in few summaries, by the letter for each that an index keeps beside it."""
_MOST_DOTS: Final = 3
MARGIN: Final = 1e-9  # SQLite may read the last digits of a number otherwise than Python
_EXACT: Final = 2**53
_SIGNS: Final[Mapping[type[ast.cmpop], str]] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "=",
}
_TURNED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}
_NOTHING: Final = object()


def narrow(tree: ast.expr) -> Sql | None:
    """The SQL of what a condition needs; None where it needs nothing that SQL can tell."""
    if isinstance(tree, ast.BoolOp):
        parts = [narrow(part) for part in tree.values]
        if isinstance(tree.op, ast.Or):
            return None if None in parts else _joined(" OR ", [part for part in parts if part])
        return _joined(" AND ", [part for part in parts if part])
    if isinstance(tree, ast.Compare):
        sides = [tree.left, *tree.comparators]
        links = [
            _link(operation, sides[place], sides[place + 1])
            for place, operation in enumerate(tree.ops)
        ]
        return _joined(" AND ", [link for link in links if link])
    return None


def place_of_number(name: str) -> str | None:
    """Where a number that is the value of `name` stands in a summary that has no rare word; None
    where there are several such places, or none."""
    if name in FIELDS:
        return "$.duration" if name == "duration" else None
    prefix, dot, rest = name.partition(".")
    part, key = (prefix, rest) if dot and prefix in PARTS else ("params", name)
    if not key or "." in key or not _is_sayable(key):
        return None
    (place,) = _places(part, key)
    return place


def _joined(word: str, parts: Sequence[Sql]) -> Sql | None:
    if not parts:
        return None
    text = word.join(f"({part})" for part, _ in parts)
    return text, tuple(argument for _, arguments in parts for argument in arguments)


def _link(operation: ast.cmpop, left: ast.expr, right: ast.expr) -> Sql | None:
    if isinstance(operation, ast.In) and isinstance(right, (ast.List, ast.Tuple)):
        links = [_link(ast.Eq(), left, member) for member in right.elts]
        return None if None in links else _joined(" OR ", [link for link in links if link])
    sign = _SIGNS.get(type(operation))
    if sign is None:
        return None
    name, value = name_of(left), _constant(right)
    if name is None:
        name, value, sign = name_of(right), _constant(left), _TURNED[sign]
    if name is None or value is _NOTHING:
        return None
    comparison = _comparison(sign, value)
    paths = list(_paths(name))
    if comparison is None or not paths:
        return None
    parts = [
        _guarded(word, [_at(path, *comparison) for path in some]) for word, some in paths if some
    ]
    every = [path for _, some in paths for path in some]
    tags = [("json_type(summary, ?) = 'object'", (path,)) for path in every]
    return _joined(" OR ", [*parts, _guarded('"$', tags)])


def _at(path: str, text: str, arguments: tuple[Any, ...]) -> Sql:
    return f"json_extract(summary, ?) {text}", (path, *arguments)


def _guarded(word: str, parts: Sequence[Sql]) -> Sql:
    """Any of `parts`, asked only where `word` stands in the summary, `%` in it for anything."""
    text, arguments = _joined(" OR ", parts) or ("0", ())
    if not word:
        return text, arguments
    if word in RARE:
        return f"instr(rare, '{RARE[word]}') AND ({text})", arguments
    return f"summary LIKE ? AND ({text})", (f"%{word}%", *arguments)


def _comparison(sign: str, value: Any) -> Sql | None:
    if isinstance(value, str):
        return ("= ?", (value,)) if sign == "=" and value.isascii() else None
    margin = abs(value) * MARGIN
    if sign == "=":
        return "BETWEEN ? AND ?", (value - margin, value + margin)
    return f"{sign[0]}= ?", (value + margin if sign[0] == "<" else value - margin,)


def _constant(node: ast.expr) -> Any:
    """A text, or a number that SQLite compares as Python does; else `_NOTHING`."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        operand = _constant(node.operand)
        return -operand if type(operand) in (int, float) else _NOTHING
    value: Any = node.value if isinstance(node, ast.Constant) else None
    if type(value) is str or (type(value) in (int, float) and abs(value) < _EXACT):
        return value
    return _NOTHING


def _paths(name: str) -> Iterator[tuple[str, list[str]]]:
    """Every place of a summary where the value of a name may stand; those that need a word there
    are told with it."""
    if name in FIELDS:
        if name in _FIELDS:
            yield "", [f"$.{name}"]
        return
    if name.count(".") > _MOST_DOTS or not _is_sayable(name):
        return
    prefix, dot, rest = name.partition(".")
    if dot and prefix in PARTS:
        yield "", list(_places(prefix, rest))
        again = [path for part in UNPREFIXED for path in _places(part, name)]
        yield f'"{prefix}%"{prefix}' if prefix in ("params", "results") else f'"{prefix}', again
        return
    yield '"choices"', list(_places("choices", name))
    yield '"made"', list(_places("made", name))
    yield "", [path for part in ("params", "results", "last") for path in _places(part, name)]


def _places(part: str, name: str) -> Iterator[str]:
    if part in ("last", "min", "max"):
        yield f'$.series."{name}".{part}'
        return
    above = "$.lineage.choices" if part == "choices" else f"$.{part}"
    for keys in _splits(name):
        yield above + "".join(f'."{key}"' for key in keys)


def _splits(name: str) -> Iterator[list[str]]:
    """`a.b.c` as keys: of which any may hold dots itself."""
    head, dot, rest = name.partition(".")
    if not dot:
        yield [name]
        return
    for first, *others in _splits(rest):
        yield [head, first, *others]
        yield [f"{head}.{first}", *others]


def _is_sayable(name: str) -> bool:
    """Whether a name can stand in a path of SQLite's."""
    return name.isascii() and name.isprintable() and not set(name) & set('"\\')
