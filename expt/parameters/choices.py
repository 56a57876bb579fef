"""Choices: parameters whose value is a named table, and the members that folders give them.

[expt.choices.db]                 default = "mysql"
[expt.choices.db.mysql]           port = 3306
[expt.choices.db.postgresql]      port = 5432

db = "postgresql"   -p db=postgresql   --sweep db=mysql,postgresql     the whole table by name
-p db.port=1                                                           reaches in afterwards
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expt.ground.errors import ParameterError, suggestion
from expt.ground.layout import RESERVED_TABLE
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from expt.parameters.layers import Resolved, Where
    from expt.parameters.params_files import ParamsFile


@frozen
class Member:
    """One table, with the place of a key path that begins with the parameter's name."""

    values: Mapping[str, Any]
    where: Where


@frozen
class Choice:
    """The members that an experiment may choose from, by name."""

    name: str
    members: Mapping[str, Member]

    def take(
        self, resolved: Resolved, layer: str, where: str | Where | None, name: str
    ) -> Resolved:
        """`resolved` with the member `name` in place of whatever was there.

        Raises `ParameterError` for a name that is none.
        """
        at = where((self.name,)) if callable(where) else where
        member = self.members.get(name)
        if member is None:
            hint = suggestion(name, self.members, "members", whole=True)
            raise ParameterError(f"'{self.name}' has no member '{name}'", at, hint)
        return resolved.choose(layer, at, name, member.values, member.where)


def read_choices(files: Iterable[ParamsFile]) -> dict[str, Choice]:
    """The choices of an experiment's folders, outermost first: of one name the nearest wins."""
    choices: dict[str, dict[str, Member]] = {}
    for file in files:
        for name, table in file.reserved.get("choices", {}).items():
            members = choices.setdefault(name, {})
            for member, values in table.items():
                if isinstance(values, dict):
                    members[member] = Member(values, _places(file, name, member))
    return {name: Choice(name, members) for name, members in choices.items()}


def _places(file: ParamsFile, name: str, member: str) -> Where:
    return lambda keys: file.where((RESERVED_TABLE, "choices", name, member, *keys[1:]))
