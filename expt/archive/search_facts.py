"""The terms of a search as the `lineage` of each of its trials holds them, in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from expt.ground.encoding import from_json, to_json
from expt.ground.trials import Dimension, Objective, SearchTerms

if TYPE_CHECKING:
    from collections.abc import Mapping


def write_search_terms(terms: SearchTerms) -> dict[str, Any]:
    """What `lineage.search` says beside study, number and state."""
    return {
        "objectives": {one.name: one.direction for one in terms.objectives},
        "space": {one.name: _write(one) for one in terms.space},
        "trials": terms.trials,
        "sampler": terms.sampler,
        "prune": terms.prune,
        "seed": terms.seed,
    }


def read_search_terms(facts: Mapping[str, Any]) -> SearchTerms | None:
    """The terms that `lineage.search` tells; None where it tells something else."""
    try:
        return SearchTerms(
            space=tuple(_read(name, told) for name, told in facts["space"].items()),
            objectives=tuple(Objective(*pair) for pair in facts["objectives"].items()),
            trials=facts["trials"],
            sampler=facts["sampler"],
            prune=facts["prune"],
            seed=facts["seed"],
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _write(one: Dimension) -> dict[str, Any]:
    if one.kind == "choice":
        return {"choice": to_json(list(one.choices), one.name)}
    return {one.kind: [one.low, one.high], "log": one.log, "step": one.step}


def _read(name: str, told: Mapping[str, Any]) -> Dimension:
    if "choice" in told:
        return Dimension(name, "choice", choices=tuple(from_json(told["choice"])))
    kind: Literal["float", "int"] = "int" if "int" in told else "float"
    low, high = told[kind]
    return Dimension(name, kind, low, high, told["log"], told["step"])
