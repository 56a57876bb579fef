"""An archive is claimed by one run, written whole, and read back as it was."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import json
import math
import os
import re
import shutil
import time
import tomllib
from pathlib import Path

import attrs
import pytest
from warm_start import WarmProcess, run_warm

from expt.archive.kept_code import keep_code
from expt.archive.manifest import Content
from expt.archive.owner import owner_is_alive, owner_of_this_process
from expt.archive.params_toml import write_params_toml
from expt.archive.record import (
    LARGEST_RECORD,
    RecordEncoder,
    read_record,
    record_from_json,
    record_to_bytes,
    record_to_json,
)
from expt.archive.writer import Archive, run_folder, write_record
from expt.ground.errors import DamagedArchive, ExptError, NewerArchive
from expt.ground.files import sync_archive, write_atomically
from expt.ground.model import ErrorInfo, Experiment, Opaque, Origin, RunRecord
from expt.testing.sandbox import end_now

NOW = dt.datetime(2026, 11, 23, 10, 15, 30, tzinfo=dt.UTC)


@pytest.fixture
def archive(tmp_path):
    return Archive.claim(tmp_path / "runs", "vision/mnist/experiment_train", NOW)


def make_record(**fields) -> RunRecord:
    return RunRecord(
        **{
            "id": "abcdefghij",
            "experiment": "experiments/a.py::experiment_a",
            "case": None,
            "description": "",
            "status": "running",
            "started": NOW.isoformat(),
            **fields,
        }
    )


FULL = make_record(
    case="lr-0.1",
    description="Train “it”.",
    status="failed",
    finished="2026-11-23T10:16:30+00:00",
    duration=60.5,
    params={"lr": 0.1, "odd": float("nan"), "path": Path("a/b"), "$x": {1: 2}, "lone": "\ud800"},
    origins={"lr": (Origin("-p", "-p lr=0.1", 0.1), Origin("default", "a.py:3", -math.inf))},
    results={"accuracy": 0.9, "day": dt.date(2026, 1, 2)},
    series={"$loss": {"kind": "scalar", "count": 3, "last": math.inf, "min": 0, "max": math.inf}},
    inputs={"data": {"size": 3, "time": 1.5, "hash": "ab"}},
    sources={"experiments/a.py": ("experiments.a", "00ff")},
    error=ErrorInfo("ValueError", "no", "Traceback …"),
    lineage={"extends": [], "rerun_of": None, "session": "s", "sweep": None, "fingerprint": "f"},
    tags=("one", "two"),
    note="a note",
    smoke=True,
    command=("expt", "-p", "lr=0.1"),
    cwd="/somewhere",
    host="here",
    pid=12,
    notices=("careful",),
    owner={"pid": 12},
)


# Claiming


@pytest.mark.parametrize(
    ("node_id", "paths", "folder"),
    [
        ("experiments/vision/mnist.py::experiment_a", ["experiments"], "vision/mnist/experiment_a"),
        ("experiments/vision/big::experiment_a", ["experiments"], "vision/big/experiment_a"),
        ("experiments::experiment_a", ["experiments"], "experiment_a"),
        ("first.py::experiment_a", ["experiments"], "first/experiment_a"),
        ("experiments.py::experiment_a", ["experiments"], "experiment_a"),
        ("experiments2/a.py::experiment_a", ["experiments"], "experiments2/a/experiment_a"),
        ("src/exp/a.py::experiment_a", ["src", "src/exp/", "./src"], "a/experiment_a"),
        ("other/a.py::experiment_a", [], "other/a/experiment_a"),
        ("a/exp/x.py::experiment_a", ["a/exp", "b/exp"], "a/x/experiment_a"),
        ("b/exp/x.py::experiment_a", ["a/exp", "b/exp"], "b/x/experiment_a"),
        ("a/x.py/::experiment_a", ["a"], "x.py/experiment_a"),
        ("a.py::" + "e" * 143, [], "a/" + "e" * 143),
        ("a.py::" + "e" * 144, [], "a/" + "e" * 132 + "~b4d2a0adec"),
        ("a.py::" + "é" * 100, [], "a/" + "é" * 66 + "~f42ec48e1e"),
        ("a/x.py::experiment_a", ["a", "b"], "a/x/experiment_a"),
    ],
)
def test_the_folder_of_an_experiment(node_id, paths, folder):
    experiment = Experiment(node_id, "a.py", "experiment_a", 1)
    assert run_folder(experiment, paths) == folder


def test_a_claimed_folder_is_named_by_time_and_id(archive, tmp_path):
    assert re.fullmatch(r"[a-z2-7]{10}", archive.id)
    parent = tmp_path / "runs" / "vision" / "mnist" / "experiment_train"
    assert archive.path == parent / f"2026-11-23_10-15-30_{archive.id}"
    assert list(archive.path.iterdir()) == []


def claim_many(runs: Path, count: int) -> list[str]:
    return [str(Archive.claim(runs, "a/experiment_a", NOW).path) for _ in range(count)]


def test_processes_that_claim_at_once_get_a_folder_each(tmp_path):
    """The clock stands still, and the folders above are missing at first."""
    runs = tmp_path / "deep" / "runs"
    children = []
    for _ in range(12):
        child = os.fork()
        if not child:
            code = 1
            try:
                claim_many(runs, 1)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 12
    assert len(list((runs / "a" / "experiment_a").iterdir())) == 12


def scratch(
    root: Path, label: str | None = None, experiment: str = "a.py::experiment_a"
) -> Archive:
    return Archive.claim_scratch(root, "a/experiment_a", label, experiment)


def test_a_scratch_folder_is_emptied_and_used_again_when_its_run_is_over(tmp_path):
    first = scratch(tmp_path)
    first.write_record(make_record(status="completed"))
    second = scratch(tmp_path)
    assert first.path == second.path == tmp_path / "a" / "experiment_a"
    assert [place.name for place in second.path.iterdir()] == [".owner.json"]
    assert [place.name for place in (tmp_path / "a").iterdir()] == ["experiment_a"]
    assert first.id != second.id


def test_a_scratch_folder_of_a_living_run_is_left_alone(tmp_path):
    """case: scratch-mixed. Also before the run has written its first record."""
    first, second = scratch(tmp_path), scratch(tmp_path)
    first.write_record(make_record(status="running"))
    third = scratch(tmp_path)
    names = [archive.path.name for archive in (first, second, third)]
    assert names == ["experiment_a", "experiment_a~2", "experiment_a~3"]


def test_cases_and_experiments_of_one_name_never_share_a_scratch_folder(tmp_path):
    """case: scratch-collides-across-paths. Dead or alive; a label may not lead out either."""
    places = [
        scratch(tmp_path, "lr-1"),
        scratch(tmp_path, "lr-2"),
        scratch(tmp_path, "lr-1", "b.py::experiment_a"),
        scratch(tmp_path, ".."),
        scratch(tmp_path, "x" * 1000),
        scratch(tmp_path, "x" * 1001),
        scratch(tmp_path, None, "c.py::experiment_a"),
    ]
    for archive in places:
        archive.write_record(make_record(status="completed"))
    assert len({archive.path for archive in places}) == len(places)
    assert all(archive.path.is_relative_to(tmp_path / "a") for archive in places)
    assert places[0].path == tmp_path / "a/experiment_a/lr-1"
    assert scratch(tmp_path, "lr-1").path == places[0].path


def test_a_scratch_sweep_and_a_scratch_run_take_each_others_place(tmp_path):
    """No archive within an archive: a reader would not find it."""
    first = scratch(tmp_path)
    first.write_record(make_record(status="completed"))
    swept = scratch(tmp_path, "lr-1")
    assert swept.path == first.path / "lr-1"
    assert not (first.path / "run.json").exists()
    assert scratch(tmp_path).path == tmp_path / "a" / "experiment_a~2"  # lr-1 goes on
    swept.write_record(make_record(status="completed"))
    assert scratch(tmp_path).path == first.path


def claim_and_stay(root: Path, done: int, go: int, end: int) -> None:
    os.read(go, 1)
    os.write(done, f"{scratch(root).path.name}\n".encode())
    os.read(end, 1)


def test_processes_that_claim_a_scratch_folder_at_once_get_a_folder_each(tmp_path):
    """case: scratch-mixed"""
    (go, start), (end, stop), (read, done) = os.pipe(), os.pipe(), os.pipe()
    children = []
    for _ in range(10):
        child = os.fork()
        if not child:
            os.close(start)
            os.close(stop)
            with contextlib.suppress(BaseException):
                claim_and_stay(tmp_path, done, go, end)
            os._exit(0)
        children.append(child)
    os.close(done)
    os.close(start)
    with os.fdopen(read) as lines:
        names = [lines.readline() for _ in children]
    os.close(stop)
    for child in children:
        os.waitpid(child, 0)
    assert len(set(names)) == 10


@pytest.mark.parametrize("way", ["link", "file"])
@pytest.mark.parametrize("kind", ["run", "scratch"])
def test_what_is_in_the_way_of_an_archive_is_named_and_not_tried_for_ever(tmp_path, way, kind):
    """case: claim-spin"""
    if way == "link":
        (tmp_path / "a").symlink_to("/gone/disk")
    else:
        (tmp_path / "a").write_text("a file")
    with pytest.raises(ExptError) as caught:
        if kind == "run":
            Archive.claim(tmp_path, "a/experiment_a", NOW)
        else:
            scratch(tmp_path)
    told = "Not a directory" if (way, kind) == ("file", "run") else "File exists"
    assert str(caught.value) == (
        f"no archive can be made: {told}\n  at {tmp_path}/a\n"
        "  '--runs DIR' puts the archives elsewhere"
    )


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(ExptError) as caught:
        Archive.claim(tmp_path / "runs", "a", NOW)
    assert str(caught.value) == (
        f"no archive can be made: Not a directory\n  at {tmp_path}/runs\n"
        "  '--runs DIR' puts the archives elsewhere"
    )


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_read_only_root_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ExptError, match="Permission denied"):
        Archive.claim(tmp_path, "a", NOW)


# Files


def test_permissions_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        archive = Archive.claim(tmp_path, "a", NOW)
        archive.write_record(make_record())
        archive.save("x.txt", "x")
        archive.write_code(keep_code({"a.py": b""}))
    finally:
        os.umask(before)
    modes = {place.name: place.stat().st_mode & 0o777 for place in archive.path.rglob("*")}
    assert modes == {
        "run.json": 0o640,
        "artifacts": 0o750,
        "x.txt": 0o640,
        "code": 0o750,
        "a.py": 0o640,
    }


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path):
    """A process is killed in the middle of endless replacements, again and again."""
    place = tmp_path / "file"
    script = (
        "import sys\nfrom pathlib import Path\nfrom expt.ground.files import write_atomically\n"
        "while True:\n    for byte in (b'a', b'b'):\n"
        f"        write_atomically(Path({str(place)!r}), byte * 300_000)\n"
    )
    for _ in range(3):
        place.unlink(missing_ok=True)
        writer = WarmProcess(["-c", script], str(tmp_path), {**os.environ}, python=True)
        try:
            while not place.exists():
                time.sleep(0.001)
            time.sleep(0.02)
        finally:
            end_now(writer)
        assert place.read_bytes() in (b"a" * 300_000, b"b" * 300_000)


def test_a_failed_write_leaves_the_old_file_and_names_it(tmp_path):
    place = tmp_path / "file"
    place.write_bytes(b"old")
    script = (
        "import resource, signal\nfrom pathlib import Path\n"
        "from expt.ground.files import write_atomically\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        f"try:\n    write_atomically(Path({str(place)!r}), b'x' * 5000)\n"
        "except OSError as error:\n    print(error)\n"
    )
    told = run_warm(["-c", script], tmp_path, {**os.environ}, python=True)
    assert told.stdout == f"[Errno {errno.EFBIG}] File too large: '{place}'\n"
    assert place.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [place]


def test_a_deleted_archive_is_a_clean_error(archive):
    shutil.rmtree(archive.path)
    with pytest.raises(FileNotFoundError) as caught:
        archive.write_record(make_record())
    assert caught.value.filename == str(archive.path / "run.json")


def test_writing_atomically_from_many_threads(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    contents = [bytes([number]) * 1000 for number in range(50)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda data: write_atomically(tmp_path / "file", data), contents))
    assert (tmp_path / "file").read_bytes() in contents
    assert len(list(tmp_path.iterdir())) == 1


def name_of(descriptor):
    return Path(os.readlink(f"/proc/self/fd/{descriptor}")).name


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads /proc")
def test_syncing_an_archive_whatever_becomes_of_it(archive, monkeypatch):
    archive.write_record(make_record())
    archive.save("a/b.txt", "x")
    synced = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(name_of(file)), sync(file)))
    sync_archive(archive.path)
    assert {"run.json", "b.txt"} <= set(synced)
    synced.clear()
    sync_archive(archive.path, since=time.time() + 9)
    assert "b.txt" not in synced
    shutil.rmtree(archive.path)
    sync_archive(archive.path)


# The code


def test_a_patch_and_analyses_are_written_where_there_are_any(archive):
    archive.write_patch(Content.of(b""))
    archive.write_analyses([])
    assert list(archive.path.iterdir()) == []
    archive.write_patch(Content.of(b"# ***"))
    archive.write_analyses([{"name": "analysis_a", "source": "…"}])
    assert (archive.path / "code/uncommitted.patch").read_bytes() == b"# ***"
    assert json.loads((archive.path / "code/analyses.json").read_bytes())[0]["source"] == "…"


def test_the_environment_is_written_as_it_is_given(archive):
    archive.write_environment({"git": None, "x": math.inf})
    place = archive.path / "environment.json"
    assert json.loads(place.read_bytes()) == {"git": None, "x": {"$float": "inf"}}
    archive.write_environment(Content.of(b"{}"))
    assert place.read_bytes() == b"{}"


# run.json


def test_the_keys_of_a_record_stand_in_the_order_of_the_contract():
    assert list(record_to_json(FULL)) == [
        *("format", "id", "experiment", "case", "description", "status", "started", "finished"),
        *("duration", "setup", "params", "origins", "results", "series", "inputs", "sources"),
        *(
            "error",
            "lineage",
            "usage",
            "tags",
            "note",
            "smoke",
            "command",
            "cwd",
            "host",
            "pid",
            "notices",
            "owner",
        ),
    ]


@pytest.mark.parametrize("record", [FULL, make_record()])
def test_a_record_is_read_as_it_was_written(tmp_path, record):
    write_record(tmp_path, record)
    text = (tmp_path / "run.json").read_text("ascii")
    assert "NaN" not in text and "Infinity" not in text
    read = read_record(tmp_path)
    assert repr(read) == repr(record)  # repr, since nan is no nan
    assert isinstance(read.tags, tuple) and isinstance(read.origins.get("lr", ()), tuple)


def test_records_one_after_the_other_are_what_each_is_alone():
    encode = RecordEncoder().encode
    records = [
        make_record(),
        make_record(params={"x": [1, 2]}, tags=("a",), case="x=1"),
        attrs.evolve(FULL, id="bbbbbbbbbb"),
        attrs.evolve(FULL, status="failed", results={"loss": math.nan}, made={}),
        attrs.evolve(FULL, owner={**FULL.owner, "pid": 2}, sources={}, note=None),
        FULL,
        make_record(),
    ]
    for record in records:
        fresh = record_to_bytes(record)
        assert encode(record) == encode(attrs.evolve(record)) == fresh


def test_a_record_says_what_a_run_was_given_whatever_it_made_of_that():
    encode = RecordEncoder().encode
    record = make_record(params={"layers": [64, 64]})
    encode(record)
    record.params["layers"].append(8)
    ended = json.loads(encode(attrs.evolve(record, status="completed")))
    assert (ended["status"], ended["params"]) == ("completed", {"layers": [64, 64]})


def test_a_value_that_json_cannot_hold_does_not_keep_a_record_from_being_written(tmp_path):
    record = make_record(
        params={"a": Opaque("<lock>"), "b": [Opaque("x")], "c": 1}, results={"d": 1j, "e": 2}
    )
    write_record(tmp_path, record)
    read = read_record(tmp_path)
    assert read.params == {"a": "<lock>", "b": ["x"], "c": 1}
    assert read.results == {"d": "1j", "e": 2}


def test_beside_a_value_that_json_cannot_hold_the_others_are_what_they_were(tmp_path):
    values = {"a": 1j, "b": 2, "c": Opaque("<lock>"), "d": [Opaque("x")], "e": 10**5000}
    write_record(tmp_path, make_record(params=values))
    params = read_record(tmp_path).params
    assert params == {"a": "1j", "b": 2, "c": "<lock>", "d": ["x"], "e": params["e"]}
    assert isinstance(params["e"], str)


def test_a_record_of_absurd_size_is_not_read(tmp_path):
    with (tmp_path / "run.json").open("wb") as file:
        file.truncate(LARGEST_RECORD + 1)
    with pytest.raises(DamagedArchive, match=r"run\.json cannot be read: "):
        read_record(tmp_path)


def test_unknown_keys_are_passed_over_and_missing_ones_have_their_default():
    data = {
        "format": 1,
        "id": "a",
        "experiment": "e",
        "status": "completed",
        "started": "2026-11-23",
        "from_the_future": 3,
    }
    assert record_from_json(data) == make_record(
        id="a", experiment="e", status="completed", started="2026-11-23"
    )


def test_a_newer_format_is_named():
    with pytest.raises(NewerArchive) as caught:
        record_from_json({"format": 2, "anything": None}, "runs/a/run.json")
    assert str(caught.value) == (
        "the archive has format 2, this expt reads up to 1\n  at runs/a/run.json\n"
        "  a newer expt reads it: pip install --upgrade expt-runner"
    )


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "the archive has no run.json"),
        (b"", "run.json is empty"),
        (b"\0" * 400, "run.json is empty"),
        (
            b'{"format": 1',
            "run.json is not JSON: Expecting ',' delimiter: line 1 column 13 (char 12)",
        ),
        (b"[1]", "run.json holds no JSON object"),
        (b"{}", "run.json names no format"),
        (b'{"format": true}', "run.json names no format"),
        (b'{"format": 1}', "run.json has no 'id'"),
        (b'{"format": 1, "id": NaN}', "run.json is not JSON: NaN is not strict JSON"),
        ({"status": "lovely"}, "run.json has an impossible value for 'status'"),
        ({"params": [1]}, "run.json has an impossible value for 'params'"),
        ({"params": {"$dict": [[1, 2]]}}, "run.json has an impossible value for 'params'"),
        ({"params": {"$dict": 3}}, None),
        ({"params": {"x": {"$dict": [[{}, 2]]}}}, "run.json has an impossible value for 'params'"),
        ({"origins": {"a": 3}}, "run.json has an impossible value for 'origins'"),
        ({"origins": {"a": [{}]}}, "run.json has an impossible value for 'origins'"),
        ({"series": {"a": 3}}, "run.json has an impossible value for 'series'"),
        ({"sources": {"a": "bc"}}, "run.json has an impossible value for 'sources'"),
        ({"sources": {"a": [1, 2]}}, "run.json has an impossible value for 'sources'"),
        ({"error": "x"}, "run.json has an impossible value for 'error'"),
        ({"tags": "abc"}, "run.json has an impossible value for 'tags'"),
        ({"pid": "1"}, "run.json has an impossible value for 'pid'"),
        ({"duration": "1"}, "run.json has an impossible value for 'duration'"),
        ({"id": None}, "run.json has an impossible value for 'id'"),
        ({"format": 0}, "run.json names no format"),
        (
            {"series": {"x": {"kind": "scalar", "count": 1, "last": 1, "min": "low", "max": 2}}},
            "run.json has an impossible value for 'series'",
        ),
        (
            {"started": "0001-01-02T12:00:00+23:59"},
            "run.json has an impossible value for 'started'",
        ),
    ],
)
def test_what_is_wrong_with_a_damaged_record_is_told(tmp_path, content, what):
    if isinstance(content, dict):
        content = json.dumps(record_to_json(make_record()) | content).encode()
    if content is not None:
        (tmp_path / "run.json").write_bytes(content)
    if what is None:
        read_record(tmp_path)
        return
    with pytest.raises(DamagedArchive) as caught:
        read_record(tmp_path)
    assert caught.value.what == what
    assert caught.value.at == str(tmp_path if content is None else tmp_path / "run.json")


def test_a_record_nested_too_deep_is_damaged(tmp_path):
    deep = b"[" * 100_000 + b"]" * 100_000
    text = json.dumps(record_to_json(make_record())).encode()
    (tmp_path / "run.json").write_bytes(text.replace(b'"results": {}', b'"results": ' + deep))
    with pytest.raises(DamagedArchive, match=r"run\.json is not JSON"):
        read_record(tmp_path)


def make_fifo(place: Path) -> None:
    os.mkfifo(place)


def make_link(place: Path) -> None:
    other = place.with_name("other.json")
    other.write_bytes(json.dumps(record_to_json(make_record())).encode())
    place.symlink_to(other)


@pytest.mark.parametrize("make", [make_fifo, Path.mkdir, make_link])
def test_a_record_that_is_no_plain_file_is_damaged(tmp_path, make):
    make(tmp_path / "run.json")
    with pytest.raises(DamagedArchive, match=r"run\.json cannot be read: "):
        read_record(tmp_path)


# params.toml


def test_parameters_come_back_from_params_toml():
    params = {
        "lr": 0.001,
        "tiny": 1e-300,
        "seed": 2**70,
        "flag": True,
        "nothing_odd": [1, 2.5, "x", [True]],
        "empty": [],
        "text": 'quotes " and \\ and \n and \x7f and é and 😀 and \t',
        "inf": math.inf,
        "when": dt.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=dt.UTC),
        "day": dt.date(2026, 1, 2),
        "at": dt.time(1, 2, 3),
        "optimizer": {"name": "adam", "deep": {"x y": 1}, "none": {}},
        "rows": [{"a": 1}, {"a": 2}],
        "odd name": 1,
    }
    text = write_params_toml(params)
    assert tomllib.loads(text) == params
    assert "#" not in text


def test_what_toml_cannot_say_is_left_out_with_a_comment():
    params = {
        "a": None,
        "b": [1, None],
        "c": {"d": None, "e": 1},
        "f": "\ud800",
        "g": Opaque("<lock>\nevil = 1"),
        "h": {1: 2},
        "expt": 3,
        "line\nevil": None,
        "z": 2,
    }
    text = write_params_toml(params)
    assert tomllib.loads(text) == {"c": {"e": 1}, "z": 2}
    assert text.splitlines()[:8] == [
        "# a = null: TOML has no null",
        "# b = [1, None]: TOML has no null",
        "# c.d = null: TOML has no null",
        "# f = \\ud800: TOML has no lone surrogates",
        "# g = <lock>\\nevil = 1: it was no plain value",
        "# h = {1: 2}: TOML has no keys but text",
        "# expt = 3: the name is reserved in this file",
        "# line\\nevil = null: TOML has no null",
    ]


@pytest.mark.parametrize("text", ["${HOME}", "$${HOME}", "a${B:-c}d", "$", "${", "$$$${x}"])
def test_a_text_in_params_toml_is_not_read_from_the_environment(text):
    said = tomllib.loads(write_params_toml({"x": text, "y": [text], "z": {"x": text}}))
    assert re.sub(r"\$\$\{", "${", said["x"]) == text
    assert re.search(r"(?<!\$)\$\{", said["x"]) is None
    assert said["y"] == [said["x"]] and said["z"] == {"x": said["x"]}


def test_paths_are_texts_in_params_toml(archive):
    archive.write_params({"data": Path("a/b.csv")})
    assert (archive.path / "params.toml").read_text() == 'data = "a/b.csv"\n'


# Owners


def test_this_process_lives():
    owner = json.loads(json.dumps(owner_of_this_process()))
    assert owner_is_alive(owner) is True


def test_a_process_that_ended_does_not_live():
    told, tells = os.pipe()
    ended, end = os.pipe()
    child = os.fork()
    if not child:
        os.close(end)
        os.write(tells, json.dumps(owner_of_this_process()).encode())
        os.read(ended, 1)
        os._exit(0)
    owner = json.loads(os.read(told, 4096))
    assert owner_is_alive(owner) is True
    os.close(end)
    os.waitpid(child, 0)
    assert owner_is_alive(owner) is False
    for number in (told, tells, ended):
        os.close(number)


def test_a_process_that_nobody_waited_for_does_not_live():
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, json.dumps(owner_of_this_process()).encode())
        os._exit(0)
    owner = json.loads(os.read(read, 4096))
    deadline = time.monotonic() + 5
    while owner_is_alive(owner) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert owner_is_alive(owner) is False
    os.waitpid(child, 0)
    os.close(read)
    os.close(write)


@pytest.mark.parametrize(
    ("change", "alive"),
    [
        ({"started": "1"}, False),  # the number was given to another process
        ({"boot": "another"}, False),
        ({"host": "another"}, None),
        ({"namespace": "pid:[1]"}, None),  # another container
        ({"pid": 0}, None),
        ({"pid": "1"}, None),
        ({"pid": None}, None),
        ({"pid": 2**31 - 1}, False),
    ],
)
def test_a_changed_owner_is_another_process(change, alive):
    assert owner_is_alive(owner_of_this_process() | change) is alive


def test_an_owner_of_nothing_is_unknown():
    assert owner_is_alive({}) is None


# From start to end


def test_the_status_is_running_until_the_terminal_record_is_there(archive):
    archive.write_environment({})
    archive.write_params({"lr": 0.1})
    archive.write_code(keep_code({"a.py": b""}))
    record = make_record(id=archive.id, params={"lr": 0.1})
    archive.write_record(record)
    assert read_record(archive.path).status == "running"
    archive.write_record(attrs.evolve(record, status="completed", duration=1.0))
    assert read_record(archive.path) == attrs.evolve(record, status="completed", duration=1.0)
    assert sorted(place.name for place in archive.path.iterdir()) == [
        "code",
        "environment.json",
        "params.toml",
        "run.json",
    ]
