"""Texts of a `params.toml`: they may read the environment, and paths in them start at their file.

    "${NAME}"  "${NAME:-default}"   the variable; the default where it is unset or empty
    "$${NAME}"                      the one escape: the text `${NAME}`

Nothing is read when the file is: a text is marked, and settled once it is known that it counts
and which annotation it has. What is shadowed needs no environment.
"""

from __future__ import annotations

import operator
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.ground.errors import ParameterError
from expt.ground.value_classes import frozen
from expt.parameters.coercion.annotations import annotations_in, wants_path
from expt.parameters.typed_text import parse_value

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_DOLLAR: Final = re.compile(
    r"""
      (?P<escape>\$\$\{)
    | \$\{ (?P<name>[A-Za-z_][A-Za-z0-9_]*) (?P<default> :- (?:[^{}]|\{[^{}]*\})* )? \}
    | (?P<broken>\$\{ [^}]* \}?)
    """,
    re.VERBOSE,
)


class FileText(str):
    """A text as it stands in a `params.toml`: with its place, and the folder of its file."""

    __slots__ = ("folder", "where")
    folder: Path
    where: str

    @classmethod
    def mark(cls, text: str, where: str, folder: Path) -> FileText:
        """`text`, marked."""
        marked = cls(text)
        marked.where = where
        marked.folder = folder
        return marked

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str.__str__(self),)  # what leaves the process is settled, or only shown


@frozen
class Expanded:
    """A text whose variables were read; `variables` are those that it took from the environment.

    `alone`: the whole text was one `${…}`. `leads`: it begins with a variable's value.
    """

    text: str
    variables: tuple[str, ...] = ()
    alone: bool = False
    leads: bool = False


@frozen
class Environment:
    """What texts are read with: variables by name, and the working directory.

    `parameters` are names that somebody may have meant: those are not read by a text.
    """

    variables: Mapping[str, str]
    cwd: Path
    parameters: Collection[str] = ()

    def expand(self, text: str, where: str) -> Expanded:
        """`text` with its variables read. Raises `ParameterError` at `where` for an unset one."""
        if "${" not in text:
            return Expanded(text)
        parts: list[str] = []
        used: list[str] = []
        end = 0
        leads = alone = False
        for match in _DOLLAR.finditer(text):
            parts.append(text[end : match.start()])
            end = match.end()
            if match["escape"]:
                parts.append("${")
                continue
            if match["broken"]:
                what = f"'{match['broken']}' reads no variable of the environment"
                hint = "write ${NAME} or ${NAME:-default}, or $${ for the text '${'"
                raise ParameterError(what, where, hint)
            value = self._read_variable(match["name"], match["default"], where)
            parts.append(value.text)
            used.extend(value.variables)
            leads = leads or (match.start() == 0 and value.leads)
            alone = match.span() == (0, len(text))
        parts.append(text[end:])
        return Expanded("".join(parts), tuple(used), alone, leads)

    def _read_variable(self, name: str, default: str | None, where: str) -> Expanded:
        if self.variables.get(name) or (default is None and name in self.variables):
            return Expanded(self.variables[name], (name,), leads=True)
        if default is None and name in self.parameters:
            raise ParameterError(
                f"'${{{name}}}' reads the environment, which has no variable '{name}': "
                "a parameter is not read so",
                where,
                "a provider makes one value from others:\n"
                f"@expt.provider\ndef NAME({name}): return …{name}…",
            )
        if default is None:
            hint = f"set it, or write ${{{name}:-default}}, or $${{{name}}} for the text itself"
            raise ParameterError(f"the environment has no variable '{name}'", where, hint)
        return self.expand(default[2:], where)

    def settle(self, value: Any, annotation: Any) -> tuple[Any, tuple[str, ...]]:
        """`value` with every marked text read, and the variables that they took.

        A text that is one `${…}` alone is read as a `-p` text, by its annotation; a path is made
        usable from `cwd`.
        """
        variables: list[str] = []

        def settle(value: Any, annotation: Any) -> Any:
            if isinstance(value, FileText):
                expanded = self.expand(str.__str__(value), value.where)
                variables.extend(expanded.variables)
                if wants_path(annotation) and not expanded.leads:
                    return place_path(expanded.text, value.folder, self.cwd)
                return parse_value(expanded.text, annotation) if expanded.alone else expanded.text
            if type(value) is dict:
                inner = annotations_in(annotation)
                table = {key: settle(item, inner(key)) for key, item in value.items()}
                return table if any(table[key] is not value[key] for key in table) else value
            if type(value) is list:
                inner = annotations_in(annotation)
                items = [settle(item, inner(index)) for index, item in enumerate(value)]
                return items if any(map(operator.is_not, items, value)) else value
            return value

        return settle(value, annotation), tuple(dict.fromkeys(variables))


def place_path(text: str, folder: Path, cwd: Path) -> str:
    """A path that a file of `folder` names, as one that works from `cwd`.

    Relative where it lies below `cwd`, so that an archive's values can be used elsewhere.
    """
    if folder == cwd or text.startswith("~") or os.path.isabs(text):
        return text
    path = os.path.normpath(os.path.join(folder, text))
    return os.path.relpath(path, cwd) if Path(path).is_relative_to(cwd) else path
