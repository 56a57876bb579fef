"""One name over its layers: tables merged key by key, everything else replaced, origins kept.

-p lr=0.1 ── sweep ── params.toml … ── default        strongest first
    └──────────── laid one over the other ─► Resolved: value, origins by dotted leaf
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from expt.ground.errors import ParameterError
from expt.ground.model import LAYER_COMMAND, LAYER_DEFAULT, LAYER_PARAMS, Origin
from expt.ground.text import MASK, dotted
from expt.ground.toml_lines import KeyPath
from expt.ground.toml_reading import MAX_DEPTH
from expt.ground.value_classes import evolve, field, frozen
from expt.parameters.coercion.annotations import annotations_in
from expt.parameters.coercion.plain import fields_of, plain, shown
from expt.parameters.secret_values import replace_secrets

if TYPE_CHECKING:
    from expt.parameters.coercion.fitting import Misfit
    from expt.parameters.environment import Environment

Change = Callable[[Any, Any, Origin], tuple[Any, str]]
"""Of a value, its annotation and its origin: another value, and what is to be said of it."""
Where = Callable[[KeyPath], str | None]
"""The place of a key path that begins with a parameter's name: `experiments/params.toml:3`."""


@frozen
class Layer:
    """Values by parameter name from one source; `name` is one of `model.LAYER_*`.

    `chosen` are the members that an archive's values are, by the name of the choice.
    """

    name: str
    values: Mapping[str, Any]
    where: Where
    chosen: Mapping[str, str] = field(factory=dict)


@frozen
class _Node:
    """A value, the layers that had one at its place, and what stands in it where it is a table.

    `fields` are those of the class whose instance a default was: what is laid over it may be a
    table of another class.
    """

    value: Any
    origins: tuple[Origin, ...]
    children: Mapping[str, _Node] | None = None
    fields: frozenset[str] | None = None


@frozen
class Resolved:
    """What a name came to. `is_known` is False where no layer has a value for it.

    `chosen` are the layers that took it as the member of a choice, by the member's name,
    strongest first.
    """

    name: str
    _node: _Node | None = None
    chosen: tuple[Origin, ...] = ()

    @property
    def is_known(self) -> bool:
        return self._node is not None

    @property
    def value(self) -> Any:
        """The merged value; a default over which nothing was laid is the very object."""
        return None if self._node is None else self._node.value

    @property
    def layer(self) -> str | None:
        """The strongest layer that had a say, also where it set only a key of a table."""
        return None if self._node is None else self._node.origins[0].layer

    @property
    def origins(self) -> dict[str, tuple[Origin, ...]]:
        """By dotted leaf (`optimizer.lr`), strongest first, with what it shadowed."""
        found: dict[str, tuple[Origin, ...]] = {}
        if self.chosen:
            found[dotted((self.name,))] = self.chosen
        if self._node is not None and not (self.chosen and not self._node.children):
            _collect_origins((self.name,), self._node, found)
        return found

    def lay(
        self,
        layer: str,
        where: str | Where | None,
        value: Any,
        *,
        path: KeyPath = (),
        append: bool = False,
    ) -> Resolved:
        """With `value` over what is here, at `path` below the name (`("lr",)` of `optimizer.lr`).

        With `append`, at the end of the list that is there. Raises `ParameterError` where the path
        leads through a value that is no table, or what should be appended to is no list.
        """
        told = where if callable(where) else lambda _: where
        laid = _Laying(layer, told, append).reach(self._node, (self.name,), path, value)
        return evolve(self, node=laid)

    def choose(
        self, layer: str, where: str | None, member: str, values: Mapping[str, Any], place: Where
    ) -> Resolved:
        """With the table of a choice's member in place of whatever was here.

        Its values stand at `place`; `layer` and `where` chose it by its name.
        """
        laid = _Laying(LAYER_PARAMS, place, False).put(None, (self.name,), values)
        chosen = (Origin(layer, where, member), *self.chosen)
        return evolve(self, node=laid, chosen=chosen)

    def settle(self, annotation: Any, environment: Environment) -> Resolved:
        """With every text of a `params.toml` read: the environment, paths. See `environment`."""
        if self._node is None:
            return self

        def settle(value: Any, annotation: Any, origin: Origin) -> tuple[Any, str]:
            if origin.layer == LAYER_DEFAULT:
                return value, ""  # no text of a file is in it, and it may hold itself
            settled, used = environment.settle(value, annotation)
            return settled, f"environment {', '.join(used)}" if used else ""

        return self.change(annotation, settle)

    def change(self, annotation: Any, change: Change) -> Resolved:
        """With `change(value, annotation, origin)` in the place of every value that is no table.

        It gives the new value and what is to be said of it beside its place.
        """
        if self._node is None:
            return self
        node = _change_leaves(self._node, annotation, change)
        return self if node is self._node else evolve(self, node=node)

    def misfit_error(self, misfit: Misfit, *, secret: bool = False) -> ParameterError:
        """The error for a value that does not fit: what, where it was set, what it shadows."""
        origins: tuple[Origin, ...] = ()
        node, steps = self._node, iter(misfit.steps)
        while node is not None:
            origins = node.origins
            node = (node.children or {}).get(str(next(steps, None)))
        lines = [misfit.hint] if misfit.hint and not secret else []
        if origins:
            if origins[0].layer == LAYER_COMMAND and "," in str(misfit.value) and not secret:
                lines.append(f"each of several values: --sweep {self.name}={misfit.value}")
            lines.append(f"set by {origins[0].layer}" + _shadows(origins[1:], secret))
        at = origins[0].where if origins else None
        return ParameterError(misfit.tell(self.name, secret=secret), at, "\n".join(lines))


def _shadows(origins: tuple[Origin, ...], secret: bool) -> str:
    if not origins:
        return ""
    below = origins[0]
    value = MASK if secret else shown(below.value)
    return f", over {value} of {below.layer}" + (f" ({below.where})" if below.where else "")


@frozen
class _Laying:
    """One value being laid over a tree."""

    layer: str
    where: Where
    append: bool

    def reach(self, below: _Node | None, here: KeyPath, rest: KeyPath, value: Any) -> _Node:
        """Down to the end of `rest` through tables, and lay the value there."""
        if not rest:
            return self.put(below, here, self._appended(below, here, value))
        if below is not None and below.children is None and below.value is not None:
            origin = below.origins[0]
            raise ParameterError(
                f"'{dotted(here)}' is no table, so '{dotted((*here, *rest))}' cannot be set",
                self.where((*here, *rest)),
                f"it is {shown(below.value)}, set by {origin.layer}"
                + (f" ({origin.where})" if origin.where else ""),
            )
        children, fields = _kept(below, rest[:1])
        under = children.get(rest[0]) or _shadowed_only(below)
        children[rest[0]] = self.reach(under, (*here, rest[0]), rest[1:], value)
        return self._table(below, here, children, fields)

    def put(self, below: _Node | None, here: KeyPath, value: Any) -> _Node:
        """`value` over `below`."""
        table = fields_of(value) if len(here) <= MAX_DEPTH else None  # one may hold itself
        if table is None or not all(isinstance(key, str) for key in table):
            return _Node(value, self._over(below, here, value))
        merges = isinstance(value, Mapping) and self.layer != LAYER_DEFAULT
        if below is None or below.children is None or not merges:
            under = _shadowed_only(below)
            children = {key: self.put(under, (*here, key), item) for key, item in table.items()}
            fields = None if isinstance(value, Mapping) else frozenset(table)
            return _Node(value, self._over(below, here, value), children, fields)
        merged, fields = _kept(below, table)
        for key, item in table.items():
            merged[key] = self.put(merged.get(key), (*here, key), item)
        return self._table(below, here, merged, fields)

    def _table(
        self,
        below: _Node | None,
        here: KeyPath,
        children: dict[str, _Node],
        fields: frozenset[str] | None,
    ) -> _Node:
        value = {key: child.value for key, child in children.items()}
        return _Node(value, self._over(below, here, value), children, fields)

    def _over(self, below: _Node | None, here: KeyPath, value: Any) -> tuple[Origin, ...]:
        origin = Origin(self.layer, self.where(here), replace_secrets(plain(value), lambda _: MASK))
        return (origin, *below.origins) if below else (origin,)

    def _appended(self, below: _Node | None, here: KeyPath, value: Any) -> Any:
        if not self.append:
            return value
        old = below.value if below else None
        if old is not None and not isinstance(old, (list, tuple)):
            what = f"'{dotted(here)}' is no list, so nothing can be appended to it"
            raise ParameterError(what, self.where(here), f"it is {shown(old)}")
        return [*(old or ()), *(value if isinstance(value, list) else [value])]


def _kept(
    below: _Node | None, keys: Iterable[str]
) -> tuple[dict[str, _Node], frozenset[str] | None]:
    """What stays of a table over which `keys` are laid, and the fields of its class.

    Where the class of a default has not all of the keys, it is a table of another class: the
    fields of the default are no part of it.
    """
    if below is None:
        return {}, None
    children = dict(below.children or {})
    if below.fields is None or below.fields.issuperset(keys):
        return children, below.fields
    said = {key: c for key, c in children.items() if c.origins[0].layer != LAYER_DEFAULT}
    return said, None


def _shadowed_only(below: _Node | None) -> _Node | None:
    """What a key of a new table stands over: the value that is no table, if there was one."""
    return below if below is not None and below.children is None else None


def _collect_origins(path: KeyPath, node: _Node, found: dict[str, tuple[Origin, ...]]) -> None:
    if not node.children:
        found[dotted(path)] = node.origins
        return
    for key, child in node.children.items():
        _collect_origins((*path, key), child, found)


def _change_leaves(node: _Node, annotation: Any, change: Change) -> _Node:
    """The node with its leaves changed, the same one where there was nothing to do."""
    if not node.children:
        top = node.origins[0]
        value, said = change(node.value, annotation, top)
        if value is node.value:
            return node
        where = f"{top.where} ({said})" if said else top.where
        return _Node(value, (Origin(top.layer, where, value), *node.origins[1:]))
    inner = annotations_in(annotation)
    children = {
        key: _change_leaves(child, inner(key), change) for key, child in node.children.items()
    }
    if all(children[key] is child for key, child in node.children.items()):
        return node
    value = {key: child.value for key, child in children.items()}
    return evolve(node, value=value, children=children)
