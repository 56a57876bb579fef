"""Keys of a choice's members that nobody's class has: likely a typo, told before one is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expt.ground.errors import did_you_mean
from expt.parameters.choices import read_choices
from expt.parameters.coercion.annotations import alternatives
from expt.parameters.coercion.plain import key_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from expt.planning.binding import Binding


def unknown_keys(binding: Binding, annotation_of: Callable[[str], Any]) -> Iterator[str]:
    """A warning with file and line for each, where all that the choice may become are classes."""
    for name, choice in read_choices(binding.files).items():
        parts = [part for part in alternatives(annotation_of(name)) if part is not type(None)]
        if not parts or not all(map(key_fields, parts)):
            continue
        known = {key for part in parts for key in key_fields(part)}
        for member, table in choice.members.items():
            for key in table.values:
                if key not in known:
                    hint = did_you_mean(key, known) or f"keys: {', '.join(sorted(known))}"
                    where = table.where((name, key))
                    yield f"{where}: '{name}' has no key '{key}' for its member '{member}'; {hint}"
