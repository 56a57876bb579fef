"""What becomes of a value that is tracked, saved, returned or set: kept whole, or refused by name.

From outside, case by case, with the real libraries where they are installed.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from expt.ground.ndarrays import as_array

if TYPE_CHECKING:
    from expt.reading.run import Run
    from expt.testing import Done, Sandbox


def run_all(sandbox: Sandbox, source: str) -> tuple[dict[str, Run], Done]:
    """The runs of all experiments of a file, by name without `experiment_`, and how it ended."""
    sandbox.write({"experiments/a.py": source})
    done = sandbox.expt("--no-render")
    runs = {run.experiment.rpartition("experiment_")[2]: run for run in sandbox.runs()}
    return runs, done


LYING = """
    import numpy as np

    class AttrDict(dict):
        __getattr__ = dict.__getitem__
        __setattr__ = dict.__setitem__

    class Lazy:
        @property
        def shape(self): raise ValueError("not fitted yet")

    class Yes:
        def __getattr__(self, name): return self
        def __call__(self, *args, **named): return self
        def __iter__(self): raise RuntimeError("no")

    class Hostile(dict):
        def items(self): raise RuntimeError("no items")
        def __iter__(self): raise RuntimeError("no keys")
        def __repr__(self): raise RuntimeError("no repr")

    class Meta(type):
        def __getattr__(cls, name): raise OSError(name)

    class Cold(metaclass=Meta): pass

    class Slots:
        __slots__ = ("x",)
        __attrs_attrs__ = ()
"""


def test_objects_whose_attributes_lie_fail_no_run(sandbox: Sandbox) -> None:
    """case: attrdict-fails-the-run"""
    runs, done = run_all(
        sandbox,
        LYING
        + """
    def experiment_return():
        return {"acc": 0.5, "best": AttrDict(w=np.zeros(2), deep=AttrDict(n=1))}
    def experiment_return_object():
        return {"acc": 0.5, "model": Lazy()}
    def experiment_track(track):
        track("metrics", AttrDict(loss=1.0))
    def experiment_save(archive):
        archive.save("cfg.json", AttrDict(lr=0.1))
    def experiment_default(track, cfg=AttrDict(lr=0.1, inner=AttrDict(a=[1]))):
        return cfg.lr + cfg.inner.a[0]
    """,
    )
    assert done.exit_code == 0, done.stdout
    best = runs["return"].results["best"]
    assert best["deep"] == {"n": 1}
    assert np.load(runs["return"].path / best["w"]).tolist() == [0, 0]
    assert runs["return_object"].results["acc"] == 0.5
    assert runs["track"].series["metrics"].last == {"loss": 1.0}
    assert runs["save"].artifacts["cfg.json"].load() == {"lr": 0.1}
    assert runs["default"].results["value"] == 1.1


def test_whatever_is_returned_fails_no_run(sandbox: Sandbox) -> None:
    """Siblings of the case attrdict-fails-the-run."""
    runs, done = run_all(
        sandbox,
        LYING
        + """
    def experiment_yes(): return {"x": 1, "y": Yes()}
    def experiment_hostile(): return {"x": 1, "y": Hostile(a=object())}
    def experiment_hostile_itself(): return Hostile(a=object())
    def experiment_cold(): return {"x": 1, "y": Cold(), "z": Cold}
    def experiment_slots(): return {"x": 1, "y": Slots()}
    def experiment_keys(): return {1: 2, "1": 3, (1, 2): object(), None: 5}
    """,
    )
    assert done.exit_code == 0, done.stdout
    assert all(run.results["x"] == 1 for run in runs.values() if "x" in run.results)
    assert "whose repr raises" in str(runs["hostile"].results["y"])
    assert "whose repr raises" in str(runs["hostile_itself"].results["value"])
    assert sorted(runs["keys"].results) == ["(1, 2)", "1", "1 (int)", "None"]


def test_what_objects_to_being_looked_at_is_returned_all_the_same(sandbox: Sandbox) -> None:
    """Siblings of the case attrdict-fails-the-run: a dead reference, a repr that exits, an int
    with more digits than Python writes, a numpy duration without its unit."""
    runs, done = run_all(
        sandbox,
        """
    import collections, weakref
    import numpy as np

    class Exits:
        def __repr__(self): raise SystemExit(3)

    def dead(): return weakref.proxy(collections.UserDict())
    def experiment_dead(): return {"x": 1, "y": dead()}
    def experiment_dead_itself(): return dead()
    def experiment_exits(): return {"x": 1, "y": Exits(), "z": [Exits()]}
    def experiment_exits_itself(): return Exits()
    def experiment_digits(): return {"x": 1, "y": 10**5000}
    def experiment_duration(track):
        try:
            track("d", np.timedelta64(3, "ns"))
        except TypeError as error:
            return {"x": 1, "y": np.timedelta64(3, "M"), "told": str(error)}
    """,
    )
    assert done.exit_code == 0, done.stdout
    assert {run.status for run in runs.values()} == {"completed"}
    assert all(run.results["x"] == 1 for run in runs.values() if "x" in run.results)
    assert "weakproxy" in runs["dead"].results["y"]
    assert "weakproxy" in runs["dead_itself"].results["value"]
    assert runs["exits"].results["y"] == "<Exits whose repr raises SystemExit>"
    assert int(runs["digits"].results["y"], 16) == 10**5000
    assert "timedelta64(3,'M')" in runs["duration"].results["y"]
    assert "timedelta64" in runs["duration"].results["told"]


def test_only_fields_of_a_dataclass_are_its_data(sandbox: Sandbox) -> None:
    """case: dataclass-initvar"""
    runs, done = run_all(
        sandbox,
        """
    import dataclasses as dc, typing
    import numpy as np

    @dc.dataclass
    class Entry:
        x: int
        weights: np.ndarray
        scale: dc.InitVar[int]
        VERSION: typing.ClassVar[int] = 5

    def experiment_track(track): track("e", Entry(1, np.arange(3), 2))
    def experiment_return(): return Entry(1, np.arange(3), 2)
    def experiment_unset(track):
        entry = Entry(1, np.arange(3), 2)
        del entry.weights
        try:
            track("e", entry)
        except TypeError as error:
            return str(error)
    """,
    )
    assert done.exit_code == 0, done.stdout
    assert runs["track"].series["e"].last == {"x": 1, "weights": [0, 1, 2]}
    assert list(runs["track"].series["e"].leaves) == ["e/x"]
    assert sorted(runs["return"].results["value"]) == ["weights", "x"]
    told = "'e' was not tracked: the field 'weights' of the a.Entry has no value"
    assert runs["unset"].results["value"].replace("experiments.", "") == told


def test_whatever_is_made_of_parts_is_returned_whole(sandbox: Sandbox) -> None:
    """case: nested-results-only-repr"""
    runs, done = run_all(
        sandbox,
        """
    import collections, dataclasses, enum, types, typing
    import attrs
    import numpy as np

    W = np.arange(2000) / 7

    @dataclasses.dataclass
    class Result:
        loss: float
        weights: np.ndarray

    class Fit(typing.NamedTuple):
        x: np.ndarray
        fun: float

    @attrs.frozen
    class Inner:
        result: Result

    def experiment_state(): return {"state": collections.OrderedDict({"layer.weight": W})}
    def experiment_dataclass(): return Result(0.25, W)
    def experiment_tuple(): return {"fit": Fit(W, 0.125)}
    def experiment_attrs(): return {"all": [Inner(Result(0.25, W))]}
    def experiment_proxy(): return types.MappingProxyType({"w": W, "loss": 0.5})
    def experiment_deque(): return {"last": collections.deque([Fit(W, 0.125)])}
    def experiment_enum(): return {"best": enum.Enum("E", {"A": W}).A, "loss": 0.5}
    def experiment_objects(): return {"mixed": np.array([1, None, Fit(W, 0.125)], object)}
    """,
    )
    assert done.exit_code == 0, done.stdout
    expected = (np.arange(2000) / 7).tobytes()
    for run in runs.values():
        (artifact,) = run.artifacts.values()
        assert artifact.name.endswith(".npy")
        assert artifact.load().tobytes() == expected
    assert runs["dataclass"].results["value"]["loss"] == 0.25
    assert runs["tuple"].results["fit"]["fun"] == 0.125
    assert runs["attrs"].results["all"][0]["result"]["loss"] == 0.25
    assert runs["proxy"].results["loss"] == 0.5
    assert runs["deque"].results["last"][0]["fun"] == 0.125
    assert runs["objects"].results["mixed"][:2] == [1, None]


def test_a_returned_frame_is_a_csv_with_names_and_index(sandbox: Sandbox) -> None:
    """cases: dataframe-is-not-kept, dataframe-loses-names"""
    pandas = pytest.importorskip("pandas")
    runs, done = run_all(
        sandbox,
        """
    import pandas as pd
    MIXED = pd.DataFrame({"name": ["a", "b"] * 50, "score": range(100)})
    TABLE = pd.DataFrame({"loss": [1 / 3, 2.0]}, index=["lr=1", "lr=2"])

    def experiment_returned():
        return {"mixed": MIXED, "table": TABLE, "means": MIXED.groupby("name").mean(),
                "described": TABLE["loss"].describe()}
    def experiment_saved(archive):
        archive.save("mixed.csv", MIXED)
        archive.save("table.csv", TABLE)
        archive.save("table", TABLE)
        archive.save("table.json", TABLE)
        archive.save("table.npz", TABLE)
    def experiment_tracked(track):
        track("means", MIXED.groupby("name").mean())
        track("described", TABLE["loss"].describe())
        track("series", pd.Series([1.0, 2.0], index=["x", "y"]))
        track("plain", pd.Series([1.0, 2.0], name="loss"))
        track("number", pd.Series([0.5]))
        track("inside", {"s": pd.Series([1.0, 2.0], index=["x", "y"])})
    """,
    )
    assert done.exit_code == 0, done.stdout
    returned = runs["returned"]
    mixed = pandas.read_csv(returned.path / returned.results["mixed"])
    assert mixed.equals(pandas.DataFrame({"name": ["a", "b"] * 50, "score": range(100)}))
    table = pandas.read_csv(returned.path / returned.results["table"], index_col=0)
    assert table["loss"].to_dict() == {"lr=1": 1 / 3, "lr=2": 2.0}
    means = (returned.path / returned.results["means"]).read_text()
    assert means == "name,score\na,49.0\nb,50.0\n"
    described = (returned.path / returned.results["described"]).read_text()
    assert described.startswith("index,loss\ncount,2.0\n")
    saved = runs["saved"].artifacts
    assert saved["table.csv"].load() == f",loss\nlr=1,{1 / 3}\nlr=2,2.0\n"
    assert saved["mixed.csv"].load().startswith("name,score\na,0\n")
    assert saved["table.json"].load() == {"index": ["lr=1", "lr=2"], "loss": [1 / 3, 2.0]}
    assert saved["table.npz"].load()["loss"].tolist() == [1 / 3, 2.0]
    assert saved["table.npz"].load()["index"].tolist() == ["lr=1", "lr=2"]
    tracked = {name: series.last for name, series in runs["tracked"].series.items()}
    assert tracked["means"]["name"] == ["a", "b"]
    assert tracked["means"]["score"].tolist() == [49, 50]
    assert tracked["described"]["index"][:2] == ["count", "mean"]
    assert tracked["series"]["index"] == ["x", "y"]
    assert tracked["plain"]["loss"].tolist() == [1, 2]
    assert tracked["number"] == 0.5
    assert tracked["inside"] == {"s": {"index": ["x", "y"], "value": [1.0, 2.0]}}


def test_a_frame_of_which_a_part_would_be_lost_is_refused_by_name(sandbox: Sandbox) -> None:
    """case: frame-with-equal-columns"""
    pytest.importorskip("pandas")
    runs, done = run_all(
        sandbox,
        """
    import numpy as np
    import pandas as pd

    EQUAL = pd.DataFrame(np.ones((2, 2)), columns=["a", "a"])
    FINE = pd.DataFrame({"when": pd.to_datetime(["2024-01-01 00:00:00.123456789", None])})

    def tell(call, *args):
        try:
            call(*args)
        except (TypeError, ValueError) as error:
            return str(error)

    def experiment_refused(track, archive):
        return {
            "equal": tell(track, "t", EQUAL),
            "numbers": tell(track, "t", pd.DataFrame(np.ones((2, 2)))),
            "fine": tell(track, "t", FINE),
            "npz": tell(archive.save, "x.npz", EQUAL),
            "zoned": tell(archive.save, "x.npz", FINE["when"].dt.tz_localize("UTC").to_frame()),
            "yaml": tell(archive.save, "x.yaml", EQUAL),
        }
    def experiment_nat(track):
        track("t", pd.DataFrame({"when": pd.to_datetime(["2024-01-01 00:00:00.123456", None])}))
        track("n", pd.DataFrame({"n": pd.array([1, None], dtype="Int64")}))
        return {"last": pd.NaT, "na": pd.NA, "fine": FINE["when"][0], "equal": EQUAL, "all": FINE}
    """,
    )
    assert done.exit_code == 0, done.stdout
    assert runs["refused"].results == {
        "equal": "'t' was not tracked: the column 'a' stands there 2 times",
        "numbers": "'t' was not tracked: a column's name must be a text, not 0",
        "fine": (
            "'t' was not tracked: table.when[0] is a pandas.Timestamp with nanoseconds, "
            "which no date of Python's has; round it to microseconds"
        ),
        "npz": "the artifact 'x.npz': the column 'a' stands there 2 times",
        "zoned": (
            "the artifact 'x.npz': the column 'when' is of type 'datetime64[ns, UTC]', "
            "for which numpy has none"
        ),
        "yaml": (
            "the artifact 'x.yaml' is a data frame, which is kept as .csv, .parquet, .npz or "
            ".json; save its bytes, or write the file with archive.open('x.yaml')"
        ),
    }
    when = runs["nat"].series["t"].last["when"]
    assert [str(when[0]), when[1]] == ["2024-01-01 00:00:00.123456", None]
    assert runs["nat"].series["n"].last["n"] == [1, None]
    results = runs["nat"].results
    assert (results["last"], results["na"]) == (None, None)
    assert "123456789" in results["fine"]
    assert (runs["nat"].path / results["equal"]).read_text() == "a,a\n1.0,1.0\n1.0,1.0\n"
    assert "00:00:00.123456789" in (runs["nat"].path / results["all"]).read_text()


def test_a_frame_of_polars_is_kept_as_well(sandbox: Sandbox) -> None:
    """A sibling of the case dataframe-loses-names."""
    polars = pytest.importorskip("polars")
    runs, done = run_all(
        sandbox,
        """
    import polars as pl

    FRAME = pl.from_dict({"name": ["a", None], "x": [1, 2], "ok": [True, False]})
    FINE = pl.DataFrame({"t": ["2024-01-01T00:00:00.123456789"]}).select(
        pl.col("t").str.to_datetime(time_unit="ns")
    )

    def experiment_kept(track, archive):
        track("frame", FRAME)
        track("series", FRAME["x"])
        archive.save("frame.csv", FRAME)
        archive.save("frame.parquet", FRAME)
        archive.save("x.npz", FRAME.select("x", "ok"))
        try:
            track("fine", FINE)
        except ValueError as error:
            nested = pl.DataFrame({"l": [[1], [2, 3]]})
            return {"frame": FRAME, "fine": FINE, "told": str(error), "nested": nested}
    """,
    )
    assert done.exit_code == 0, done.stdout
    run = runs["kept"]
    assert run.series["frame"].last["name"] == ["a", None]
    assert run.series["series"].last["x"].tolist() == [1, 2]
    assert run.artifacts["frame.csv"].load() == "name,x,ok\na,1,true\n,2,false\n"
    whole = polars.read_parquet(io.BytesIO(run.artifacts["frame.parquet"].path.read_bytes()))
    assert whole.to_dict(as_series=False)["name"] == ["a", None]
    assert run.artifacts["x.npz"].load()["ok"].tolist() == [True, False]
    assert (run.path / run.results["nested"]).read_text() == 'l\n[1]\n"[2, 3]"\n'
    assert "the column 't' has nanoseconds" in run.results["told"]
    assert "123456789" in (run.path / run.results["fine"]).read_text()


def test_a_type_of_another_library_is_stored_as_what_holds_it_exactly(sandbox: Sandbox) -> None:
    """case: bfloat16-arrays"""
    pytest.importorskip("ml_dtypes")
    runs, done = run_all(
        sandbox,
        """
    import numpy as np, ml_dtypes as ml

    def experiment_kept(track, archive):
        a = np.array([1.5, -0.0, np.nan, np.inf], dtype=ml.bfloat16)
        track("bf16", a)
        track("f8", a.astype(ml.float8_e5m2))
        track("i4", np.array([-8, 7], ml.int4))
        track("number", ml.bfloat16(1.5))
        archive.save("bf16.npy", a)
        archive.save("both.npz", {"a": a, "u": np.array([15], ml.uint4)})
        archive.save("bf16.csv", a)
        return {"w": a, "n": ml.bfloat16(0.5)}
    """,
    )
    assert done.exit_code == 0, done.stdout
    run = runs["kept"]
    expected = np.array([1.5, -0.0, np.nan, np.inf], np.float32)
    for name in ("bf16", "f8"):
        assert run.series[name].last.dtype == np.float32
        assert np.array_equal(run.series[name].last, expected, equal_nan=True)
    assert run.series["i4"].last.dtype == np.int8
    assert run.series["i4"].last.tolist() == [-8, 7]
    assert run.series["number"].last == 1.5
    assert np.array_equal(run.artifacts["bf16.npy"].load(), expected, equal_nan=True)
    assert run.artifacts["both.npz"].load()["u"].tolist() == [15]
    assert run.artifacts["bf16.csv"].load() == "1.5\n-0.0\nnan\ninf\n"
    assert np.array_equal(np.load(run.path / run.results["w"]), expected, equal_nan=True)
    assert run.results["n"] == 0.5
    assert "'bf16': bfloat16 is stored as float32, which holds it exactly" in done.stdout


class OfCuPy:
    """As CuPy has it: no array of numpy's unless asked by name."""

    __cuda_array_interface__: ClassVar[dict[str, Any]] = {}

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed")

    def get(self) -> Any:
        return np.ones(2)


class Narrow:
    """As torch has bfloat16 and float8: no array unless of a type that numpy has."""

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("Got unsupported ScalarType BFloat16")

    def is_floating_point(self) -> bool:
        return True

    def float(self) -> Any:
        return np.ones(2, np.float32)


@pytest.mark.parametrize("value", [OfCuPy(), Narrow()])
def test_an_array_that_does_not_turn_into_one_of_numpys_by_itself(value: Any) -> None:
    array = as_array(value)
    assert array is not None
    assert array.tolist() == [1.0, 1.0]


def test_a_mask_is_never_dropped(sandbox: Sandbox) -> None:
    """case: npz-drops-mask"""
    runs, done = run_all(
        sandbox,
        """
    import numpy as np

    M = np.ma.masked_less(np.arange(4.0), 2)

    def experiment_kept(archive, track):
        told = {}
        for name, value in {"m.npz": {"m": M}, "m.npy": M, "m.csv": M, "m.json": M}.items():
            try:
                archive.save(name, value)
            except TypeError as error:
                told[name] = str(error)
        archive.save("whole.npz", M)
        return {"told": told, "returned": M}
    """,
    )
    assert done.exit_code == 0, done.stdout
    run = runs["kept"]
    assert sorted(run.artifacts) == ["results/returned.npz", "whole.npz"]
    for artifact in run.artifacts.values():
        assert artifact.load()["mask"].tolist() == [True, True, False, False]
        assert artifact.load()["data"].tolist() == [0, 1, 2, 3]
    told = run.results["told"]
    assert told["m.npz"].startswith("the artifact 'm.npz': 'm' is a masked array, whose mask would")
    assert sorted(told) == ["m.csv", "m.json", "m.npy", "m.npz"]


def test_a_pydantic_model_is_a_structured_value(sandbox: Sandbox) -> None:
    """case: pydantic-model (the values' half)"""
    pytest.importorskip("pydantic")
    runs, done = run_all(
        sandbox,
        """
    from pydantic import BaseModel, ConfigDict
    import numpy as np

    class Inner(BaseModel):
        model_config = ConfigDict(extra="allow", arbitrary_types_allowed=True)
        lr: float = 0.1
        w: np.ndarray | None = None

    class Outer(BaseModel):
        inner: Inner = Inner()
        name: str = "x"

    def experiment_kept(track, results, archive):
        track("cfg", Outer())
        results["cfg"] = Outer(inner=Inner(lr=0.5, more=3))
        archive.save("cfg.json", Outer())
        archive.save("cfg.toml", Inner(more=3).model_copy(update={"w": 0}))
        return {"end": Inner(w=np.arange(3))}
    """,
    )
    assert done.exit_code == 0, done.stdout
    run = runs["kept"]
    plain = {"inner": {"lr": 0.1, "w": None}, "name": "x"}
    assert run.series["cfg"].last == plain
    assert run.series["cfg/inner/lr"].values.tolist() == [0.1]
    assert run.results["cfg"] == {"inner": {"lr": 0.5, "w": None, "more": 3}, "name": "x"}
    assert run.artifacts["cfg.json"].load() == plain
    assert run.artifacts["cfg.toml"].load() == {"lr": 0.1, "w": 0, "more": 3}
    assert np.load(run.path / run.results["end"]["w"]).tolist() == [0, 1, 2]


def test_what_is_taken_out_of_results_may_be_changed_in_place(sandbox: Sandbox) -> None:
    """case: results-setdefault-loses"""
    runs, done = run_all(
        sandbox,
        """
    import copy, os, time
    import numpy as np

    def experiment_setdefault(results):
        for i in range(3):
            results.setdefault("losses", []).append(i)
        assert results["losses"] == [0, 1, 2]
    def experiment_nested(results):
        results["best"] = {}
        results["best"]["lr"] = 0.1
        results["best"]["w"] = np.arange(3)
        results["set"] = mine = [1]
        mine.append(2)
        results |= {"also": 1}
        copied = copy.deepcopy(results)
        copied["set"].append(3)
        assert (type(copied), copy.copy(results)["set"]) == (dict, [1, 2])
    def experiment_attribute(results):
        try:
            results.loss = 3
        except AttributeError as error:
            return {"told": str(error)}
    def experiment_died(results):
        results["losses"] = [0]
        results["losses"].append(1)
        time.sleep(1.1)
        results["x"] = 1
        os._exit(0)
    """,
    )
    assert done.exit_code == 1, done.stdout
    assert runs["setdefault"].results == {"losses": [0, 1, 2]}
    nested = runs["nested"].results
    assert nested["set"] == [1, 2]
    assert nested["best"]["lr"] == 0.1
    assert np.load(runs["nested"].path / nested["best"]["w"]).tolist() == [0, 1, 2]
    told = "results has items, no attributes: results['loss'] = …"
    assert runs["attribute"].results == {"told": told}
    assert runs["died"].status == "failed"
    assert runs["died"].results == {"losses": [0, 1], "x": 1}


def test_an_artifact_is_called_what_was_asked_for_or_refused(sandbox: Sandbox) -> None:
    """case: artifact-name-changed"""
    runs, done = run_all(
        sandbox,
        """
    import numpy as np
    from PIL import Image

    def experiment_kept(archive):
        pixels = np.zeros((4, 4, 3), "uint8")
        kept = {
            "frame.gif": pixels, "frame.jpg": pixels, "w.json": np.ones((2, 2)),
            "rec.csv": np.array([(1, "x")], dtype=[("a", "i4"), ("b", "U2")]),
            "x.yaml": "a: 1", "model.pt": b"weights", "v1.5": np.ones(2), "acc=0.5": {"a": 1},
            "film.gif": Image.fromarray(pixels),
            "time.csv": np.array(["2024-01-01T00:00:00.123456789"], "M8[ns]"),
        }
        for name, value in kept.items():
            archive.save(name, value)
        told = {}
        for name, value in {
            "x.yaml": {"a": 1}, "w.parquet": np.ones(2), "model.pt": {"w": np.ones(2)},
            "fig.docx": Image.fromarray(pixels), "rgba.jpg": np.zeros((2, 2, 4), "uint8"),
            "depth.png": Image.fromarray(np.arange(60000, 60004, dtype="i4").reshape(2, 2) * 2),
        }.items():
            try:
                archive.save(name, value)
            except (TypeError, ValueError) as error:
                told[name] = str(error)
        return told
    """,
    )
    assert done.exit_code == 0, done.stdout
    run = runs["kept"]
    assert sorted(run.artifacts) == [
        *("acc=0.5.json", "film.gif", "frame.gif", "frame.jpg", "model.pt", "rec.csv", "time.csv"),
        *("v1.5.npy", "w.json", "x.yaml"),
    ]
    assert run.artifacts["frame.gif"].path.read_bytes()[:3] == b"GIF"
    assert run.artifacts["frame.jpg"].path.read_bytes()[:2] == b"\xff\xd8"
    assert run.artifacts["w.json"].load() == [[1, 1], [1, 1]]
    assert run.artifacts["rec.csv"].load() == "a,b\n1,x\n"
    assert run.artifacts["time.csv"].load() == "2024-01-01T00:00:00.123456789\n"
    told = run.results
    write = "save its bytes, or write the file with archive.open"
    assert told["model.pt"] == (
        "the artifact 'model.pt' is a dict, which is kept as .json, .toml, .csv or .npz; "
        f"{write}('model.pt')"
    )
    assert told["w.parquet"].startswith("the artifact 'w.parquet' is an array, which is kept as .n")
    assert sorted(told) == [
        *("depth.png", "fig.docx", "model.pt", "rgba.jpg", "w.parquet", "x.yaml"),
    ]


def test_the_hint_for_a_picture_of_numbers_keeps_the_numbers(sandbox: Sandbox) -> None:
    """case: pil-hint-destroys"""
    runs, done = run_all(
        sandbox,
        """
    import numpy as np
    from PIL import Image

    def experiment_depth(track):
        told = {}
        for mode, kind in {"I": "i4", "F": "f4"}.items():
            image = Image.fromarray(np.arange(0, 60000, 1000, dtype=kind).reshape(6, 10))
            try:
                track("depth", image)
            except TypeError as error:
                told[mode] = str(error)
            track.array(f"depth {mode}", np.asarray(image))
        return {**told, "kept": image}
    """,
    )
    assert done.exit_code == 0, done.stdout
    run = runs["depth"]
    for mode in "IF":
        assert run.results[mode] == (
            f"'depth' was not tracked: a PIL image of mode '{mode}', which PNG cannot hold "
            "exactly; track.array(name, numpy.asarray(image)) keeps every number"
        )
        assert run.series[f"depth {mode}"].last.tolist()[5][9] == 59000
    assert run.artifacts["results/kept.tif"].load().tolist()[5][9] == 59000


def test_a_spawned_process_is_told_that_only_the_run_tracks(sandbox: Sandbox) -> None:
    """case: track-to-spawned-process"""
    runs, done = run_all(
        sandbox,
        """
    import multiprocessing as mp

    def child(track, results, archive, answers):
        for call in (
            lambda: track("x", 1), lambda: track(loss=2), lambda: track.image("p", None),
            lambda: results.__setitem__("y", 1), lambda: results["y"],
        ):
            try:
                call()
            except RuntimeError as error:
                answers.put(str(error))
        archive.save("from/child.json", [1])

    def experiment_spawn(track, results, archive):
        context = mp.get_context("spawn")
        answers = context.Queue()
        process = context.Process(target=child, args=(track, results, archive, answers))
        process.start()
        told = [answers.get(timeout=30) for _ in range(5)]
        process.join()
        track("mine", 1.0)
        return {"told": told, "code": process.exitcode}
    def experiment_arguments(track):
        try:
            track("loss", 1, 2, 3)
        except TypeError as error:
            return {"told": str(error)}
    """,
    )
    assert done.exit_code == 0, done.stdout
    run = runs["spawn"]
    where = "send it the value, through a queue or as what the function returns"
    assert run.results["told"] == [
        f"only the process of the run has '{what}': '{name}' was not kept; {where}"
        for what, name in [
            *[("track", "x"), ("track", "loss"), ("track", "image")],
            *[("results", "y"), ("results", "y")],
        ]
    ]
    assert run.results["code"] == 0
    assert run.artifacts["from/child.json"].load() == [1]
    assert run.series["mine"].last == 1.0
    assert "locals" not in runs["arguments"].results["told"]
    assert runs["arguments"].results["told"].startswith("track() takes")
