"""What a run tracks is in the file when the call returns: the same contract for both writers."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import math
import os
import re
import sys
import threading
import time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import attrs
import numpy as np
import pytest

from expt.archive.scalar_records import FLOAT_STEP
from expt.archive.series_lines import read_results
from expt.reading.series.statistics import summarise_series
from expt.reading.series.tracked import SeriesMap
from expt.tracking.recorder import Recorder, open_recorder
from expt.tracking.scalars import Disk
from expt.tracking.series_options import OPTIONS


class NoMaps(Disk):
    """A file system that refuses shared maps."""

    def map(self, file, start, size):
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))


@contextlib.contextmanager
def refused(error, text):
    with pytest.raises(error) as caught:
        yield
    assert str(caught.value) == text


@pytest.fixture(params=[Disk, NoMaps])
def disk(request):
    return request.param()


@pytest.fixture
def recorder(tmp_path, disk):
    recorder = open_recorder(tmp_path / "series", label="7fk2", disk=disk)
    yield recorder
    recorder.close()


@pytest.fixture
def track(recorder):
    return recorder.track


@pytest.fixture
def read(tmp_path):
    return lambda: SeriesMap(tmp_path / "series")


# Scalars

RECORD = [("step", "<i8"), ("time", "<f8"), ("value", "<f8"), ("kind", "<u4"), ("id", "<u4")]


def test_a_value_is_in_the_file_when_the_call_returns(track, read):
    track("loss", 0.25)
    track("loss", 0.125, step=7)
    series = read()["loss"]
    assert series.values.tolist() == [0.25, 0.125]
    assert series.steps.tolist() == [0, 7]
    assert series.last == 0.125


def test_records_read_with_numpy_alone(track, recorder, tmp_path):
    track("loss", 0.25)
    track("epoch", 3, step=2)
    recorder.close()
    records = np.fromfile(tmp_path / "series" / "scalars.bin", np.dtype(RECORD))
    assert records[["step", "value", "kind", "id"]].tolist()[0] == (0, 0.25, 0, 1)
    assert records["value"].view("<i8").tolist()[1] == 3
    assert records[["step", "kind", "id"]].tolist()[1] == (2, 1, 2)
    assert len(records) == 2
    names = (tmp_path / "series" / "names.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in names] == [
        {"id": 1, "name": "loss", "kind": "scalar"},
        {"id": 2, "name": "epoch", "kind": "scalar"},
    ]


def test_without_a_step_it_is_the_number_of_entries_before(track, read):
    track("a", 1.0)
    track("a", 1.0, step=50)
    track("a", 1.0)
    track("b", 1.0)
    assert read()["a"].steps.tolist() == [0, 50, 2]
    assert read()["b"].steps.tolist() == [0]


def test_steps_are_kept_in_any_order(track, read):
    for step in (3, 1, -2, 1, 2**63 - 1, -(2**63)):
        track("a", 1.0, step=step)
    assert read()["a"].steps.tolist() == [3, 1, -2, 1, 2**63 - 1, -(2**63)]


def test_a_numpy_int_is_a_step(track, read):
    track("a", 1.0, step=np.int32(4))
    track("a", 1.0, np.uint8(5))
    track("t", "text", step=np.int64(6))
    assert read()["a"].steps.tolist() == [4, 5]
    assert read()["t"].steps.tolist() == [6]


def test_a_float_step_is_kept_exactly(track, read, tmp_path):
    """Physical time: of floats and ints, of files and lines, on the fast path and beside it."""
    times = [0.1, 0.30000000000000004, -5e-324, 1e300, 2.0]
    for moment in times:
        track("a", 1.0, step=moment)
        track("whole", 3, step=moment)
        track("note", "x", step=moment)
        track("field", np.zeros(3), step=moment)
        track("state", {"x": 1.0}, step=moment)
        track(both=0.5, int=1, step=moment)
    series = read()
    for name in ("a", "whole", "note", "field", "both", "int"):
        assert series[name].steps.dtype == np.float64
        assert series[name].steps.tolist() == times
    assert series["state/x"].steps.tolist() == times
    assert series["a"].values.tolist() == [1.0] * 5
    assert series["whole"].values.dtype == np.int64
    records = np.fromfile(tmp_path / "series" / "scalars.bin", np.dtype(RECORD))
    at_float = records[(records["kind"] & FLOAT_STEP != 0) & (records["id"] == 1)]
    assert at_float["step"].view("<f8").tolist() == times
    summary = summarise_series(tmp_path / "series")
    assert (summary["a"]["last"], summary["whole"]["last"], summary["a"]["count"]) == (1.0, 3, 5)


def test_int_and_float_steps_of_one_series_stay_what_they_were(track, read):
    track("a", 1.0, step=1)
    track("a", 2.0, step=1.5)
    track("a", 3.0)
    assert read()["a"].steps.tolist() == [1.0, 1.5, 2.0]
    track("a", 4.0, step=2**60 + 1)
    assert read()["a"].steps.tolist() == [1, 1.5, 2, 2**60 + 1]


@pytest.mark.parametrize(
    "step", [np.float64(0.5), np.float32(0.5), Decimal("0.5"), Fraction(1, 2), np.array([0.5])]
)
def test_whatever_equals_a_float_is_a_step(track, read, step):
    track("a", 1.0, step=step)
    track("a", 1.0, step=step)
    assert read()["a"].steps.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("step", "error", "text"),
    [
        (
            True,
            TypeError,
            "'a' was not tracked: a step must be an int or a finite float, not a 'bool'",
        ),
        (
            "1",
            TypeError,
            "'a' was not tracked: a step must be an int or a finite float, not a 'str'",
        ),
        (math.nan, ValueError, "'a' was not tracked: a step must be finite, not nan"),
        (-math.inf, ValueError, "'a' was not tracked: a step must be finite, not -inf"),
        (2**63, ValueError, "'a' was not tracked: a step beyond int64"),
        (np.longdouble("0.1"), ValueError, "'a' was not tracked: a number of type"),
    ],
)
def test_a_step_that_is_no_finite_number_is_refused(track, read, step, error, text):
    track("a", 1.0)
    for value in (1.0, 1, "text"):
        with pytest.raises(error, match=re.escape(text)):
            track("a", value, step=step)
    track("a", 2.0)
    assert read()["a"].steps.tolist() == [0, 1]


def test_several_values_in_one_call(track, read):
    track(loss=0.5, accuracy=1, step=3)
    track(loss=0.25, accuracy=np.float32(0.5))
    track(name=1.0, value=2.0, step=1)
    series = read()
    assert list(series) == ["loss", "accuracy", "name", "value"]
    assert series["loss"].values.tolist() == [0.5, 0.25]
    assert series["accuracy"].values.tolist() == [1.0, 0.5]
    assert series["loss"].steps.tolist() == [3, 1]
    assert (series["name"].last, series["value"].last) == (1.0, 2.0)


def test_values_of_every_kind_in_one_call(track, read):
    track(loss=0.5, note="begun", picture=np.zeros((2, 2), np.uint8), step=9)
    assert {name: series.kind for name, series in read().items()} == {
        "loss": "scalar",
        "note": "text",
        "picture": "image",
    }
    assert [series.steps.tolist() for series in read().values()] == [[9]] * 3


NOTHING = "track takes a name and a value: track('loss', 0.1), track(loss=0.1)"
BOTH = "track takes a name and a value, or names=values, not both: 'loss'"


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda track: track(), NOTHING),
        (lambda track: track("loss"), NOTHING),
        (lambda track: track(step=1), NOTHING),
        (lambda track: track("loss", 1.0, other=2.0), BOTH),
        (lambda track: track("loss", value=2.0), BOTH),
    ],
)
def test_a_call_that_cannot_be_meant_is_a_type_error(track, call, text):
    with refused(TypeError, text):
        call(track)


@attrs.frozen
class Tensor:
    """What torch, jax and the like have in common."""

    number: object
    shape: tuple[int, ...] = ()

    def item(self):
        return self.number


EXACT = [
    0.0,
    -0.0,
    5e-324,
    1.7976931348623157e308,
    float("inf"),
    float("-inf"),
    0,
    -1,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    2**63,
    2**64,
    10**22,
    True,
    False,
    np.float16(0.1),
    np.float32(0.1),
    np.float64(0.1),
    np.longdouble(0.5),
    np.int8(-128),
    np.uint8(255),
    np.int16(-5),
    np.uint16(5),
    np.int32(-5),
    np.uint32(2**32 - 1),
    np.int64(-(2**63)),
    np.uint64(2**63),
    np.uint64(7),
    np.bool_(True),
    np.array(0.5),
    np.array([3]),
    np.array([True]),
    Decimal("0.5"),
    Decimal("12"),
    Decimal(2**62 + 1),
    Decimal("-Infinity"),
    Fraction(3, 4),
    Fraction(2**62 + 1),
    Tensor(0.5),
    Tensor(3, (1,)),
    Tensor(True),
]


@pytest.mark.parametrize("value", EXACT, ids=lambda value: f"{type(value).__name__}-{value}")
def test_a_real_number_is_kept_exactly(track, read, value):
    track("x", value)
    track("y", 1.0)
    track("y", value)
    track("z", 1)
    track("z", value)
    track(w=value)
    track(w=value)
    expected = value.item() if isinstance(value, (Tensor, np.ndarray)) else value
    for name in "xyzw":
        series = read()[name]
        assert series.kind == "scalar"
        assert series.last == expected
        assert str(float(series.last)) == str(float(expected))  # -0.0


@pytest.mark.parametrize("value", [float("nan"), np.float32("nan"), Decimal("nan"), Tensor(np.nan)])
def test_nan_is_kept(track, read, value):
    track("x", value)
    track("x", value)
    assert np.isnan(read()["x"].values).tolist() == [True, True]


def test_a_nan_keeps_its_payload(track, read):
    payload = np.array([0x7FF8DEADBEEF0001], "u8").view("f8")[0]
    for value in (payload, payload, float(payload)):
        track("x", value)
    assert read()["x"].values.view("u8").tolist() == [0x7FF8DEADBEEF0001] * 3


INEXACT = [
    2**63 + 1,
    2**64 - 1,
    10**400,
    -(10**400),
    np.uint64(2**64 - 1),
    Decimal("0.1"),
    Decimal("1e400"),
    Decimal("sNaN"),
    Fraction(1, 3),
    np.nextafter(np.longdouble(1), np.longdouble(2)),
]


@pytest.mark.skipif(np.finfo(np.longdouble).nmant == 52, reason="longdouble is float64 here")
@pytest.mark.parametrize("value", INEXACT, ids=lambda value: type(value).__name__)
def test_a_number_that_cannot_be_kept_exactly_is_refused(track, read, value):
    name = type(value).__qualname__
    if type(value).__module__ != "builtins":
        name = f"{type(value).__module__}.{name}"
    expected = (
        f"'x' was not tracked: a number of type '{name}' that neither float64 nor int64 holds "
        "exactly; float(value) rounds it"
    )
    for _ in range(2):
        with refused(ValueError, expected):
            track("x", value)
        track("x", 1.0)
    assert read()["x"].values.tolist() == [1.0, 1.0]
    assert read()["x"].steps.tolist() == [0, 1]


REFUSED = [
    None,
    1j,
    np.complex128(1j),
    b"bytes",
    bytearray(b"bytes"),
    object(),
    {1, 2},
    int,
    attrs,
    print,
    (letter for letter in "ab"),
    np.datetime64("2026-01-01"),
    np.timedelta64(3, "s"),
    np.array(None),
    np.ma.masked,
    Ellipsis,
]


NO_KIND = (
    "'x' was not tracked: a value of type '{}' has no kind; tracked can be one real number, "
    "a text, an image, an array, a figure, a dict, a list, a data frame, "
    "attrs, a dataclass or a pydantic model"
)


@pytest.mark.parametrize("value", REFUSED, ids=lambda value: type(value).__name__)
def test_a_value_without_a_kind_is_refused_by_name_and_type(track, read, value):
    cls = type(value)
    name = cls.__qualname__
    if cls.__module__ != "builtins":
        name = f"{cls.__module__}.{name}"
    with refused(TypeError, NO_KIND.format(name)):
        track("x", value)
    track("x", 1.0)
    with refused(TypeError, NO_KIND.format(name)):
        track("x", value)
    with refused(TypeError, NO_KIND.format(name)):
        track(x=value)
    track("x", 2.0)
    assert read()["x"].values.tolist() == [1.0, 2.0]
    assert read()["x"].steps.tolist() == [0, 1]
    assert read().damage == ()


def test_ints_and_floats_mix_exactly(track, read):
    for value in (1, 2.5, 3):
        track("fits", value)
    for value in (2**53 + 1, 2.5):
        track("does_not", value)
    assert read()["fits"].values.dtype == float
    assert read()["fits"].values.tolist() == [1.0, 2.5, 3.0]
    assert read()["does_not"].values.tolist() == [2**53 + 1, 2.5]
    assert read()["does_not"].values.dtype == object


# Names


NAMES = [
    "",
    " ",
    "a/b",
    "../../etc/passwd",
    "/absolute",
    ".",
    "..",
    "...",
    "a\\b",
    "a\0b",
    "a\nb",
    "a\tb",
    "\r",
    "x" * 300,
    "x" * 299 + "y",
    "🎉",
    "\u00e9",
    "e\u0301",
    "Loss",
    "loss",
    "LOSS",
    "con",
    "NUL",
    "aux.png",
    "\ud800",
    "[red]x[/red]",
    "\x1b[31m",
    "<script>",
    '"""',
    "'",
    "$float",
    "name with spaces",
    "%s",
    "{}",
    "~",
    "-rf",
]


def test_names_are_data(track, recorder, read, tmp_path):
    for number, name in enumerate(NAMES):
        track(name, float(number))
        track(f"image {name}", np.full((2, 3), number, np.uint8))
        track(f"text {name}", name)
    recorder.close()
    series = read()
    assert len(series) == 3 * len(NAMES)
    for number, name in enumerate(NAMES):
        assert series[name].values.tolist() == [number]
        assert (series[f"image {name}"].last == number).all()
        assert series[f"text {name}"].last == name
    assert series.damage == ()
    assert {path.name for path in tmp_path.iterdir()} == {"series"}
    folders = {path.name for path in (tmp_path / "series").iterdir() if path.is_dir()}
    assert len(folders) == len(NAMES)
    assert all(re.fullmatch(r"[0-9]{4}-[A-Za-z0-9_.-]{0,40}", folder) for folder in folders)


@pytest.mark.parametrize("name", [None, 1, b"loss", ("a",), ["a"]], ids=repr)
def test_a_name_that_is_no_text_is_refused(track, name):
    expected = f"the name of a series must be a text, not {name!r}"
    for call in (track, track.image, track.array, track.text, track.table):
        with refused(TypeError, expected):
            call(name, 1.0)
    with refused(TypeError, expected):
        track.configure(name, fps=3)


def test_a_text_of_a_subclass_is_the_same_name(track, read):
    track("loss", 1.0)
    track(np.str_("loss"), 2.0)
    track(np.str_("accuracy"), 2.0)
    track("accuracy", 3.0)
    assert read()["loss"].values.tolist() == [1.0, 2.0]
    assert read()["accuracy"].values.tolist() == [2.0, 3.0]


# Kinds


def test_a_name_keeps_its_kind(track, read):
    track("loss", 1.0)
    track("note", "a")
    expected = "'loss' was not tracked: the series is of kind 'scalar', and this value of 'text'"
    with refused(TypeError, expected):
        track("loss", "diverged")
    expected = "'note' was not tracked: the series is of kind 'text', and this value of 'scalar'"
    with refused(TypeError, expected):
        track("note", 1.0)
    expected = "'loss' was not tracked: the series is of kind 'scalar', and this value of 'image'"
    with refused(TypeError, expected):
        track.image("loss", np.zeros((2, 2), np.uint8))
    track("loss", 2.0)
    assert read()["loss"].values.tolist() == [1.0, 2.0]


def test_a_refused_first_value_decides_nothing(track, read):
    with pytest.raises(ValueError):
        track("x", Decimal("0.1"))
    with pytest.raises(TypeError):
        track.array("x", [None, object()])
    track("x", "text")
    assert read()["x"].kind == "text"
    assert list(read()) == ["x"]


def test_an_array_in_a_series_of_arrays_stays_one_whatever_its_shape(track, read):
    track("x", np.arange(3.0))
    track("x", np.arange(1.0))
    track("x", np.zeros((4, 4), np.uint8))
    assert [value.shape for value in read()["x"].values] == [(3,), (1,), (4, 4)]


def test_a_plugin_names_kind_and_value_only_of_what_nothing_else_takes(tmp_path):
    asked = []

    def recognise(value):
        asked.append(value)
        return ("text", "molecule") if isinstance(value, Molecule) else None

    class Molecule:
        pass

    recorder = open_recorder(tmp_path / "series", label="7fk2", recognise=recognise)
    recorder.track("a", 1.0)
    recorder.track("b", np.zeros(3))
    molecule = Molecule()
    recorder.track("m", molecule)
    with refused(TypeError, NO_KIND.format("NoneType")):
        recorder.track("x", None)
    recorder.close()
    assert asked == [molecule, None]
    assert SeriesMap(tmp_path / "series")["m"].values == ["molecule"]


def test_a_plugin_that_names_an_unknown_kind_is_refused(tmp_path):
    recorder = open_recorder(
        tmp_path / "series", label="7fk2", recognise=lambda value: ("sound", value)
    )
    expected = "'m' was not tracked: a plugin took it for the unknown kind 'sound'"
    with refused(TypeError, expected):
        recorder.track("m", None)
    recorder.close()


def test_an_observer_hears_of_every_stored_value(tmp_path, disk):
    heard = []
    recorder = open_recorder(
        tmp_path / "series",
        label="7fk2",
        disk=disk,
        on_tracked=lambda *stored: heard.append(stored),
    )
    recorder.track("a", np.float32(0.5))
    recorder.track("a", 2)
    recorder.track("a", 3.0, step=9)
    recorder.track(b="text")
    with pytest.raises(TypeError):
        recorder.track("a", None)
    recorder.close()
    assert heard == [
        ("a", "scalar", 0, 0.5),
        ("a", "scalar", 1, 2),
        ("a", "scalar", 9, 3.0),
        ("b", "text", 0, "text"),
    ]


# Text, structures, tables, options, results


def test_text_is_kept_as_it_is(track, read):
    texts = ["", "a\nb\r\n", "\x00\x1b[31m", "\ud800", "é🎉", "$float", "x" * 100_000]
    for text in texts:
        track("note", text)
    track.text("note", np.str_("numpy"))
    assert read()["note"].values == [*texts, "numpy"]


@attrs.frozen
class Scores:
    accuracy: float
    by_class: object


def test_structures_are_kept_as_json(track, read):
    track("eval", {"acc": 0.5, "nan": float("nan"), 3: [1, None, True], "$x": "y"})
    track("eval", Scores(0.5, np.arange(3)))
    track("eval", [np.float32(0.5), {"a": np.array([[1, 2]])}])
    track("eval", (1, "a"))
    values = read()["eval"].values
    assert str(values[0]) == str({"acc": 0.5, "nan": float("nan"), 3: [1, None, True], "$x": "y"})
    assert values[1:] == [
        {"accuracy": 0.5, "by_class": [0, 1, 2]},
        [0.5, {"a": [[1, 2]]}],
        [1, "a"],
    ]


def test_what_json_cannot_hold_is_refused_with_its_place(track):
    expected = "'eval' was not tracked: value.model[1] is of type 'object', which JSON cannot hold"
    with refused(TypeError, expected):
        track("eval", {"model": [1, object()]})
    expected = (
        "'eval' was not tracked: value.weights is of type 'numpy.ndarray', which JSON cannot hold"
    )
    with refused(TypeError, expected):
        track("eval", {"weights": np.zeros(2000)})


def test_a_structure_that_holds_itself_is_refused(track, read):
    circle = {}
    circle["again"] = [circle]
    with refused(TypeError, "'eval' was not tracked: value is nested too deep, or holds itself"):
        track("eval", circle)
    track("eval", {"acc": 1.0})
    assert len(read()["eval"]) == 1


class Frame:
    """A data frame as pandas and polars both show themselves."""

    columns = ("x", "label")

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("a frame is no array")

    def __getitem__(self, name):
        return {"x": Column([1, 2]), "label": Column(["a", "b"])}[name]


class Column(list):
    def to_list(self):
        return list(self)


@pytest.mark.parametrize(
    "rows",
    [
        [{"x": 1, "label": "a"}, {"x": 2, "label": "b"}],
        {"x": [1, 2], "label": ("a", "b")},
        {"x": np.array([1, 2]), "label": np.array(["a", "b"])},
        np.array([(1, "a"), (2, "b")], [("x", int), ("label", "U1")]),
        Frame(),
    ],
    ids=["rows", "columns", "arrays", "records", "frame"],
)
def test_a_table_reloads_as_columns(track, read, rows):
    track.table("predictions", rows)
    table = read()["predictions"].last
    assert read()["predictions"].kind == "structured"
    assert table["x"].dtype == int
    assert table["x"].tolist() == [1, 2]
    assert table["label"] == ["a", "b"]


def test_a_data_frame_is_tracked_as_a_table(track, read):
    track("frame", Frame())
    assert read()["frame"].last["label"] == ["a", "b"]


def test_a_row_that_lacks_a_column_has_none_there(track, read):
    track.table("t", [{"a": 1}, {"a": 2.5, "b": "x"}])
    assert read()["t"].last == {"a": [1, 2.5], "b": [None, "x"]}


NO_TABLE = (
    "a value of type '{}' is no table: give a list of dicts, a dict of columns or a data frame"
)


@pytest.mark.parametrize(
    ("rows", "error", "text"),
    [
        (3, TypeError, NO_TABLE.format("int")),
        ([1, 2], TypeError, NO_TABLE.format("list")),
        ({"a": [1], "b": [1, 2]}, ValueError, "the columns of a table differ in length: [1, 2]"),
        ({"a": 1}, TypeError, "the column 'a' is of type 'int', which is no list"),
        ({1: [1]}, TypeError, "a column's name must be a text, not 1"),
        (
            [{"a": object()}],
            TypeError,
            "table.a[0] is of type 'object', which JSON cannot hold",
        ),
    ],
)
def test_what_is_no_table_is_refused(track, rows, error, text):
    with refused(error, f"'t' was not tracked: {text}"):
        track.table("t", rows)


def test_options_may_come_before_the_first_value_and_later_ones_win(track, read):
    track.configure("weights", fps=10, colormap="magma")
    track.configure("weights", fps=20)
    assert list(read()) == []
    track("weights", np.zeros((2, 2), np.uint8))
    track.configure("loss", unit="nats")
    track("loss", 1.0)
    assert read()["weights"].options == {"fps": 20, "colormap": "magma"}
    assert read()["loss"].options == {"unit": "nats"}


def test_every_option_is_kept(track, read):
    given = {
        "best": "max", "colormap": "magma", "extent": (0, 1.5, np.float32(2), 3), "fps": 12.5,
        "origin": "lower", "scale": "log", "smooth": False, "title": "Loss", "unit": "K",
        "vmax": np.int64(3), "vmin": -1, "xlabel": "time [s]", "ylabel": "loss",
    }  # fmt: skip
    assert sorted(given) == sorted(OPTIONS)
    track.configure("loss", **given)
    track("loss", 1.0)
    expected = {**given, "extent": [0, 1.5, 2.0, 3], "vmax": 3}
    assert read()["loss"].options == expected


@pytest.mark.parametrize(
    ("option", "error", "text"),
    [
        ({"colourmap": "x"}, TypeError, "there is no option 'colourmap'; did you mean 'colormap'?"),
        ({"vmim": 1}, TypeError, "there is no option 'vmim'; did you mean 'vmin'?"),
        ({"zzz": 1}, TypeError, f"there is no option 'zzz'; options: {', '.join(OPTIONS)}"),
        ({"fps": 0}, ValueError, "the option 'fps' is a number from 0.1 to 240, not 0"),
        ({"fps": True}, ValueError, "the option 'fps' is a number from 0.1 to 240, not True"),
        ({"vmin": math.nan}, ValueError, "the option 'vmin' is a finite number, not nan"),
        ({"vmax": 10**400}, ValueError, None),
        ({"scale": "Log"}, ValueError, "the option 'scale' is 'linear' or 'log', not 'Log'"),
        ({"smooth": 0.5}, ValueError, "the option 'smooth' is True or False, not 0.5"),
        ({"origin": "top"}, ValueError, "the option 'origin' is 'upper' or 'lower', not 'top'"),
        ({"unit": None}, ValueError, "the option 'unit' is a text, not None"),
        (
            {"extent": [0, 1]},
            ValueError,
            "the option 'extent' is four numbers: left, right, bottom, top, not [0, 1]",
        ),
    ],
)
def test_an_option_that_cannot_be_is_refused_at_the_call(track, read, option, error, text):
    with pytest.raises(error) as caught:
        track.configure("loss", **option)
    assert text is None or str(caught.value) == f"'loss' was not configured: {text}"
    track("loss", 1.0)
    assert read()["loss"].options == {}


def test_results_are_kept_at_once_and_the_last_wins(recorder, tmp_path):
    recorder.set_result("accuracy", 0.5)
    recorder.set_result("accuracy", float("nan"))
    recorder.set_result("best", {"lr": np.float32(0.5), "path": Path("a/b")})
    found = read_results(tmp_path / "series")
    assert str(found.pop("accuracy")) == "nan"
    assert found == {"best": {"lr": 0.5, "path": Path("a/b")}}
    with refused(TypeError, "results['model'] is of type 'object', which JSON cannot hold"):
        recorder.set_result("model", object())


# The end, threads


def test_after_the_end_every_call_is_refused(track, recorder, read):
    track("loss", 1.0)
    track("note", "text")
    recorder.close()
    recorder.close()
    expected = "the run '7fk2' has ended; 'loss' was not tracked"
    calls = [
        lambda: track("loss", 1.0),
        lambda: track("loss", 1),
        lambda: track("loss", None),
        lambda: track("loss", 1.0, step=3),
        lambda: track(loss=1.0),
        lambda: track.image("loss", np.zeros((2, 2))),
        lambda: track.text("loss", "x"),
    ]
    for call in calls:
        with refused(RuntimeError, expected):
            call()
    with refused(RuntimeError, "the run '7fk2' has ended; 'loss' was not configured"):
        track.configure("loss", fps=1)
    with refused(RuntimeError, "the run '7fk2' has ended; the result 'x' was not kept"):
        recorder.set_result("x", 1)
    assert read()["loss"].values.tolist() == [1.0]
    assert read()["note"].values == ["text"]


def test_two_threads_that_begin_a_name_at_once_agree_on_its_kind(track, read):
    def work(number):
        for index in range(200):
            with contextlib.suppress(TypeError):
                track(f"n{index}", 1.0 if number % 2 else "text")

    assert run_threads(4, work) == []
    assert len(read()) == 200
    assert {len(series) for series in read().values()} == {2}
    assert read().damage == ()


def test_a_run_that_tracked_nothing_leaves_no_files(recorder, tmp_path):
    recorder.close()
    assert list((tmp_path / "series").iterdir()) == []


def test_the_record_file_is_as_long_as_its_records_in_the_end(track, recorder, tmp_path):
    for number in range(5000):
        track("loss", float(number))
    recorder.close()
    assert (tmp_path / "series" / "scalars.bin").stat().st_size == 5000 * 32


def test_the_writer_is_named(tmp_path):
    mapped = open_recorder(tmp_path / "a", label="a")
    written = open_recorder(tmp_path / "b", label="b", disk=NoMaps())
    assert (mapped.writer, written.writer) == ("mapped", "written")
    mapped.close()
    written.close()
    assert list((tmp_path / "a").iterdir()) == []


def run_threads(count, work):
    errors = []

    def guarded(number):
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    return errors


def test_eight_threads_lose_nothing(track, recorder, read):
    each = 600

    def work(number):
        for index in range(each):
            track("shared", float(index))
            track(f"own {number}", index)
            if index % 100 == 0:
                track("note", f"{number} {index}")
                track("image", np.full((2, 2), number, np.uint8))

    assert run_threads(8, work) == []
    recorder.close()
    series = read()
    assert sorted(series["shared"].steps.tolist()) == list(range(8 * each))
    assert sorted(series["shared"].values.tolist()) == sorted(list(range(each)) * 8)
    for number in range(8):
        assert series[f"own {number}"].values.tolist() == list(range(each))
        assert series[f"own {number}"].steps.tolist() == list(range(each))
    assert sorted(series["note"].steps.tolist()) == list(range(48))
    assert sorted(int(frame[0, 0]) for frame in series["image"].values) == sorted(
        list(range(8)) * 6
    )
    assert series.damage == ()


def test_a_run_that_ends_while_threads_track_refuses_them_and_keeps_the_rest(tmp_path, disk):
    recorder = open_recorder(tmp_path / "series", label="7fk2", disk=disk)
    kept = [0] * 4
    begun = threading.Barrier(5)

    def work(number):
        begun.wait()
        for index in itertools.count():
            recorder.track(f"s{number}", float(index))
            kept[number] = index + 1
            if index % 100 == 0:
                recorder.track("note", "text")

    threads = []
    refusals = []

    def guarded(number):
        try:
            work(number)
        except RuntimeError as error:
            refusals.append(str(error))

    for number in range(4):
        threads.append(threading.Thread(target=guarded, args=(number,), daemon=True))
        threads[-1].start()
    begun.wait(60)
    try:
        while min(kept) < 300:
            time.sleep(0.001)  # and not by holding the threads up
    finally:
        recorder.close()
    for thread in threads:
        thread.join()
    assert len(refusals) == 4
    assert all(text.startswith("the run '7fk2' has ended; ") for text in refusals)
    series = SeriesMap(tmp_path / "series")
    for number in range(4):
        assert series[f"s{number}"].values.tolist() == list(range(kept[number]))


def test_a_thread_that_was_about_to_write_when_the_run_ended_is_refused(tmp_path, monkeypatch):
    """It has claimed its record; by the time it writes, the file has been cut."""
    claimed, ended = threading.Event(), threading.Event()

    def read_clock():
        if threading.current_thread() is not threading.main_thread():
            claimed.set()
            ended.wait()
        return 1.5e9

    monkeypatch.setattr(time, "time", read_clock)
    recorder = open_recorder(tmp_path / "series", label="7fk2")
    recorder.track("loss", 1.0)
    refusals = []

    def work():
        with contextlib.suppress(RuntimeError):
            recorder.track("loss", 2.0)
            refusals.append("not refused")

    thread = threading.Thread(target=work)
    thread.start()
    claimed.wait()
    recorder.close()
    ended.set()
    thread.join()
    assert refusals == []
    assert SeriesMap(tmp_path / "series")["loss"].values.tolist() == [1.0]


def test_a_recorder_is_no_part_of_what_a_run_keeps_alive(tmp_path):
    import gc
    import weakref

    recorder = open_recorder(tmp_path / "series", label="7fk2")
    assert isinstance(recorder, Recorder)
    recorder.track("loss", 1.0)
    recorder.close()
    reference = weakref.ref(recorder)
    del recorder
    gc.collect()
    assert reference() is None
