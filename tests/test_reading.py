"""`Run` and `Runs`: what an archive holds, read back; and nothing else is opened."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import pickle
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pytest

from expt.archive.owner import owner_of_this_process, touch_run
from expt.archive.record import read_record
from expt.archive.writer import write_record
from expt.ground.errors import DamagedArchive, UsageError
from expt.ground.model import ErrorInfo, Origin, RunRecord
from expt.reading.fields import field_value
from expt.reading.finding import find_runs
from expt.reading.moments import parse_moment
from expt.reading.references import load_archive
from expt.reading.runs import Runs
from expt.tracking.recorder import open_recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expt.reading.run import Run

DEAD = {**owner_of_this_process(), "pid": 2**22 + 1}


def make_run(
    root: Path, number: int = 1, track: dict[str, list[Any]] | None = None, **fields: Any
) -> Run:
    """An archive with a record made of `fields` and tracked series."""
    path = root / f"walk/2026-11-23_10-15-30_run{number}"
    path.mkdir(parents=True)
    started = f"2026-11-23T10:15:{number:02}.000000+00:00"
    values: dict[str, Any] = {"status": "completed", "started": started, "case": None, **fields}
    record = RunRecord(
        id=f"run{number}",
        experiment=values.pop("experiment", "experiments/walk.py::experiment_walk"),
        description="Walk about.",
        **values,
    )
    if track is not None:
        recorder = open_recorder(path / "series", label=record.id)
        for name, entries in track.items():
            for value in entries:
                recorder.track(name, value)
        recorder.close()
    write_record(path, record)
    return load_archive(path)


def test_a_run_has_what_its_record_says(tmp_path: Path) -> None:
    origin = Origin("-p", "-p lr=0.1", 0.1)
    run = make_run(
        tmp_path,
        case="lr-0.1",
        finished="2026-11-23T10:15:33.500000+00:00",
        duration=2.5,
        params={"lr": 0.1, "data": Path("a/b"), "limit": math.inf, "opt": {"name": "adam"}},
        origins={"lr": (origin,)},
        results={"accuracy": 0.9, "$odd": None},
        series={"loss": {"kind": "scalar", "count": 2, "last": 0.5, "min": 0.25, "max": 1.0}},
        lineage={"session": "s1"},
        tags=("paper",),
        note="what it is",
        error=ErrorInfo("ValueError", "boom", "Traceback …"),
        notices=("a picture failed",),
    )
    assert run.node_id == "experiments/walk.py::experiment_walk[lr-0.1]"
    assert (run.id, run.case, run.status, run.duration) == ("run1", "lr-0.1", "completed", 2.5)
    assert run.started == dt.datetime(2026, 11, 23, 10, 15, 1, tzinfo=dt.UTC)
    assert run.finished == run.started + dt.timedelta(seconds=32.5)
    assert run.params == {
        "lr": 0.1, "data": Path("a/b"), "limit": math.inf, "opt": {"name": "adam"}
    }  # fmt: skip
    assert run.origins == {"lr": (origin,)}
    assert run.results == {"accuracy": 0.9, "$odd": None}
    assert run.last == {"loss": 0.5}
    assert run.lineage == {"session": "s1"}
    assert (run.tags, run.note, run.description) == (("paper",), "what it is", "Walk about.")
    assert run.error is not None
    assert (run.failure, run.error.traceback) == ("ValueError: boom", "Traceback …")
    assert run.notices == ("a picture failed",)
    assert repr(run) == "<Run run1 experiments/walk.py::experiment_walk[lr-0.1] completed 2.5s>"
    assert run.reload() == run


def test_a_run_is_the_same_whether_read_from_the_index_or_the_file(tmp_path: Path) -> None:
    run = make_run(tmp_path, params={"a": 1}, results={"b": math.nan}, duration=1.0)
    for _ in range(2):
        (found,) = find_runs(tmp_path)
        assert found.outline() == run.outline()
        assert found.record.params == run.record.params
    assert json.loads(json.dumps(run.outline(), allow_nan=False))["results"] == {
        "b": {"$float": "nan"}
    }


def test_a_run_that_let_go_of_what_it_parsed_says_the_same(tmp_path: Path) -> None:
    made = make_run(tmp_path, params={"a": 1}, results={"b": math.nan}, duration=1.0)
    for run in (made, find_runs(tmp_path)[0]):
        told = run.outline()
        run.let_go()
        assert run.outline() == told


def test_a_run_whose_owner_is_gone_is_lost_with_everything_it_tracked(tmp_path: Path) -> None:
    run = make_run(tmp_path, track={"loss": [3.0, 1.0, 2.0]}, status="running", owner=DEAD)
    (run.path / "series" / "results.jsonl").write_text('{"name": "best", "value": 1}\n')
    assert run.status == "lost"
    assert run.duration is None
    assert run.results == {"best": 1}
    assert run.last == {"loss": 2.0}
    assert (run.extreme("min"), run.extreme("max")) == ({"loss": 1.0}, {"loss": 3.0})
    assert [found.status for found in find_runs(tmp_path, status="lost")] == ["lost"]
    assert len(find_runs(tmp_path, status="running")) == 0


def test_only_a_run_whose_owner_is_seen_to_live_is_running(tmp_path: Path) -> None:
    mine = owner_of_this_process()
    here = make_run(tmp_path, 1, status="running", owner=mine)
    elsewhere = {**mine, "host": "elsewhere"}
    silent = {key: value for key, value in elsewhere.items() if key != "beat"}
    there = make_run(tmp_path, 2, status="running", owner=silent)
    nobody = make_run(tmp_path, 3, status="running")
    by_pid = make_run(tmp_path, 4, status="running", pid=mine["pid"], host=mine["host"])
    statuses = [run.status for run in (here, there, nobody, by_pid)]
    assert statuses == ["running", "lost", "lost", "running"]
    assert here.duration is not None
    assert [run.id for run in find_runs(tmp_path, status="running")] == ["run4", "run1"]


def test_a_run_of_another_machine_lives_while_it_gives_signs_of_life(tmp_path: Path) -> None:
    elsewhere = {**owner_of_this_process(), "host": "elsewhere"}
    run = make_run(tmp_path, 1, status="running", owner=elsewhere)
    assert run.status == "running"
    an_hour_ago = time.time() - 3600
    os.utime(run.path / "run.json", (an_hour_ago, an_hour_ago))
    assert run.reload().status == "lost"
    touch_run(run.path)
    assert [found.status for found in find_runs(tmp_path)] == ["running"]


def test_series_artifacts_log_code_and_environment_are_read_on_demand(tmp_path: Path) -> None:
    run = make_run(tmp_path, track={"loss": [0.5, 0.25], "words": ["hello"]})
    for name, content in {
        "output.log": b"start\n10%\r99%\r100%\nend \xff\n",
        "environment.json": b'{"python": "3.11", "git": {"commit": "abc"}}',
        "code/experiments/walk.py": b"def experiment_walk(): ...\n",
        "code/uncommitted.patch": b"diff",
        "artifacts/model.txt": b"weights",
        "plots/loss.png": b"",
        "plots/index.json": b'{"loss": ["loss.png", "gone.png"]}',
        "plots/notices.json": b'["no video"]',
    }.items():
        (run.path / name).parent.mkdir(parents=True, exist_ok=True)
        (run.path / name).write_bytes(content)
    assert run.series["loss"].values.tolist() == [0.5, 0.25]
    assert run.series["words"].last == "hello"
    assert run.log == "start\n100%\nend \ufffd\n"
    assert run.environment == {"python": "3.11", "git": {"commit": "abc"}}
    assert run.code == {"experiments/walk.py": "def experiment_walk(): ...\n"}
    assert run.patch == "diff"
    assert list(run.artifacts) == ["model.txt"]
    assert run.plots == {"loss": (run.path / "plots/loss.png",)}
    assert run.notices == ("no video",)
    with pytest.raises(KeyError, match="did you mean 'loss'"):
        run.series["lose"]


def test_what_is_missing_is_empty_and_what_is_damaged_is_said(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    assert (run.log, run.environment, run.code, run.patch) == ("", {}, {}, "")
    assert (dict(run.artifacts), dict(run.series), run.plots) == ({}, {}, {})
    (run.path / "environment.json").write_text("[")
    with pytest.raises(DamagedArchive) as caught:
        _ = run.reload().environment
    assert str(caught.value) == (
        "environment.json is no strict JSON: Expecting value: line 1 column 2 (char 1)\n"
        f"  at {run.path}"
    )


def test_nothing_outside_the_archive_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    run = make_run(tmp_path)
    for folder in ("code", "artifacts", "plots"):
        (run.path / folder).mkdir()
        (run.path / folder / "link.txt").symlink_to(secret)
        (run.path / folder / "outside").symlink_to(tmp_path)
    (run.path / "output.log").symlink_to(secret)
    names = ["../../../secret.txt", str(secret), "link.txt", "outside/secret.txt", "a\0b"]
    (run.path / "plots/index.json").write_text(json.dumps({"loss": names}))
    with pytest.raises(DamagedArchive, match=r"output\.log cannot be read: a link"):
        _ = run.log
    assert run.code == {}
    assert dict(run.artifacts) == {}
    assert run.plots == {"loss": ()}


def test_a_pickle_is_bytes_and_an_array_of_objects_is_refused(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "exploded"),)

    run = make_run(tmp_path)
    (run.path / "artifacts").mkdir()
    (run.path / "artifacts/bomb.pkl").write_bytes(pickle.dumps(Bomb()))
    (run.path / "artifacts/bomb.npy").write_bytes(_array_of(Bomb()))
    assert isinstance(run.artifacts["bomb.pkl"].load(), bytes)
    with pytest.raises(DamagedArchive, match=r"bomb\.npy"):
        run.artifacts["bomb.npy"].load()
    assert not (tmp_path / "exploded").exists()


def _array_of(value: Any) -> bytes:
    import io

    stream = io.BytesIO()
    np.save(stream, np.array([value], dtype=object), allow_pickle=True)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model.npz", {"w": np.eye(2), "file": np.arange(3)}),
        ("array.npy", np.arange(6).reshape(2, 3)),
        ("picture.png", np.zeros((2, 3, 3), np.uint8)),
        ("values.json", {"a": [1, None, math.inf]}),
        ("values.toml", {"a": 1}),
        ("note.txt", "a text\n"),
        ("blob.bin", b"\x00\x01"),
    ],
)
def test_what_an_analysis_saves_loads_as_it_was(tmp_path: Path, name: str, value: Any) -> None:
    run = make_run(tmp_path)
    artifact = run.save(name, value)
    assert artifact.path.read_bytes() == Path(artifact).read_bytes()
    assert artifact.size == artifact.path.stat().st_size
    loaded = run.artifacts[name].load()
    if isinstance(value, dict) and name.endswith(".npz"):
        assert {key: array.tolist() for key, array in loaded.items()} == {
            key: array.tolist() for key, array in value.items()
        }
    elif isinstance(value, np.ndarray):
        assert np.array_equal(loaded, value)
    else:
        assert loaded == value
    with pytest.raises(KeyError, match=name):
        run.artifacts["x" + name]


def test_text_of_users_is_never_html(tmp_path: Path) -> None:
    run = make_run(tmp_path, params={"<b>": "<script>alert(1)</script>\x1b"}, case="<i>")
    for html in (run._repr_html_(), Runs([run])._repr_html_(), Runs([run]).table()._repr_html_()):
        assert "<script>" not in html
        assert "<i>" not in html
        assert "\x1b" not in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;\\x1b" in html


# Many runs


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """Three runs, newest first: lr 0.4, 0.2 and 0.1, of which the last failed early."""
    tracked = {"loss": [1.0, 0.5]}
    for number, lr in enumerate((0.1, 0.2, 0.4), 1):
        make_run(
            tmp_path,
            number,
            tracked,
            case=f"lr-{lr}",
            status="failed" if lr == 0.1 else "completed",
            params={"lr": lr, "opt": {"name": "adam"}, "status": "mine"},
            results={} if lr == 0.1 else {"accuracy": 1 - lr, "score": math.nan},
            series={"loss": {"kind": "scalar", "count": 2, "last": lr, "min": lr / 2, "max": 1.0}},
            tags=("paper", f"t{number}"),
        )
    return find_runs(tmp_path)


def test_runs_are_a_sequence(runs: Runs) -> None:
    assert [run.params["lr"] for run in runs] == [0.4, 0.2, 0.1]
    assert runs[0].params["lr"] == 0.4
    assert [run.params["lr"] for run in runs[1:]] == [0.2, 0.1]
    assert isinstance(runs[:1], Runs)
    assert len(runs.filter(lambda run: run.params["lr"] > 0.15)) == 2
    assert runs[0] in runs


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({}, [0.4, 0.2, 0.1]),
        ({"k": "lr-0.2 or lr-0.1"}, [0.2, 0.1]),
        ({"k": "WALK and not lr-0.2"}, [0.4, 0.1]),
        ({"k": "walk.py"}, [0.4, 0.2, 0.1]),
        ({"k": "nothing"}, []),
        ({"status": "failed"}, [0.1]),
        ({"status": ["failed", "completed"]}, [0.4, 0.2, 0.1]),
        ({"tag": "t2"}, [0.2]),
        ({"tag": ["paper", "t3"]}, [0.4]),
        ({"tag": ["t1", "t3"]}, []),
        ({"limit": 2}, [0.4, 0.2]),
        ({"since": "2026-11-23T10:15:02+00:00"}, [0.4, 0.2]),
        ({"until": dt.datetime(2026, 11, 23, 10, 15, 2, tzinfo=dt.UTC)}, [0.2, 0.1]),
        ({"since": "2026-11-24"}, []),
    ],
)
def test_runs_are_found_by(
    runs: Runs, tmp_path: Path, selection: Any, expected: list[float]
) -> None:
    assert [run.params["lr"] for run in find_runs(tmp_path, **selection)] == expected


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (
            {"status": "complete"},
            "there is no status 'complete'\n  at --status\n  did you mean 'completed'?",
        ),
        (
            {"since": "whenever"},
            (
                "'whenever' is no moment that expt knows\n  at --since\n  write 2026-11-23, "
                "'2026-11-23 10:15', '2 days ago', 3h, yesterday or 'last tuesday'"
            ),
        ),
    ],
)
def test_a_selection_that_cannot_be_meant_is_refused(
    tmp_path: Path, selection: Any, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        find_runs(tmp_path, **selection)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lr", 0.4),
        ("params.lr", 0.4),
        ("opt.name", "adam"),
        ("status", "completed"),
        ("params.status", "mine"),
        ("accuracy", 0.6),
        ("results.accuracy", 0.6),
        ("last.loss", 0.4),
        ("loss", 0.4),
        ("min.loss", 0.2),
        ("case", "lr-0.4"),
    ],
)
def test_a_name_reaches_a_value_of_a_run(runs: Runs, name: str, value: Any) -> None:
    assert field_value(runs[0], name) == value


def test_tables_have_a_row_for_each_run(runs: Runs) -> None:
    table = runs.table(["id", "lr", "results.accuracy", "min.loss"])
    assert list(table) == [
        {"id": "run3", "lr": 0.4, "results.accuracy": 0.6, "min.loss": 0.2},
        {"id": "run2", "lr": 0.2, "results.accuracy": 0.8, "min.loss": 0.1},
        {"id": "run1", "lr": 0.1, "min.loss": 0.05},
    ]
    assert table["lr"] == [0.4, 0.2, 0.1]
    assert repr(table) == (
        "id    lr   results.accuracy  min.loss\n"
        "run3  0.4  0.6               0.2\n"
        "run2  0.2  0.8               0.1\n"
        "run1  0.1                    0.05"
    )
    assert table.to_csv() == (
        "id,lr,results.accuracy,min.loss\nrun3,0.4,0.6,0.2\nrun2,0.2,0.8,0.1\nrun1,0.1,,0.05\n"
    )
    assert runs.table().columns == (
        "id", "experiment", "case", "status", "started", "duration",
        "params.lr", "params.opt.name", "params.status", "results.accuracy", "results.score",
    )  # fmt: skip


def test_a_column_that_no_run_has_is_refused_with_the_closest(runs: Runs) -> None:
    with pytest.raises(UsageError) as caught:
        runs.table(["acuracy"])
    assert str(caught.value) == ("no run has a value 'acuracy'\n  did you mean 'results.accuracy'?")


def test_comparisons_show_what_differs(runs: Runs) -> None:
    table = runs[:2].compare()
    assert [row["name"] for row in table] == [
        "case", "params.lr", "results.accuracy", "last.loss"
    ]  # fmt: skip
    assert table[1] == {"name": "params.lr", "run3": 0.4, "run2": 0.2}
    everything = [row["name"] for row in runs[:2].compare(every=True)]
    assert {"params.opt.name", "results.score", "experiment"} <= set(everything)


def test_the_best_is_by_result_then_by_the_last_of_a_series(runs: Runs) -> None:
    assert runs.best("accuracy", max).params["lr"] == 0.2
    assert runs.best("loss", min).params["lr"] == 0.1
    assert runs.best("loss").params["lr"] == 0.1
    assert runs.best("max.loss", max) in runs
    with pytest.raises(UsageError, match="no run has a value 'score'"):
        runs.best("score")


def test_figures_of_one_run_and_of_several(tmp_path: Path) -> None:
    image = np.zeros((4, 5), np.uint8)
    tracked = {
        "loss": [1.0, 0.5],
        "image": [image, image],
        "array": [np.eye(3)],
        "words": ["a", "b"],
        "scores": [{"acc": 0.5, "f1": 0.1}],
    }
    runs = Runs(make_run(tmp_path, number, tracked) for number in (1, 2))
    for name in tracked:
        assert runs[0].plot(name).axes or runs[0].plot(name).texts
    assert runs[0].plot("scores/acc").axes
    assert runs.plot("loss").axes
    with pytest.raises(KeyError, match="no run has a scalar series 'words'"):
        runs.plot("words")
    with pytest.raises(KeyError, match="did you mean 'loss'"):
        runs[0].plot("los")


def test_pandas_is_asked_for_with_the_line_that_installs_it(runs: Runs, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(UsageError) as caught:
        runs.to_pandas()
    assert str(caught.value) == (
        "to_pandas needs pandas, which is not installed\n  pip install pandas"
    )


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The local clock is Berlin's, with its summer time."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        ("2026-07-01", "2026-11-26T12:00", "2026-07-01T00:00:00+02:00"),
        ("2026-07-01 08:00", "2026-11-26T12:00", "2026-07-01T08:00:00+02:00"),
        ("2026-01-01", "2026-07-01T12:00", "2026-01-01T00:00:00+01:00"),
        ("yesterday", "2026-10-26T12:00", "2026-10-25T00:00:00+02:00"),
        ("last sunday", "2026-03-30T12:00", "2026-03-29T00:00:00+01:00"),
        ("today", "2026-10-25T12:00", "2026-10-25T00:00:00+02:00"),
    ],
)
def test_a_day_begins_by_the_local_clock_of_that_day(
    text: str, now: str, expected: str, in_berlin: None
) -> None:
    """case: since-across-dst; siblings: yesterday, a weekday and today over the change."""
    moment = parse_moment(text, "--since", dt.datetime.fromisoformat(now).astimezone())
    assert moment.isoformat() == expected


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31T23:59:59-23:00", "0001-01-01T00:00Z"])
@pytest.mark.parametrize("option", ["since", "until"])
def test_a_date_beyond_what_clocks_count_is_no_moment(
    tmp_path: Path, text: str, option: str, in_berlin: None
) -> None:
    """case: since-overflow"""
    with pytest.raises(UsageError, match="is no moment that expt knows"):
        find_runs(tmp_path, **{option: text})


def test_a_datetime_beyond_what_clocks_count_is_refused(tmp_path: Path) -> None:
    """case: since-overflow, sibling: a moment that was not typed but given."""
    zone = dt.timezone(dt.timedelta(hours=23))
    with pytest.raises(UsageError, match="is too far from here"):
        find_runs(tmp_path, since=dt.datetime(1, 1, 1, tzinfo=zone))


NOW = dt.datetime(2026, 11, 25, 12, 30, tzinfo=dt.timezone(dt.timedelta(hours=1)))  # a Wednesday


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-11-25T12:30:00+01:00"),
        ("today", "2026-11-25T00:00:00+01:00"),
        ("Yesterday", "2026-11-24T00:00:00+01:00"),
        ("last tuesday", "2026-11-24T00:00:00+01:00"),
        ("wednesday", "2026-11-18T00:00:00+01:00"),
        ("2 days ago", "2026-11-23T12:30:00+01:00"),
        ("an hour ago", "2026-11-25T11:30:00+01:00"),
        ("1.5h", "2026-11-25T11:00:00+01:00"),
        ("30m", "2026-11-25T12:00:00+01:00"),
        ("90 s", "2026-11-25T12:28:30+01:00"),
        ("last week", "2026-11-18T12:30:00+01:00"),
        ("2026-11-23", "2026-11-23T00:00:00+01:00"),
        ("2026-11-23 10:15", "2026-11-23T10:15:00+01:00"),
        ("2026-11-23T10:15:00Z", "2026-11-23T10:15:00+00:00"),
    ],
)
def test_moments_as_people_type_them(text: str, expected: str, in_berlin: None) -> None:
    assert parse_moment(text, "--since", NOW).isoformat() == expected


@pytest.mark.parametrize("text", ["", "tomorrow-ish", "9" * 40 + " days ago", "2026-13-01", "\x1b"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_moment(text, "--since", NOW)


def test_a_record_written_back_reads_the_same(tmp_path: Path) -> None:
    run = make_run(tmp_path, params={"a": 1})
    write_record(run.path, attrs.evolve(run.record, note="later"))
    assert run.note is None
    assert run.reload().note == "later"
    assert read_record(run.path).note == "later"
