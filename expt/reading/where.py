"""`--where`: what is asked of one run, as a small typed expression with three answers.

    lr < 0.01 and results.accuracy > 0.9         values, by the names of `fields`
    last["eval/loss"] / last.loss < 2            arithmetic; a name that is no word in brackets
    status in ["failed", "lost"] or note         members of a list; a text is true where it is there
    0.01 <= lr < 0.1 and not "mlp" in experiment  chains; a part of a text
    started >= "last tuesday"                    moments, as `--since` reads them

The grammar is Python's, read by `ast` and never executed: comparisons, `and`, `or`, `not`, `in`,
`+ - * / // %`, numbers, texts, lists, `true`, `false`, `null`, `inf`, `nan`. The logic is SQL's:
a comparison of what a run does not have, or of things that have no order, is unknown, and only
what is true matches. Numbers compare as numbers; nothing else is equal to a thing of another type.
"""

from __future__ import annotations

import ast
import datetime as dt
import operator
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath
from typing import Any, Final

from expt.ground.clock import local_now
from expt.ground.errors import UsageError
from expt.ground.spread import is_number
from expt.ground.text import visible
from expt.ground.value_classes import frozen
from expt.reading.moments import parse_moment

OPTION: Final = "--where"
UNKNOWN: Final = object()
"""The third answer; also what a name is that a run does not have."""

Look = Callable[[str], Any]
"""The value of a name in one run, or `UNKNOWN`."""
Asking = Callable[[Look], Any]

_LONGEST: Final = 10_000
_LITERALS: Final = frozenset({bool, int, float, str, type(None)})
_TIMES: Final = frozenset({"started", "finished"})
_WORDS: Final[Mapping[str, Any]] = {
    "true": True,
    "false": False,
    "null": None,
    "none": None,
    "inf": float("inf"),
    "nan": float("nan"),
}
_ORDER: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_HELP: Final = "write for example: lr < 0.01 and results.accuracy > 0.9 and status == 'completed'"


@frozen
class Condition:
    """A compiled `--where`. `names` are those that it asks for, as `fields` spells them."""

    text: str
    names: frozenset[str]
    tree: ast.expr
    _answer: Asking

    def matches(self, look: Look) -> bool:
        """Whether the answer is true for the run in which `look` finds names."""
        return self._answer(look) is True


def compile_condition(text: str, now: dt.datetime | None = None) -> Condition:
    """The condition that `text` is; `now` is what its moments are relative to.

    Raises `UsageError` with the column for what the grammar does not have.
    """
    if len(text) > _LONGEST:
        raise UsageError(f"wrong expression passed to '{OPTION}': it is too long", None, _HELP)
    try:
        tree = ast.parse(text.strip().replace("\n", " "), mode="eval").body
        compiler = _Compiler(text, now or local_now())
        answer = compiler.logic(tree)
        return Condition(text, frozenset(compiler.names), tree, answer)
    except SyntaxError as error:
        what, column = error.msg, error.offset or len(text) + 1  # 0 is the end
        if "Maybe you meant '=='" in what or text[column - 1 : column] == "=":
            what = "one '=' is no comparison; write '=='"
        raise _mistake(text, column, what) from None
    except (RecursionError, MemoryError, ValueError) as error:
        what = str(error) if isinstance(error, ValueError) else "it is nested too deep"
        raise _mistake(text, 1, what) from None


def name_of(node: ast.expr) -> str | None:
    """The name that a node of a condition is, as `fields` spells it; None where it is none."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = name_of(node.value)
        return None if before is None else f"{before}.{node.attr}"
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        before, key = name_of(node.value), node.slice.value
        return f"{before}.{key}" if before is not None and type(key) is str else None
    return None


class _Compiler:
    """Nodes of a syntax tree to functions of a run; what is not of the grammar is refused."""

    def __init__(self, text: str, now: dt.datetime) -> None:
        self._text = text
        self._now = now
        self.names: set[str] = set()

    def logic(self, node: ast.expr) -> Asking:
        """A node where true, false or unknown is wanted."""
        if isinstance(node, ast.BoolOp):
            parts = [self.logic(part) for part in node.values]
            decisive = isinstance(node.op, ast.Or)
            return lambda look: _fold((part(look) for part in parts), decisive=decisive)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return _negation(self.logic(node.operand))
        if isinstance(node, ast.Compare):
            return self._comparison(node)
        value = self.value(node)
        if name_of(node) is None:
            raise self._refuse(node, "this is neither true nor false")
        return lambda look: _truth(value(look))

    def value(self, node: ast.expr) -> Asking:
        """A node where a value is wanted."""
        if isinstance(node, ast.Constant) and type(node.value) in _LITERALS:
            return _constant(node.value)
        if isinstance(node, ast.Name) and node.id in _WORDS:
            return _constant(_WORDS[node.id])
        name = name_of(node)
        if name is not None:
            self.names.add(name)
            return lambda look: _plain(look(name))
        if isinstance(node, (ast.List, ast.Tuple)):
            parts = [self.value(part) for part in node.elts]
            return lambda look: [part(look) for part in parts]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
            sign = operator.neg if isinstance(node.op, ast.USub) else operator.pos
            operand = self.value(node.operand)
            return lambda look: _calculated(lambda _, x: sign(x), 0, operand(look))
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            calculate = _ARITHMETIC[type(node.op)]
            left, right = self.value(node.left), self.value(node.right)
            return lambda look: _calculated(calculate, left(look), right(look))
        raise self._refuse(node, "this is not of the grammar")

    def _comparison(self, node: ast.Compare) -> Asking:
        sides = [node.left, *node.comparators]
        timed = any(name_of(side) in _TIMES for side in sides)
        values = [self._moment(side) if timed else self.value(side) for side in sides]
        links = [
            self._link(operation, values[i], values[i + 1]) for i, operation in enumerate(node.ops)
        ]
        if len(links) == 1:
            return links[0]
        return lambda look: _fold((link(look) for link in links), decisive=False)

    def _moment(self, node: ast.expr) -> Asking:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return _constant(parse_moment(node.value, OPTION, self._now))
        return self.value(node)

    def _link(self, operation: ast.cmpop, left: Asking, right: Asking) -> Asking:
        if isinstance(operation, (ast.Eq, ast.Is)):
            return lambda look: equals(left(look), right(look))
        if isinstance(operation, (ast.NotEq, ast.IsNot)):
            return _negation(lambda look: equals(left(look), right(look)))
        if isinstance(operation, ast.In):
            return lambda look: _contains(right(look), left(look))
        if isinstance(operation, ast.NotIn):
            return _negation(lambda look: _contains(right(look), left(look)))
        order = _ORDER[type(operation)]
        return lambda look: ordered(order, left(look), right(look))

    def _refuse(self, node: ast.expr, what: str) -> UsageError:
        return _mistake(self._text, node.col_offset + 1, what)


def equals(one: Any, other: Any) -> Any:
    """Whether two values are the same: numbers by value, nothing across types, or unknown."""
    if one is UNKNOWN or other is UNKNOWN:
        return UNKNOWN
    if is_number(one) and is_number(other):
        return bool(one == other)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        if len(one) != len(other):
            return False
        return _fold(map(equals, one, other), decisive=False)
    return type(one) is type(other) and bool(one == other)


def ordered(order: Callable[[Any, Any], Any], one: Any, other: Any) -> Any:
    """`order` of two numbers, two texts or two moments; unknown for anything else."""
    if is_number(one) and is_number(other):
        return bool(order(one, other))
    for kind in (str, dt.datetime):
        if isinstance(one, kind) and isinstance(other, kind):
            return bool(order(one, other))
    return UNKNOWN


def _contains(container: Any, value: Any) -> Any:
    if container is UNKNOWN or value is UNKNOWN:
        return UNKNOWN
    if isinstance(container, str):
        return value in container if isinstance(value, str) else UNKNOWN
    if isinstance(container, Mapping):
        return value in container if isinstance(value, str) else False
    if isinstance(container, (list, tuple, set, frozenset)):
        return _fold((equals(value, _plain(member)) for member in container), decisive=True)
    return UNKNOWN


def _calculated(calculate: Callable[[Any, Any], Any], one: Any, other: Any) -> Any:
    if not (is_number(one) and is_number(other)):
        return UNKNOWN
    try:
        return calculate(one, other)
    except ArithmeticError:
        return UNKNOWN


def _truth(value: Any) -> Any:
    """A name alone: a truth value is itself, a text or a list whether it holds anything."""
    if isinstance(value, (str, list, tuple, Mapping)):
        return bool(value)
    if value is None:
        return False
    return value if isinstance(value, bool) else UNKNOWN


def _plain(value: Any) -> Any:
    """A run's value as conditions compare it: a path is its text."""
    return str(value) if isinstance(value, PurePath) else value


def _constant(value: Any) -> Asking:
    return lambda _: value


def _negation(part: Asking) -> Asking:
    def negated(look: Look) -> Any:
        answer = part(look)
        return UNKNOWN if answer is UNKNOWN else not answer

    return negated


def _fold(answers: Iterable[Any], *, decisive: bool) -> Any:
    """Kleene's `or`, where true is decisive, or `and`."""
    result: Any = not decisive
    for answer in answers:
        if answer is decisive:
            return decisive
        if answer is UNKNOWN:
            result = UNKNOWN
    return result


def _mistake(text: str, column: int, what: str) -> UsageError:
    where = f"column {column} of {visible(text[:200])}"
    return UsageError(f"wrong expression passed to '{OPTION}': {visible(what)}", where, _HELP)
