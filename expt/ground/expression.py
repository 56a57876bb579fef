"""The boolean grammar of `-k` and `-m`: pytest's, with a third answer for what is not yet known.

    expression       and_expression ("or" and_expression)*, or blank, which matches everything
    and_expression   not_expression ("and" not_expression)*
    not_expression   "not" not_expression | "(" expression ")" | name
    name             letters, digits and _ : + - . [ ] \\ /

An expression is compiled to postfix order and evaluated on a stack: no depth of parentheses can
exhaust Python's recursion, and nothing typed is ever evaluated as code.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from expt.ground.errors import UsageError
from expt.ground.text import python_name
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_TOKEN: Final = re.compile(r"[ \t]*(?:([\w:+\-.\[\]\\/]+)|([()]))")
_BINDS: Final = {"or": 1, "and": 2, "not": 3}
_SPOKEN: Final = {
    "(": "left parenthesis",
    ")": "right parenthesis",
    "": "end of input",
    **{word: word for word in _BINDS},
}
_SHOWN_COLUMNS: Final = 72


@frozen
class Expression:
    """A compiled expression. `program` is its postfix order: names, and the words of the grammar.

    A name is held as `name x`, so that it is never taken for a word.
    """

    text: str
    option: str
    program: tuple[str, ...]

    def admits(self, names: Iterable[str], *, complete: bool) -> bool | None:
        """What the option asks, of names (`-k`) or marks (`-m`); None where more may come."""
        match = mark_matcher if self.option == "-m" else keyword_matcher
        return self.evaluate(match(names, complete))

    def evaluate(self, matches: Callable[[str], bool | None]) -> bool | None:
        """Kleene's logic over what `matches` says of each name; None is unknown."""
        stack: list[bool | None] = []
        for step in self.program:
            if step == "not":
                value = stack.pop()
                stack.append(None if value is None else not value)
            elif step in _BINDS:
                right, left = stack.pop(), stack.pop()
                decisive = step == "or"
                if left is decisive or right is decisive:
                    stack.append(decisive)
                else:
                    stack.append(None if left is None or right is None else not decisive)
            else:
                stack.append(matches(step[5:]))
        return stack[0] if stack else True


def compile_selection(keyword: str, marks: str) -> tuple[Expression | None, Expression | None]:
    """What was typed for `-k` and `-m`; None where it is blank. Raises `UsageError`."""
    return (
        compile_expression(keyword, "-k") if keyword.strip() else None,
        compile_expression(marks, "-m") if marks.strip() else None,
    )


def compile_expression(text: str, option: str) -> Expression:
    """The expression typed for `option` (`-k` or `-m`).

    Raises `UsageError` with the column, and a caret below it, for what the grammar does not have.
    """
    program: list[str] = []
    waiting: list[str] = []  # operators and parentheses whose right side is still being read
    wants_name = True
    for token, column in _tokens(text, option):
        if wants_name and token in ("not", "("):
            waiting.append(token)
        elif wants_name:
            if not token.startswith("name "):
                if not token and not program and not waiting:
                    break
                expected = "not OR left parenthesis OR identifier"
                raise _mistake(text, option, column, f"expected {expected}; got {_SPOKEN[token]}")
            program.append(token)
            wants_name = False
        elif token in ("or", "and"):
            while waiting and _BINDS.get(waiting[-1], 0) >= _BINDS[token]:
                program.append(waiting.pop())
            waiting.append(token)
            wants_name = True
        else:
            while waiting and waiting[-1] != "(":
                program.append(waiting.pop())
            wanted = ")" if waiting else ""
            if token != wanted:
                got = _SPOKEN.get(token, "identifier")
                raise _mistake(text, option, column, f"expected {_SPOKEN[wanted]}; got {got}")
            if waiting:
                waiting.pop()
    return Expression(text, option, tuple(program))


def _tokens(text: str, option: str) -> Iterator[tuple[str, int]]:
    """Each token with its column; at the end the empty one."""
    text = text.rstrip(" \t")
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            while text[position] in " \t":
                position += 1
            shown = text[position] if text[position].isprintable() else ascii(text[position])[1:-1]
            raise _mistake(text, option, position, f'unexpected character "{shown}"')
        word, parenthesis = match.groups()
        column = match.end() - len(match[0].lstrip(" \t"))
        yield (parenthesis or (word if word in _BINDS else f"name {word}")), column
        position = match.end()
    yield "", len(text)


def _mistake(text: str, option: str, column: int, what: str) -> UsageError:
    start = max(0, min(column - _SHOWN_COLUMNS // 2, len(text) - _SHOWN_COLUMNS))
    shown = "".join(c if c.isprintable() else "?" for c in text[start : start + _SHOWN_COLUMNS])
    at = f"column {column + 1}"
    hint = f"{shown}\n{' ' * (column - start)}^"
    return UsageError(f"wrong expression passed to '{option}': {what}", at, hint)


def keyword_matcher(names: Iterable[str], complete: bool) -> Callable[[str], bool | None]:
    """Whether a name of `-k` is part of any of `names`, in any case of letters.

    Where more names may come (`complete` is false), what does not match is unknown.
    """
    joined = "\n".join(names).lower()  # of files as they are, of functions as Python reads them
    absent = False if complete else None
    return lambda word: (
        True if word.lower() in joined or python_name(word).lower() in joined else absent
    )


def mark_matcher(marks: Iterable[str], complete: bool) -> Callable[[str], bool | None]:
    """Whether a name of `-m` is one of `marks`; see `keyword_matcher` for `complete`."""
    known = frozenset(marks)
    absent = False if complete else None
    return lambda word: True if python_name(word) in known else absent
