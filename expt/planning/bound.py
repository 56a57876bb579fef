"""What `running` is handed of an experiment: its graph, its listeners, its values."""

from __future__ import annotations

import copy
import inspect
from typing import TYPE_CHECKING, Any

from expt.ground.model import LAYER_DEFAULT, Opaque
from expt.ground.objects import fresh_copy
from expt.ground.value_classes import frozen
from expt.parameters.coercion.plain import fields_of, holds_opaque
from expt.planning.needs import needed_annotation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from expt.ground.model import Case
    from expt.parameters.coercion.fitting import Coercer
    from expt.planning.binding import Binding
    from expt.planning.providers import Function, Graph


@frozen(eq=False)
class BoundExperiment:
    """One experiment as this process imported it, with the graph of one kind of case.

    `measure_inputs` tells size, time and hash of a case's inputs, as they are now. `sources` are
    what was imported so far: path in the archive → module's name and bytes; the same object until
    something more is imported. `code_of` is the hash of files and of what they import below the
    root.
    """

    binding: Binding
    graph: Graph
    coercer: Coercer
    measure_inputs: Callable[[Case], dict[str, dict[str, Any]]]
    sources: Callable[[], Mapping[str, tuple[str, bytes]]]
    code_of: Callable[[tuple[str, ...]], str]

    def typed_value(self, case: Case, name: str, asker: Function) -> Any:
        """A parameter as the asker's annotation wants it; an untouched default as it is."""
        inside = f"{name}."
        chains = [c for leaf, c in case.origins.items() if leaf == name or leaf.startswith(inside)]
        is_data = name in case.choices or any(
            leaf == name or leaf.startswith((inside, f"{name}[")) for leaf in case.runs
        )
        if not is_data and chains and all(map(_is_default, chains)):
            return self.live_default(name)
        value = copy.deepcopy(case.params[name])
        if holds_opaque(value):
            value = _with_live(value, self.live_default(name))
        said = asker.annotations.get(name, Any)
        return self.coercer(value, needed_annotation(self.binding.needs, name, said))

    def live_default(self, name: str) -> Any:
        """The default of the signature: the experiment's own, else of a provider that asks.

        Containers are copied, so that one run does not see what another did to them.
        """
        for function in self.graph.functions():
            if name in function.defaults:
                default = function.defaults[name]
                is_shared = isinstance(default, (list, dict, set, bytearray))
                return fresh_copy(default) if is_shared else default
        raise LookupError(name)

    def analysis_places(self) -> list[dict[str, str]]:
        """Names and files of the analyses, as `code/analyses.json` keeps them for the script."""
        return [
            {"name": inspect.unwrap(analysis.function).__name__, "path": analysis.place.path}
            for analysis in self.binding.analyses
        ]


def _with_live(value: Any, default: Any) -> Any:
    """`value` with what is no data taken from the default that it was laid over."""
    if isinstance(value, Opaque):
        return default
    inner = fields_of(default)
    if not isinstance(value, dict) or inner is None:
        return value
    return {k: _with_live(v, inner[k]) if k in inner else v for k, v in value.items()}


def _is_default(chain: tuple[Any, ...]) -> bool:
    """Whether only defaults have a say, wrapping providers aside."""
    values = [origin for origin in chain if origin.layer != "provider"]
    return bool(values) and values[0].layer == LAYER_DEFAULT
