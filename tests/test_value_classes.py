"""The classes of values behave as those of attrs do, in all that expt uses of them."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import Any, ClassVar

import attrs
import pytest

from expt.ground import value_classes as ours

MAKERS = pytest.mark.parametrize("made_by", [attrs, ours], ids=["attrs", "expt"])


def classes(made_by: Any) -> tuple[type, type, type]:
    @made_by.frozen
    class Base:
        KINDS: ClassVar[int] = 3
        name: str
        size: int = 1
        tags: dict[str, int] = made_by.field(factory=dict)
        where: str | None = made_by.field(default=None, eq=False)
        secret: str = made_by.field(default="hidden", repr=False)

        @property
        def twice(self) -> int:
            return 2 * self.size

    @made_by.frozen
    class Inner(Base):
        place: int = made_by.field(kw_only=True)
        _save: int = 0

        def __repr__(self) -> str:
            return f"<{self.name} at {self.place}>"

    @made_by.define(eq=False)
    class Changing:
        count: int = 0

    return Base, Inner, Changing


@MAKERS
def test_a_value_has_its_fields_by_place_by_name_and_by_default(made_by: Any) -> None:
    base, inner, changing = classes(made_by)
    value = base("a", 2)
    assert (value.name, value.size, value.tags, value.where, value.twice) == ("a", 2, {}, None, 4)
    assert base("a").tags is not base("a").tags
    assert base.KINDS == value.KINDS == 3
    assert inner("b", place=4, save=5)._save == 5
    assert inner("b", 1, {}, None, "", 6, place=4)._save == 6
    one = changing()
    one.count += 1
    assert one.count == 1


@MAKERS
def test_values_are_compared_by_their_fields(made_by: Any) -> None:
    base, inner, changing = classes(made_by)
    assert base("a", tags={"x": 1}) == base("a", tags={"x": 1}, where="elsewhere")
    assert base("a") != base("b")
    assert base("a") != "a"
    assert base("a") != inner("a", place=1)
    assert hash(base("a", tags=())) == hash(base("a", tags=(), where="elsewhere"))
    assert hash(base("a", tags=())) != hash(base("b", tags=()))
    assert changing() != changing()
    assert len({changing(), changing()}) == 2


@MAKERS
def test_a_value_shows_its_fields(made_by: Any) -> None:
    base, inner, changing = classes(made_by)
    assert repr(base("a")) == "Base(name='a', size=1, tags={}, where=None)"
    assert repr(inner("a", place=2)) == "<a at 2>"
    assert repr(changing(3)) == "Changing(count=3)"


@MAKERS
def test_a_value_does_not_change(made_by: Any) -> None:
    base, inner, _ = classes(made_by)
    for value in (base("a"), inner("a", place=1)):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            value.name = "b"
        with pytest.raises(AttributeError):
            del value.name
        assert value.name == "a"


@MAKERS
def test_a_changed_value_is_a_new_one(made_by: Any) -> None:
    base, inner, _ = classes(made_by)
    value = base("a", 2)
    for evolve in (made_by.evolve, attrs.evolve):
        assert evolve(value, name="b") == base("b", 2)
        assert evolve(inner("a", place=1, save=2), place=3)._save == 2
        with pytest.raises(TypeError):
            evolve(value, nmae="b")
    assert value == base("a", 2)
    assert copy.deepcopy(value) == value
    if made_by is ours:
        vars(value)["noted"] = "by a cached property"  # which is not of the changed value
        assert "noted" not in vars(made_by.evolve(value, name="b"))
        assert made_by.evolve(inner("a", place=1, save=2), save=3)._save == 3


@MAKERS
def test_arguments_that_do_not_fit_are_refused(made_by: Any) -> None:
    base, inner, _ = classes(made_by)
    for args, named in [
        ((), {}),
        (("a", 1, {}, None, "", 0), {}),
        (("a",), {"name": "b"}),
        (("a",), {"nmae": "b"}),
        ((), {"nmae": "b"}),
    ]:
        with pytest.raises(TypeError):
            base(*args, **named)
    with pytest.raises(TypeError):
        inner("a")


def test_what_is_missing_or_too_much_is_named() -> None:
    base, _, _ = classes(ours)
    for args, named, told in [
        ((), {}, "Base is missing 'name'"),
        (("a",), {"name": "b"}, "Base got an unexpected argument 'name'"),
        (("a",), {"nmae": "b"}, "Base got an unexpected argument 'nmae'"),
        ((1, 2, 3, 4, 5, 6), {}, "Base takes 5 positional arguments, not 6"),
    ]:
        with pytest.raises(TypeError) as raised:
            base(*args, **named)
        assert str(raised.value) == told


def test_to_attrs_they_are_classes_of_its_own() -> None:
    base, inner, _ = classes(ours)
    assert attrs.has(base)
    names = ["name", "size", "tags", "where", "secret"]
    assert [field.name for field in attrs.fields(base)] == names
    assert ours.field_names(inner) == (*names, "place", "_save")
    assert attrs.asdict(base("a"))["name"] == "a"


@ours.frozen
class Travelling:
    name: str
    tags: tuple[str, ...] = ()


def test_a_value_is_pickled() -> None:
    assert pickle.loads(pickle.dumps(Travelling("a", ("b",)))) == Travelling("a", ("b",))


def test_the_command_starts_without_attrs() -> None:
    code = "import sys, expt.cli.main, expt.sessions.session; print('attr' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "False\n"
