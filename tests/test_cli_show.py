"""`expt show`: the screens, the machine forms, and what is refused."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
import os
import re
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from warm_start import WarmProcess, run_on_terminal

from expt.archive.owner import owner_of_this_process
from expt.archive.writer import write_record
from expt.cli.show import main
from expt.ground.errors import NoSuchRun, UsageError
from expt.ground.layout import RUN_FILE
from expt.ground.model import ErrorInfo, Origin, RunRecord
from expt.ground.screen import cells
from expt.tracking.recorder import open_recorder

if TYPE_CHECKING:
    from pathlib import Path

NASTY = "[red]x[/nope]\x1b[31m\n<b>"


def make_run(
    root: Path, number: int, track: dict[str, list[Any]] | None = None, **fields: Any
) -> Path:
    path = root / f"walk/experiment_walk/2026-11-23_10-15-30_run{number}aaaaaa"
    path.mkdir(parents=True)
    values: dict[str, Any] = {"status": "completed", "case": f"lr-0.{number}", **fields}
    record = RunRecord(
        id=f"run{number}aaaaaa",
        experiment=values.pop("experiment", "experiments/walk.py::experiment_walk"),
        description=values.pop("description", "Walk about."),
        started=values.pop("started", f"2026-11-23T10:15:{number:02}.000000+00:00"),
        **values,
    )
    if track is not None:
        recorder = open_recorder(path / "series", label=record.id)
        for name, entries in track.items():
            for value in entries:
                recorder.track(name, value)
        recorder.close()
    write_record(path, record)
    return path


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive root below the working directory, with three runs of two outcomes."""
    monkeypatch.chdir(tmp_path)
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "runs"
    make_run(
        root,
        1,
        status="failed",
        duration=0.25,
        params={"lr": 0.1, "steps": 10},
        error=ErrorInfo("ValueError", "no more [red]steps", "Traceback …\nValueError: no more"),
    )
    for number in (2, 3):
        make_run(
            root,
            number,
            duration=float(number),
            params={"lr": number / 10, "steps": 10},
            results={"distance": 1.5 * number},
            series={"x": {"kind": "scalar", "count": 2, "last": number, "min": 0, "max": 9}},
            tags=("paper",),
        )
    return root


def stripped(text: str) -> str:
    """Without colours and links."""
    return re.sub(r"\x1b\[[\d;]*m|\x1b\]8;[^\x1b]*\x1b\\", "", text)


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What `expt show` prints, with the ages, which move, written as `?`."""
    assert main(list(words)) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return re.sub(r" +(\d+[smhdwy]|now)(?= )", "  ?", captured.out)


def words_of(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_the_list_is_a_table_an_experiment_and_says_once_what_is_the_same(runs, capsys) -> None:
    make_run(runs, 4, experiment="experiments/run.py::experiment_run", params={"n": 1})
    assert words_of(shown(capsys)) == [
        ["experiments/run.py::experiment_run", "1", "run", "·", "2026-11-23"],
        ["id", "took", "age"],
        ["run4", "2026-11-23"],
        [],
        ["experiments/walk.py::experiment_walk", "3", "runs", "·", "2026-11-23"],
        ["id", "lr", "status", "distance", "took", "age", "error"],
        ["run3", "0.3", "completed", "4.5", "3.0s", "2026-11-23"],
        ["run2", "0.2", "completed", "3", "2.0s", "2026-11-23"],
        ["run1", "0.1", "failed", "250ms", "2026-11-23", "ValueError:", "no", "more",
         "[red]steps"],
        ["the", "same", "in", "all:", "steps=10"],
    ]  # fmt: skip
    flat = words_of(shown(capsys, "--flat"))
    assert flat[0][:5] == ["id", "experiment", "n", "lr", "steps"]
    assert len(flat) == 5


def test_a_run_of_today_has_an_age_and_a_sorted_column_an_arrow(runs: Path, capsys) -> None:
    now = f"{dt.datetime.now(dt.UTC) - dt.timedelta(minutes=3):%Y-%m-%dT%H:%M:%S}.000000+00:00"
    for number in (4, 5):
        make_run(runs, number, experiment="a.py::experiment_a", started=now, params={"lr": number})
    out = words_of(shown(capsys, "-k", "experiment_a", "--sort", "lr", "--reverse"))
    assert out[0] == ["a.py::experiment_a", "2", "runs", "·", "?", "ago"]
    assert out[1] == ["id", "lr", "↓", "took", "age"]
    assert [row[0] for row in out[2:]] == ["run5", "run4"]


@pytest.mark.parametrize("columns", [20, 60, 80, 100, 160])
def test_the_list_fits_the_width_and_keeps_ids(
    runs: Path, capsys, monkeypatch, columns: int
) -> None:
    make_run(runs, 4, params={"x": "x" * 300, "lr": 7.0}, results={"数" * 50: 1}, duration=1.0)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("FORCE_COLOR", "1")
    lines = stripped(shown(capsys)).splitlines()
    ids = [line.split()[0] for line in lines if line.startswith("run")]
    assert ids == ["run4", "run3", "run2", "run1"]
    assert max(cells(line) for line in lines[1 : 3 + len(ids)]) <= columns
    if columns < 100:
        assert any(line.startswith("no room for") for line in lines)


def test_a_terminal_leaves_out_the_folder_that_all_in_one_table_share(
    runs: Path, capsys, monkeypatch
) -> None:
    make_run(runs, 4, experiment="experiments/run.py::experiment_run")
    monkeypatch.setenv("FORCE_COLOR", "1")
    told = stripped(shown(capsys, "--flat"))
    assert "  run.py::experiment_run  " in told
    assert "experiments/" not in told


def test_piped_output_is_plain_and_whole(runs: Path, capsys) -> None:
    make_run(runs, 4, params={"name": "x" * 40})
    out = shown(capsys)
    assert "x" * 40 in out
    assert "\x1b" not in out


def test_colour_is_used_where_it_is_wanted(runs: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[32mcompleted" in shown(capsys)
    assert f"file://{runs}/walk" in shown(capsys)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in shown(capsys)


def test_text_of_users_is_shown_literally(runs: Path, capsys) -> None:
    make_run(
        runs,
        4,
        track={NASTY: [1.0, 2.0], "words": [NASTY]},
        case=NASTY,
        experiment=f"experiments/{NASTY}.py::experiment_x",
        description=NASTY,
        params={NASTY: NASTY, "n": 1},
        origins={"n": (Origin("-p", f"-p {NASTY}", 1),)},
        results={NASTY: NASTY},
        series={NASTY: {"kind": "scalar", "count": 2, "last": 2.0, "min": 1.0, "max": 2.0}},
        tags=(NASTY,),
        note=NASTY,
        error=ErrorInfo(NASTY, NASTY, NASTY),
        lineage={"extends": [NASTY], "deviations": {NASTY: NASTY}, "session": NASTY},
        command=("expt", NASTY),
        notices=(NASTY,),
    )
    for words in ([], ["latest"], ["latest", "latest~1"], ["--csv"], ["--columns", "id,note,tags"]):
        out = shown(capsys, *words)
        assert "[red]x[/nope]" in out
        assert "\x1b" not in out or words == ["--csv"]
    assert json.loads(shown(capsys, "--json"))[0]["note"] == NASTY


def test_selection_sorting_and_columns(runs: Path, capsys) -> None:
    def ids(*words: str) -> list[str]:
        lines = shown(capsys, *words).splitlines()
        return [line.split()[0] for line in lines if line.startswith("run")]

    assert ids("-k", "lr-0.2 or lr-0.1") == ["run2", "run1"]
    assert ids("--status", "failed", "--status", "completed") == ["run3", "run2", "run1"]
    assert ids("--status", "failed") == ["run1"]
    assert ids("--tag", "paper", "--limit", "1") == ["run3"]
    assert ids("--since", "2026-11-23T10:15:02+00:00") == ["run3", "run2"]
    assert ids("--until", "2026-11-23T10:15:02+00:00") == ["run2", "run1"]
    assert ids("--sort", "lr") == ["run1", "run2", "run3"]
    assert ids("--sort", "distance") == ["run2", "run3", "run1"]
    assert ids("--sort=-distance") == ["run3", "run2", "run1"], "what has none is last"
    assert ids("--where", "lr >= 0.2 and results.distance < 4") == ["run2"]
    assert ids("--on", "2026-11-23") == ["run3", "run2", "run1"]
    assert ids("--sort", "-distance") == ["run3", "run2", "run1"]
    assert ids("--sort", "-distance", "--reverse") == ["run2", "run3", "run1"]
    assert ids("--sort", "lr", "--reverse", "--limit", "2") == ["run3", "run2"]
    assert shown(capsys, "--columns", "lr, id,distance,max.x").splitlines() == [
        " lr  id    distance  max.x",
        "0.3  run3       4.5      9",
        "0.2  run2         3      9",
        "0.1  run1",
    ]


def test_filters_narrow_down_the_runs_that_are_named(runs: Path, capsys) -> None:
    assert [run["id"] for run in json.loads(shown(capsys, "--json", "run1", "run3"))] == [
        "run1aaaaaa",
        "run3aaaaaa",
    ]
    left = json.loads(shown(capsys, "--json", "run1", "run3", "--status", "failed"))
    assert [run["id"] for run in left] == ["run1aaaaaa"]


def test_groups_have_n_mean_std_min_and_max(runs: Path, capsys) -> None:
    assert shown(capsys, "--group-by", "steps,lr").splitlines() == [
        "steps   lr  n  distance  min  max",
        "   10  0.1  1",
        "   10  0.2  1         3    3    3",
        "   10  0.3  1       4.5  4.5  4.5",
    ]
    (both, *_) = json.loads(shown(capsys, "--group-by", "steps", "--status=completed", "--json"))
    assert both["group"] == {"steps": 10}
    assert both["n"] == 2
    assert both["results"]["distance"] == {
        "mean": 3.75,
        "std": pytest.approx(1.06066017),
        "min": 3.0,
        "max": 4.5,
    }
    assert json.loads(shown(capsys, "--group-by", "lr", "--json"))[1]["results"]["distance"] == {
        "mean": 3.0,
        "std": None,
        "min": 3.0,
        "max": 3.0,
    }
    table = shown(capsys, "--group-by", "steps", "--csv").splitlines()
    assert table[0].startswith("steps,n,results.distance.mean,results.distance.std,")


def test_json_is_a_strict_array_of_what_a_program_needs(runs: Path, capsys) -> None:
    path = make_run(
        runs,
        4,
        params={"lr": math.inf},
        results={"loss": math.nan},
        series={"x": {"kind": "scalar", "count": 1, "last": math.nan, "min": None, "max": None}},
    )
    found = json.loads(shown(capsys, "--json"), parse_constant=pytest.fail)
    assert [run["id"] for run in found] == ["run4aaaaaa", "run3aaaaaa", "run2aaaaaa", "run1aaaaaa"]
    first = found[0]
    assert first["params"] == {"lr": {"$float": "inf"}}
    assert first["results"] == {"loss": {"$float": "nan"}}
    assert first["last"] == {"x": {"$float": "nan"}}
    assert first["path"] == str(path)
    assert first["case"] == "lr-0.4"
    assert {"experiment", "status", "started", "duration"} <= first.keys()
    assert shown(capsys, "-k", "nothing", "--json") == "[]\n"


def test_json_of_one_run_has_everything_that_its_record_says(runs: Path, capsys) -> None:
    origins = (Origin("-p", "-p lr=1", 1), Origin("default", "walk.py:3", 2))
    make_run(runs, 4, params={"lr": 1}, origins={"lr": origins}, command=("expt", "-p", "lr=1"))
    (run,) = json.loads(shown(capsys, "latest", "--json"))
    assert run["origins"]["lr"] == [
        {"layer": "-p", "where": "-p lr=1", "value": 1},
        {"layer": "default", "where": "walk.py:3", "value": 2},
    ]
    assert run["command"] == ["expt", "-p", "lr=1"]
    assert run["format"] == 1
    several = json.loads(shown(capsys, "run1", "run3", "--json"))
    assert [run["id"] for run in several] == ["run1aaaaaa", "run3aaaaaa"]


def test_csv_has_a_column_for_every_value(runs: Path, capsys) -> None:
    rows = list(csv.DictReader(io.StringIO(shown(capsys, "--csv"))))
    assert [row["id"] for row in rows] == ["run3aaaaaa", "run2aaaaaa", "run1aaaaaa"]
    assert [row["params.lr"] for row in rows] == ["0.3", "0.2", "0.1"]
    assert [row["results.distance"] for row in rows] == ["4.5", "3.0", ""]
    assert rows[0]["last.x"] == "3"
    assert rows[0]["tags"] == '["paper"]'
    assert rows[0]["path"].startswith(f"{runs}/walk/experiment_walk/")
    make_run(runs, 4, note="a lone \ud800")
    assert "a lone \\ud800" in shown(capsys, "--csv", "--columns", "note")
    chosen = shown(capsys, "--csv", "--columns", "id,lr", "--tag", "paper")
    assert chosen.splitlines()[:2] == ["id,lr", "run3aaaaaa,0.3"]


def test_one_run_is_shown_in_full(runs: Path, capsys) -> None:
    path = make_run(
        runs,
        4,
        track={"loss": [4.0, 3.0, 2.0, 1.0]},
        duration=61.0,
        params={"lr": 0.1, "opt": {"name": "adam"}},
        origins={
            "lr": (Origin("-p", "-p lr=0.1", 0.1), Origin("default", "walk.py:3", 0.01)),
            "opt.name": (Origin("params.toml", "params.toml:2", "adam"),),
            "dataset": (Origin("provider", "walk.py:9"),),
        },
        results={"distance": 2.5},
        series={"loss": {"kind": "scalar", "count": 4, "last": 1.0, "min": 1.0, "max": 4.0}},
        tags=("paper", "best"),
        note="the one",
        lineage={
            "extends": ["experiments/base.py::experiment_base"],
            "deviations": {"lr": 0.1, "dataset": None},
            "session": "s1",
            "sweep": {"lr": 0.1},
            "rerun_of": "run1aaaaaa",
        },
        setup=5.0,
        inputs={
            "data": {"path": f"{runs}/gone.csv", "size": 1_200_000, "sha256": "9f3c" + "0" * 60}
        },
        command=("expt", "experiments/", "-p", "lr=0.1"),
        notices=("no video of 'weights'",),
    )
    git = {"commit": "abcdef0123456789", "branch": "main", "dirty": True}
    for name, content in {
        "artifacts/model.npz": b"x" * 1500,
        "plots/loss.png": b"",
        "output.log": b"".join(b"batch %d\n" % number for number in range(12)),
        "plots/index.json": b'{"loss": ["loss.png"]}',
        "code/experiments/walk.py": b"",
        "code/uncommitted.patch": b"diff",
        "environment.json": json.dumps({"git": git}).encode(),
    }.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    relative = path.relative_to(runs.parent)
    assert shown(capsys, "latest").splitlines() == [
        "experiments/walk.py::experiment_walk[lr-0.4]",
        "Walk about.",
        "",
        "  id          run4aaaaaa",
        "  status      completed in 1m01s, after 5.0s of set-up",
        "  started     2026-11-23 10:15:04+00:00,  ? ago",
        f"  archive     {relative}",
        "  tags        paper, best",
        "  note        the one",
        "",
        "parameters",
        "  lr        0.1     -p lr=0.1",
        "    over    0.01    default walk.py:3",
        "  opt.name  'adam'  params.toml:2",
        "",
        "results",
        "  distance  2.5",
        "",
        "series",
        "  name        kind    count  last  min  max",
        "  loss  █▆▃▁  scalar      4     1    1    4",
        "",
        "pictures",
        "  loss.png",
        f"  in {relative}/plots",
        "",
        "artifacts",
        "  model.npz  1.5 kB",
        f"  in {relative}/artifacts",
        "",
        "log",
        *(f"  batch {number}" for number in range(4, 12)),
        f"  the last 8 of 12 lines: {relative}/output.log",
        "",
        "lineage",
        "  experiments/walk.py::experiment_walk run4",
        "    extends experiments/base.py::experiment_base",
        "    deviates in",
        "      lr  0.1 -p lr=0.1 · 0.01 default walk.py:3",
        "      dataset  provider walk.py:9",
        "    rerun of run1 2026-11-23",
        "    session s1  1 run, sweep lr",
        "    inputs",
        "      runs/gone.csv  1.2 MB  sha256 9f3c0000…  gone",
        "",
        "code",
        "  commit      abcdef012345 on main, with uncommitted changes",
        "  patch       code/uncommitted.patch, 4 B",
        f"  files       1 in {relative}/code",
        "",
        "notices",
        "  no video of 'weights'",
        "",
        "again",
        "  as typed    expt experiments/ -p lr=0.1",
        f"  as it was   expt rerun {path.absolute()}",
        (
            f"  same values expt experiments/walk.py::experiment_walk "
            f"--params {relative}/params.toml -p lr=0.1"
        ),
        "  in Python   run = expt.load('run4aaaaaa')",
    ]


def test_a_failed_run_shows_its_traceback_first(runs: Path, capsys) -> None:
    lines = shown(capsys, "run1").splitlines()
    assert lines[lines.index("error") + 1 :][:2] == ["Traceback …", "ValueError: no more"]


def test_a_lost_run_is_never_said_to_be_running(runs: Path, capsys) -> None:
    owner = {**owner_of_this_process(), "pid": 2**22 + 1}
    make_run(runs, 4, {"x": [1.0, 7.0]}, status="running", owner=owner)
    (found,) = json.loads(shown(capsys, "--status", "lost", "--json"))
    assert (found["status"], found["last"]) == ("lost", {"x": 7.0})
    out = shown(capsys, "latest")
    assert "  status      lost: its process is gone, and it never said how it ended" in out


def test_a_comparison_says_where_each_value_is_from(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    folder, typed, default = (
        Origin("params.toml", "params.toml:2", 0.1),
        Origin("-p", "-p lr=1", 1),
        Origin("default", "walk.py:3", 2),
    )
    chains = ((folder, default), (typed, folder, default))
    for number, chain in enumerate(chains):
        origins = {"lr": chain, "opt": chains[0]}
        params = {"lr": chain[0].value, "opt": {"beta": number}}
        make_run(tmp_path / "runs", number, params=params, origins=origins)
    assert main(["latest~1", "latest"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "lr 0.1 1 params.toml:2 → -p lr=1" in lines
    assert "opt.beta 0 1 params.toml:2" in lines


def test_several_runs_are_compared_by_what_differs(runs: Path, capsys) -> None:
    environment = {"python": "3.11.7", "packages": {"numpy": "2.0", "rich": "15"}}
    for number in (2, 3):
        path = next(runs.glob(f"*/*/*run{number}aaaaaa"))
        (path / "code").mkdir()
        (path / "code/walk.py").write_text(f"a = 1\nb = {number}\nc = 3\n")
        environment["packages"]["numpy"] = f"2.{number}"
        (path / "environment.json").write_text(json.dumps(environment))
    lines = [re.sub("  +", "  ", line) for line in shown(capsys, "run3", "run2").splitlines()]
    assert lines == [
        "the likeliest cause: parameters lr",
        "",
        "  run3  run2  Δ",
        "parameters",
        "  lr  0.3  0.2",
        "packages",
        "  numpy  '2.3'  '2.2'",
        "results",
        "  distance  4.5  3  −33 %",
        "last values",
        "  x  3  2  −33 %",
        "",
        "walk.py  +1 −1",
        "@@ -1,3 +1,3 @@",
        " a = 1",
        "-b = 3",
        "+b = 2",
        " c = 3",
        "",
        "the same in both: steps=10, 1 package, environment",
    ]
    assert "  steps" in shown(capsys, "run3", "run2", "--all")
    assert shown(capsys, "run3", "run3").startswith("nothing differs\n\nthe same in both: lr=0.3")


def test_damaged_archives_are_named_on_stderr_and_the_rest_is_shown(runs: Path, capsys) -> None:
    bad = make_run(runs, 4)
    (bad / RUN_FILE).write_text("{")
    assert main(["--json"]) == 0
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)) == 3
    assert captured.err.startswith(f"warning: {bad}: run.json is not JSON:")
    for number in range(10, 20):
        (make_run(runs, number) / RUN_FILE).write_text("")
    assert main([]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11
    assert all(line.startswith("warning: ") for line in lines)


def test_an_empty_list_says_what_to_do(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "runs"
    for words in ([], ["--flat"], ["--group-by", "lr"]):
        assert main(words) == 0
        assert capsys.readouterr() == ("", f"no runs yet in {root}: 'expt' runs the experiments\n")
    assert main(["-k", "x"]) == 0
    assert capsys.readouterr().err == "no run is like that: 'expt show' lists them all\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--json", "--csv"], "'--json' and '--csv' are two forms\n  at --csv\n  give one of them"),
        (
            ["--json", "--columns", "id"],
            "'--columns' is for the table and for '--csv'\n  at --json\n  JSON has every value",
        ),
        (
            ["--follow"],
            "'--follow' follows runs that are named\n  at --follow\n  expt show latest --follow",
        ),
        (["--limit", "-1"], "'-1' is no number of runs\n  at --limit\n  0 is all"),
        (["--sort", "--"], "'--' is no value, as in '--sort=--'\n  see: expt show --help"),
        (
            ["--group-by", "lr", "--columns", "lr"],
            "'--columns' and '--group-by' are two tables\n  at --group-by\n  give one of them",
        ),
        (["--group-by", " ,"], "'--group-by' has no name\n  --group-by lr,seed"),
        (["--group-by", "lrr"], "no run has a value 'lrr'\n  did you mean 'lr'?"),
        (["--where", "lrr < 1"], "no run has a value 'lrr'\n  did you mean 'lr'?"),
        (["latest", "--where", "lrr < 1"], "no run has a value 'lrr'\n  did you mean 'lr'?"),
        (
            ["--columns", "distanc"],
            "no run has a value 'distanc'\n  did you mean 'results.distance'?",
        ),
        (["--sort", "lrr"], "no run has a value 'lrr'\n  did you mean 'lr'?"),
        (["-k", "a b"], None),
        (["--since", "whenever"], None),
        (["--nonsense"], None),
    ],
)
def test_what_cannot_be_meant_is_refused(runs: Path, words: list[str], message: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        main(words)
    assert message is None or str(caught.value) == message


def test_a_missing_archive_root_is_refused(runs: Path) -> None:
    with pytest.raises(NoSuchRun, match="there is no archive root 'elsewhere'"):
        main(["--runs", "elsewhere"])


def test_a_reader_that_has_seen_enough_ends_it_quietly(runs: Path) -> None:
    for number in range(10, 60):
        make_run(runs, number, case="x" * 2000)
    script = "import sys; from expt.cli.main import main; sys.exit(main(['show', *sys.argv[1:]]))"
    for words in ([], ["--json"], ["--csv"]):
        told = ["-c", script, *words]
        process = WarmProcess(told, str(runs.parent), {**os.environ}, python=True)
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == ""
        process.stderr.close()
        assert process.wait(timeout=60) == 0


def test_a_run_is_followed_until_it_ends(runs: Path, capsys) -> None:
    path = make_run(runs, 4, {}, status="running", owner=owner_of_this_process())
    record = RunRecord(
        "run4aaaaaa", "experiments/walk.py::experiment_walk", None, "", "running",
        "2026-11-23T10:15:04+00:00", owner=owner_of_this_process(),
    )  # fmt: skip
    recorder = open_recorder(path / "series", label="run4aaaaaa")
    recorder.track("loss", 0.5)

    def go_on() -> None:
        end = time.monotonic() + 60
        while "loss=0.5" not in sys.stdout.getvalue() and time.monotonic() < end:
            time.sleep(0.01)
        recorder.track("loss", 0.25)
        recorder.close()
        write_record(path, attrs.evolve(record, status="completed", duration=1.0))

    thread = threading.Thread(target=go_on)
    thread.start()
    assert main(["latest", "--follow"]) == 0
    thread.join()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[1] for line in lines] == ["loss=0.5", "loss=0.25"]


def read_terminal(words: list[str], cwd: Path, columns: int) -> str:
    """What `expt show` shows on a terminal of so many columns."""
    environ = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "CI")}
    ended, shown = run_on_terminal(
        ["show", *words], cwd, {**environ, "TERM": "xterm"}, columns=columns
    )
    assert ended == 0
    return shown


def test_a_terminal_gets_recent_runs_in_its_width(runs: Path) -> None:
    for number in range(10, 40):
        make_run(runs, number, case="x" * 200)
    out = read_terminal([], runs.parent, 80)
    lines = stripped(out).splitlines()
    assert len(lines) == 29
    assert max(map(len, lines)) <= 80
    assert lines[3].startswith("run39")
    assert lines[-1] == "older runs: expt show --limit 0"


def test_following_draws_over_itself_on_a_terminal(runs: Path) -> None:
    path = make_run(runs, 4, {"loss": [3.0, 2.0, 1.0]}, duration=1.0)
    assert path.exists()
    out = read_terminal(["run4", "--follow"], runs.parent, 70)
    assert [line.rstrip() for line in stripped(out).splitlines()][-7:] == [
        "completed  1.0s  experiments/walk.py::experiment_walk[lr-0.4]",
        "  loss  3  1  ⠉⠒⠤⣀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀ 3",
        "              ⠀⠀⠀⠀⠉⠒⠤⣀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀",
        "              ⠀⠀⠀⠀⠀⠀⠀⠀⠉⠒⠤⣀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀",
        "              ⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠉⠒⠤⣀⠀⠀⠀⠀⠀⠀⠀⠀",
        "              ⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠉⠒⠤⣀⠀⠀⠀⠀",
        "              ⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠉⠒⠤⣀ 1",
    ]


def test_several_running_runs_are_followed_at_once(runs: Path, capsys) -> None:
    make_run(runs, 4, {"loss": [3.0, 1.0]}, duration=1.0)
    make_run(runs, 5, {"loss": [2.0]}, duration=2.0)
    assert main(["run4", "run5", "--follow"]) == 0
    assert capsys.readouterr().out == "run4  1.0s  loss=1\nrun5  2.0s  loss=2\n"
