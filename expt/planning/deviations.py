"""What an experiment that extends another sets otherwise than it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expt.ground.model import LAYER_PROVIDER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from expt.ground.model import Origin
    from expt.planning.binding import Binding


def find_deviations(binding: Binding, origins: Mapping[str, Sequence[Origin]]) -> dict[str, Any]:
    """What an extending experiment sets otherwise than its base, by dotted name.

    None stands for what a provider makes.
    """
    deviations = {}
    for name, chain in origins.items():
        if not _is_new(chain[0], binding):
            continue
        base = next((origin for origin in chain if not _is_new(origin, binding)), None)
        if base is None or _what_counts(base) != _what_counts(chain[0]):
            deviations[name] = chain[0].value
    return deviations


def _is_new(origin: Origin, binding: Binding) -> bool:
    """Whether an origin counts for an experiment and not for the one that it extends."""
    where = origin.where or ""
    return where.partition(":")[0] in binding.new_paths or where in binding.own_lines


def _what_counts(origin: Origin) -> tuple[str | None, str]:
    """The place of a provider, the value of anything else, told from its equals by its type."""
    return (origin.where, "") if origin.layer == LAYER_PROVIDER else (None, repr(origin.value))
