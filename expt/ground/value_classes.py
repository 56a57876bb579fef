"""`frozen`, `define`, `field` and `evolve` as attrs has them, for the classes of expt itself.

attrs writes the methods of each class as source and compiles it. That took longer than all else
that importing expt did: of two hundred classes a process makes objects of thirty. The methods here
are written once, and work from a table of the fields. Only what our classes use is there; and to
attrs they are classes of its own, so that `attrs.evolve`, `attrs.fields` and cattrs take them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attrs import define, evolve, field, frozen

    __all__ = ["define", "evolve", "field", "frozen"]
else:

    def frozen(cls: type | None = None, **options: bool) -> Any:
        """A class whose objects do not change.

        They are compared by their fields, but with `eq=False`; `repr=False` leaves out the `repr`.
        """
        return _make(cls, "frozen", options)

    def define(cls: type | None = None, **options: bool) -> Any:
        """A class whose objects change; the options are those of `frozen`."""
        return _make(cls, "define", options)

    def field(**options: Any) -> Any:
        """What is to be said of a field: `default` or `factory`, `eq`, `repr`, `kw_only`."""
        return _Field(options)

    def evolve(value: Any, /, **changes: Any) -> Any:
        """A new value with some fields changed. Raises `TypeError` for one that it has not."""
        table, state = value.__value_fields__, value.__dict__
        fields = state if len(state) == table.count else {n: state[n] for n in table.options}
        if type(value).__init__ is not _init or not changes.keys() <= table.options.keys():
            return type(value)(**fields | changes)
        changed = object.__new__(type(value))
        changed.__dict__.update(fields, **changes)
        return changed


def field_names(cls: type) -> tuple[str, ...]:
    """The names of the fields of a class that `frozen` or `define` made, as they stand in it."""
    table: _Table = getattr(cls, _TABLE)
    return tuple(table.options)


_TABLE: Final = "__value_fields__"
_FIELDS: Final = "__attrs_attrs__"  # where attrs and those that know it look


class _Field:
    """What `field` was told, until the class is made."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options


class _Table:
    """The fields of a class, sorted for the methods below; `options` has what `field` was told."""

    def __init__(self, options: Mapping[str, Mapping[str, Any]]) -> None:
        self.options = options
        self.private = {name.lstrip("_"): name for name in options if name.startswith("_")}
        self.count = len(options)
        told = options.items()
        self.positional = tuple(name for name, one in told if not one.get("kw_only"))
        self.whole = len(options) if len(self.positional) == len(options) else None
        self.defaults = {name: one["default"] for name, one in told if "default" in one}
        self.factories = tuple((name, one["factory"]) for name, one in told if "factory" in one)
        self.shown = tuple(name for name, one in told if one.get("repr", True))
        self.compared = tuple(name for name, one in told if one.get("eq", True))


def _make(cls: type | None, how: str, options: Mapping[str, bool]) -> Any:
    if cls is None:
        return lambda decorated: _make(decorated, how, options)
    fields: dict[str, Mapping[str, Any]] = {}
    for base in reversed(cls.__mro__[1:]):
        fields |= getattr(vars(base).get(_TABLE), "options", {})
    for name, annotation in vars(cls).get("__annotations__", {}).items():
        if "ClassVar" in str(annotation):
            continue
        fields[name] = {}
        if name in vars(cls):
            told = vars(cls)[name]
            fields[name] = told.options if isinstance(told, _Field) else {"default": told}
            delattr(cls, name)
    setattr(cls, _TABLE, _Table(fields))
    setattr(cls, _FIELDS, _FirstLook())
    methods: dict[str, Any] = {"__init__": _init}
    if options.get("repr", True):
        methods["__repr__"] = _repr
    if how == "frozen":
        methods |= {"__setattr__": _refuse_change, "__delattr__": _refuse_change}
    if options.get("eq", True):
        methods |= {"__eq__": _eq, "__hash__": _hash if how == "frozen" else None}
    for name, method in methods.items():
        if name not in vars(cls):
            setattr(cls, name, method)
    return cls


def _init(self: Any, /, *args: Any, **named: Any) -> None:
    table, state = self.__value_fields__, self.__dict__
    if len(args) == table.whole and not named:
        state.update(zip(table.positional, args, strict=True))
        return
    state.update(table.defaults)
    if args:
        given = dict(zip(table.positional, args, strict=False))
        if len(given) < len(args) or not given.keys().isdisjoint(named):
            raise TypeError(_misfit(self, args, named))
        state.update(given)
    if table.private:  # as attrs has it, they are given without the underscore
        named = {table.private.get(name, name): given for name, given in named.items()}
    state.update(named)
    for name, factory in table.factories:
        if name not in state:
            state[name] = factory()
    if state.keys() != table.options.keys():
        raise TypeError(_misfit(self, args, named))


def _misfit(self: Any, args: Sequence[Any], named: Mapping[str, Any]) -> str:
    table, name = self.__value_fields__, type(self).__name__
    if len(args) > len(table.positional):
        return f"{name} takes {len(table.positional)} positional arguments, not {len(args)}"
    given = table.positional[: len(args)]
    if wrong := [one for one in named if one not in table.options or one in given]:
        return f"{name} got an unexpected argument '{wrong[0]}'"
    missing = [one for one in table.options if one not in self.__dict__]
    return f"{name} is missing {', '.join(map(repr, missing))}"


def _repr(self: Any) -> str:
    told = (f"{name}={getattr(self, name)!r}" for name in self.__value_fields__.shown)
    return f"{type(self).__qualname__.rpartition('>.')[2]}({', '.join(told)})"


def _eq(self: Any, other: Any) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    ours, theirs, names = self.__dict__, other.__dict__, self.__value_fields__.compared
    return [ours[name] for name in names] == [theirs[name] for name in names]


def _hash(self: Any) -> int:
    state = self.__dict__
    return hash((type(self), *[state[name] for name in self.__value_fields__.compared]))


def _refuse_change(*_: Any) -> None:
    import attrs.exceptions  # slow, and nobody does it

    raise attrs.exceptions.FrozenInstanceError


class _FirstLook:
    """The fields of a class as attrs describes them, from when they are looked at."""

    def __get__(self, _: Any, cls: type) -> Any:
        import attrs  # as slow as many modules of ours

        table: _Table = getattr(cls, _TABLE)
        told = {name: attrs.field(**one) for name, one in table.options.items()}
        described = getattr(attrs.make_class(cls.__name__, told), _FIELDS)
        setattr(cls, _FIELDS, described)
        return described
