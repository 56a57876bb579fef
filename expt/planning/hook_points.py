"""Hook points as sources show them: `hooks.call("name", …)` and `hooks.filter("name", …)`."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final, TypeGuard

from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_HOOK_CALLS: Final = ("call", "filter")
_MAY_CALL: Final = re.compile(rb"\.(?:call|filter)\b")


@frozen
class HookPoint:
    """What the calls of one point pass by name: all of them, and any of them.

    `maybe` is None where one passes `**values`. `filters`: whether the first argument of a
    listener is the value that is filtered; None where only some of the calls filter.
    """

    always: frozenset[str]
    maybe: frozenset[str] | None
    filters: bool | None

    def join(self, other: HookPoint) -> HookPoint:
        """What two calls of one point come to."""
        unknown = self.maybe is None or other.maybe is None
        return HookPoint(
            self.always & other.always,
            None if unknown else (self.maybe or frozenset()) | (other.maybe or frozenset()),
            self.filters if self.filters == other.filters else None,
        )

    def may_pass(self, name: str) -> bool:
        return self.maybe is None or name in self.maybe


def read_points(contents: Iterable[bytes]) -> dict[str, HookPoint] | None:
    """The points that Python sources call, by name; None where a name is computed.

    An object that is not called `hooks` may be it, and a name that is no text is then another's.
    """
    points: dict[str, HookPoint] = {}
    for content in contents:
        if not _MAY_CALL.search(content):
            continue
        try:
            tree = ast.parse(content)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        calls: set[ast.AST] = set()
        for name, call, called in point_calls(tree):
            calls.add(called)
            point = _read_call(call, called)
            points[name] = points[name].join(point) if name in points else point
        for node in ast.walk(tree):
            if _is_point(node) and node not in calls and _named(node.value) == "hooks":
                return None
    return points


def point_calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call, ast.Attribute]]:
    """The calls that name a point: the name, the call, and what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_point(node.func) and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield name.value, node, node.func


def _named(receiver: ast.expr) -> str:
    return str(getattr(receiver, "id", getattr(receiver, "attr", "")))


def _read_call(call: ast.Call, called: ast.Attribute) -> HookPoint:
    filters = called.attr == "filter"
    named = {keyword.arg for keyword in call.keywords if keyword.arg is not None}
    passed = frozenset(named - {"default"} if filters else named)
    unknown = any(keyword.arg is None for keyword in call.keywords)
    return HookPoint(passed, None if unknown else passed, filters)


def _is_point(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and node.attr in _HOOK_CALLS
