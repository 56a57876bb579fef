"""Which names an experiment may take through its providers, as far as sources show.

An axis that is no argument of the experiment is taken if a provider asks for it. Whether that
provider is the one that counts is planning's to say; here it matters which names nobody asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expt.discovery.module_source import Imported
from expt.ground.model import BUILTIN_PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from expt.discovery.modules import Modules
    from expt.discovery.syntax import Asks


def names_asked(
    first: Asks, reach: Sequence[str], given: Collection[str], tree: Modules
) -> Mapping[str, frozenset[str | None]] | None:
    """Every name that an experiment or its providers may ask for; None where that is not shown.

    Each with the annotations that it is asked for with: one word, None where there is none, ''
    where there is more.

    `first` are the experiment's own arguments, `reach` the modules whose providers it may use,
    and `given` the names that have a value, so that no plugin needs to provide them.
    """
    if any(tree.whole(path).open for path in reach):
        return None
    asked: dict[str, set[str | None]] = {}
    pending = [first]
    while pending:
        asks = pending.pop()
        for name in set(asks.parameters) - BUILTIN_PROVIDERS:
            known = name in asked
            asked.setdefault(name, set()).add(asks.annotations.get(name))
            if known:
                continue
            found = _providers(name, reach, tree)
            if found is None or not (found or name in given or name not in asks.required):
                return None
            pending.extend(found)
    return {name: frozenset(annotations) for name, annotations in asked.items()}


def _providers(name: str, reach: Sequence[str], tree: Modules) -> list[Asks] | None:
    """The providers of a name in any of the files; None where one is imported from a library."""
    found = []
    for path in reach:
        source = tree.whole(path)
        if name in source.providers:
            found.append(source.providers[name])
            continue
        origins = (
            [source.imports[name]]
            if name in source.imports
            else [Imported(star.level, (*star.target, name)) for star in source.stars]
        )
        home = tree.resolve(path, (name,), "providers") if origins else None
        if home is not None:
            found.append(tree.whole(home.place).providers[home.name])
        elif any(tree.origin(path, origin) is None for origin in origins):
            return None
    return found
