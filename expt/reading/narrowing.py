"""What of a `--where` the columns of the index can refute, so that only what may match is read.

    lr < 0.01 and not seed == 3      ─►  [value < 0.01 for value in column "params·lr"] or …

An answer is true for every run that matches, and for some that do not: a name is looked for in
every place where it may stand, and what columns cannot tell (dates, `not`, arithmetic) is let
through. `where` is the truth; an answer is `SURE` where there is nothing left to ask.
"""

from __future__ import annotations

import ast
import operator
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from expt.reading.cells import EXTREMES, NUMBERS, TIMES, key_of
from expt.reading.fields import FIELDS, PARTS, UNPREFIXED
from expt.reading.where import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from expt.reading.shelves import Shelf

    Answer = Sequence[int] | None
    """For each archive of a shelf `NOT`, `MAY` or `SURE`; None where any may match."""
    Narrowing = Callable[[Shelf], Answer]

NOT: Final = 0
MAY: Final = 1
SURE: Final = 3  # with the bit of MAY, so that `and` and `or` of bits are those of answers
_HEADS: Final = ("id", "experiment", "case", "status")
"""Those of the run's own fields that stand in its file as they are shown once it has ended."""
_MOST_DOTS: Final = 3
_ORDER: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
}
_TURNED: Final[Mapping[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.Gt,
    ast.LtE: ast.GtE,
    ast.Gt: ast.Lt,
    ast.GtE: ast.LtE,
    ast.Eq: ast.Eq,
}
_NOTHING: Final = object()


def narrow(tree: ast.expr) -> Narrowing | None:
    """What a condition needs, asked of a shelf; None where it needs nothing that columns tell."""
    if isinstance(tree, ast.BoolOp):
        parts = [narrow(part) for part in tree.values]
        if isinstance(tree.op, ast.Or):
            return None if None in parts else _any_of([part for part in parts if part])
        return _all_of(parts)
    if isinstance(tree, ast.Compare):
        sides = [tree.left, *tree.comparators]
        links = [
            _link(type(operation), sides[place], sides[place + 1])
            for place, operation in enumerate(tree.ops)
        ]
        return _all_of(links)
    return None


def _all_of(parts: Sequence[Narrowing | None]) -> Narrowing | None:
    def answer(shelf: Shelf) -> Answer:
        told = [part and part(shelf) for part in parts]
        answers = [found for found in told if found is not None]
        if 0 < len(answers) < len(parts):
            answers.append([MAY] * len(shelf))
        return _each(operator.and_, answers) if answers else None

    return answer if any(parts) else None


def _any_of(parts: Sequence[Narrowing]) -> Narrowing | None:
    def answer(shelf: Shelf) -> Answer:
        answers = [found for part in parts if (found := part(shelf)) is not None]
        if len(answers) < len(parts):
            return None
        return _each(operator.or_, answers)

    return (answer if len(parts) > 1 else parts[0]) if parts else None


def _each(join: Callable[[int, int], int], answers: Sequence[Sequence[int]]) -> Sequence[int]:
    return reduce(lambda one, other: list(map(join, one, other)), answers)


def _link(operation: type[ast.cmpop], left: ast.expr, right: ast.expr) -> Narrowing | None:
    if operation is ast.In and isinstance(right, (ast.List, ast.Tuple)):
        links = [_link(ast.Eq, left, member) for member in right.elts]
        return None if None in links else _any_of([link for link in links if link])
    if operation not in _ORDER:
        return None
    name, value = name_of(left), _constant(right)
    if name is None:
        name, value, operation = name_of(right), _constant(left), _TURNED[operation]
    if name is None or value is _NOTHING:
        return None
    return _comparison(name, _ORDER[operation], value)


def _comparison(name: str, holds: Callable[[Any, Any], bool], value: Any) -> Narrowing | None:
    """Whether anything that `name` may be is in that relation to a constant."""
    types = frozenset({str}) if type(value) is str else NUMBERS
    if name in FIELDS and name not in (*_HEADS, *TIMES):
        return None
    if name.count(".") > _MOST_DOTS or not _is_sayable(name):
        return None
    columns = [name] if name in FIELDS else list(_columns(name))
    exact = name in _HEADS or bool(number_columns(name))

    def answer(shelf: Shelf) -> Answer:
        known = [column for column in columns if column in shelf.names or column in _HEADS]
        holding = SURE if exact and len(known) == 1 else MAY
        answers = []
        for column in known:
            values = shelf.head(column) if column in _HEADS else shelf.column(column)
            if values is None:
                return None
            answers.append(
                [
                    holding
                    if each.__class__ in types and holds(each, value)
                    else each.__class__ is list
                    for each in values
                ]
            )
        return _each(operator.or_, answers) if answers else [NOT] * len(shelf)

    return answer


def _constant(node: ast.expr) -> Any:
    """A text or a number; else `_NOTHING`."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        operand = _constant(node.operand)
        return -operand if type(operand) in NUMBERS else _NOTHING
    value: Any = node.value if isinstance(node, ast.Constant) else None
    return value if type(value) is str or type(value) in NUMBERS else _NOTHING


def number_columns(name: str) -> list[str]:
    """The columns of which the first that has a value for a run has that of `name`; none for a
    name of which columns do not tell that."""
    if name in FIELDS:
        return [name] if name in TIMES else []
    prefix, dot, rest = name.partition(".")
    key = rest if dot and prefix in PARTS else name
    return list(_columns(name)) if key and "." not in key and _is_sayable(key) else []


def _columns(name: str) -> Iterator[str]:
    """Every column that may have the value of a name, in the order of `fields`."""
    prefix, dot, rest = name.partition(".")
    if dot and prefix in PARTS:
        yield from _places(prefix, rest)
    for part in UNPREFIXED:
        yield from _places(part, name)


def _places(part: str, name: str) -> Iterator[str]:
    if part in EXTREMES:
        yield key_of("series", name, part)
        return
    above = ("lineage", "choices") if part == "choices" else (part,)
    for keys in _splits(name):
        yield key_of(*above, *keys)


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
    """Whether a name is that of a column, and of no tag."""
    return name.isprintable() and "$" not in name
