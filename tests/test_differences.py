"""What differs between two runs, and runs that should not differ."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from made_runs import id_of, make_run

from expt.archive.writer import Archive
from expt.reading.differences import COMPARED, find_difference, find_undetermined
from expt.reading.finding import find_runs
from expt.reading.references import load_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from expt.testing import Sandbox

pytestmark = pytest.mark.inline


def make_pair(root: Path, **fields: Any) -> tuple[Path, Path]:
    """Two runs that are alike in everything, with code, packages and a git commit."""
    pair = []
    for number in (1, 2):
        path = make_run(root, number, params={"lr": 0.1}, results={"acc": 0.5}, **fields)
        (path / "code").mkdir()
        (path / "code/train.py").write_text("import numpy\na = 1\n")
        environment = {
            "python": "3.11",
            "packages": {"attrs": "1", "numpy": "2.0"},
            "git": {"commit": "abc", "dirty": False},
        }
        (path / "environment.json").write_text(json.dumps(environment))
        pair.append(path)
    return pair[0], pair[1]


def edit_json(path: Path, change: Callable[[Any], None]) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("file", "change", "part", "name"),
    [
        ("run.json", lambda d: d["params"].update(lr=0.2), "params", "lr"),
        ("run.json", lambda d: d["results"].update(acc=0.6), "results", "acc"),
        ("run.json", lambda d: d.update(inputs={"data": {"sha256": "x"}}), "inputs", "data"),
        ("environment.json", lambda d: d["packages"].update(numpy="3"), "packages", "numpy"),
        ("environment.json", lambda d: d.update(python="3.12"), "environment", "python"),
        ("environment.json", lambda d: d["git"].update(dirty=True), "git", "dirty"),
    ],
)
def test_each_change_is_in_its_part_and_in_no_other(
    tmp_path: Path, file: str, change: Any, part: str, name: str
) -> None:
    """case: compare-calls-different-same"""
    one, other = make_pair(tmp_path)
    edit_json(other / file, change)
    told = find_difference(*(load_run(str(path), tmp_path) for path in (one, other))).as_json()
    assert {key for key, value in told.items() if value} == {part}
    assert list(told[part]) == [name]


def test_two_runs_that_are_alike_have_an_empty_difference(tmp_path: Path, capsys: Any) -> None:
    from expt.cli.diff import main

    one, other = make_pair(tmp_path)
    assert main([str(one), str(other), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {part: {} for part in COMPARED}
    assert main([str(one), str(other)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("nothing differs\n")
    assert "1 file of code, 2 packages, environment" in out


def test_a_line_of_code_is_shown_and_is_the_likeliest_cause(tmp_path: Path, capsys: Any) -> None:
    from expt.cli.diff import main

    one, other = make_pair(tmp_path)
    (other / "code/train.py").write_text("import numpy\na = 2\n")
    edit_json(other / "run.json", lambda data: data["results"].update(acc=0.6))
    changed = {"attrs": "9", "numpy": "3"}
    edit_json(other / "environment.json", lambda data: data["packages"].update(changed))
    assert main([str(one), str(other)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("the likeliest cause: code train.py\n")
    assert "\n-a = 1\n+a = 2\n" in out
    assert out.index("numpy") < out.index("attrs"), "what the code imports comes first"


def test_a_seed_that_was_drawn_is_a_cause_behind_what_somebody_changed(
    tmp_path: Path, capsys: Any
) -> None:
    from expt.cli.diff import main

    one, other = make_pair(tmp_path)
    drawn = [{"layer": "drawn", "where": None, "value": 1}]
    for path, seed in ((one, 1), (other, 2)):
        edit_json(
            path / "run.json",
            lambda data, seed=seed: (
                data["params"].update(seed=seed),
                data["origins"].update(seed=drawn),
                data["results"].update(acc=seed),
            ),
        )
    edit_json(other / "environment.json", lambda data: data["packages"].update(numpy="3"))
    assert main([str(one), str(other)]) == 0
    assert capsys.readouterr().out.startswith("the likeliest cause: parameters seed\n")
    (other / "code/train.py").write_text("import numpy\na = 2\n")
    assert main([str(one), str(other)]) == 0
    assert capsys.readouterr().out.startswith("the likeliest cause: code train.py\n")
    edit_json(other / "run.json", lambda data: data["params"].update(lr=9))
    assert main([str(one), str(other)]) == 0
    assert capsys.readouterr().out.startswith("the likeliest cause: parameters lr\n")


def test_an_input_that_was_only_touched_or_moved_does_not_differ(
    tmp_path: Path, capsys: Any
) -> None:
    from expt.cli.diff import main

    one, other = make_pair(tmp_path)
    entry = {"kind": "file", "size": 5, "sha256": "ab" * 32, "path": "/a", "time": "2026-11-26"}
    edit_json(one / "run.json", lambda data: data.update(inputs={"data": entry}))
    moved = {**entry, "path": "/b", "time": "2026-11-27"}
    edit_json(other / "run.json", lambda data: data.update(inputs={"data": moved}))
    assert main([str(one), str(other)]) == 0
    assert capsys.readouterr().out.startswith("nothing differs\n")
    edit_json(other / "run.json", lambda data: data["inputs"]["data"].update(sha256="cd" * 32))
    assert main([str(one), str(other)]) == 0
    assert "  data  5 B abababababab  5 B cdcdcdcdcdcd\n" in capsys.readouterr().out


def test_of_many_runs_too_what_is_around_them_is_compared(tmp_path: Path, capsys: Any) -> None:
    """case: compare-calls-different-same"""
    from expt.cli.show import main

    one, other = make_pair(tmp_path / "first")
    third, _ = make_pair(tmp_path / "second")
    assert main([str(one), str(other), str(third)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("nothing differs\n")
    assert "the same in all: lr=0.1, 1 file of code, 2 packages, environment" in out
    (third / "code/train.py").write_text("import numpy\na = 2\n")
    edit_json(third / "environment.json", lambda data: data["packages"].update(numpy="3"))
    assert main([str(one), str(other), str(third)]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:5]]
    assert [row[0] for row in rows] == ["code", "train.py", "packages", "numpy"]
    assert rows[1][1] == rows[1][2] != rows[1][3]
    assert rows[3][1:] == ["'2.0'", "'2.0'", "'3'"]
    (other / "environment.json").write_text("{")
    assert main([str(one), str(other), str(third)]) == 0
    out = capsys.readouterr().out
    assert "packages not compared" in out
    assert "environment\n" not in out


def test_results_that_are_files_are_compared_by_what_they_hold(tmp_path: Path) -> None:
    from expt.ground.encoding import to_json

    for number in (1, 2):
        path = make_run(tmp_path, number)
        saved = Archive(path, id_of(number)).save("results/x.json", [number])
        stored = to_json(saved.relative_to(path))
        edit_json(path / "run.json", lambda data, s=stored: data.update(results={"x": s}))
    newer, older = find_runs(tmp_path)
    assert set(find_difference(older, newer).results or {}) == {"x"}
    assert find_difference(older, older).results == {}


def test_a_result_of_a_terabyte_is_not_read_to_be_compared(tmp_path: Path) -> None:
    """sibling of case: files-memory"""
    place = "artifacts/x.bin"
    for number in (1, 2):
        path = make_run(tmp_path, number)
        (path / "artifacts").mkdir()
        (path / place).touch()
        os.truncate(path / place, 2**40)
        stored = {"$path": place}
        edit_json(path / "run.json", lambda data, s=stored: data.update(results={"x": s}))
    newer, older = find_runs(tmp_path)
    untold = find_difference(older, newer)
    assert untold.results is None
    assert "'artifacts/x.bin' is large, and no manifest has its hash" in "".join(untold.problems)
    for run, digest in ((newer, "a" * 64), (older, "b" * 64)):
        files = {place: {"size": 2**40, "sha256": digest}}
        (run.path / "manifest.json").write_text(json.dumps({"format": 1, "files": files}))
    told = find_difference(older, newer).results or {}
    assert [text[-12:] for text in told["x"]] == ["b" * 12, "a" * 12]


def test_runs_of_one_fingerprint_and_one_seed_that_differ_are_told_once(
    tmp_path: Path, capsys: Any
) -> None:
    from expt.cli.show import main

    alike = {"lineage": {"fingerprint": "f"}, "params": {"seed": 1}}
    for number, accuracy in enumerate([0.5, 0.5, 0.6, 0.7]):
        make_run(tmp_path, number, results={"acc": accuracy}, **alike)
    make_run(tmp_path, 5, results={"acc": 1}, lineage={"fingerprint": "f"}, params={"seed": 2})
    make_run(tmp_path, 6, results={"acc": 1}, lineage={"fingerprint": "g"}, params={"seed": 1})
    make_run(tmp_path, 7, results={}, status="failed", **alike)
    ((one, other, names),) = find_undetermined(find_runs(tmp_path))
    assert ([one.id, other.id], names) == ([id_of(3), id_of(2)], ("acc",))
    for words in ([], [id_of(3)]):
        assert main([*words, "--runs", str(tmp_path)]) == 0
        (told,) = (
            line
            for line in capsys.readouterr().out.splitlines()
            if line.startswith("not deterministic: ")
        )
        assert told.endswith("have the same code, values and seed, and differ in results.acc")
    assert main([id_of(6), "--runs", str(tmp_path)]) == 0
    assert "not deterministic" not in capsys.readouterr().out


def test_a_damaged_part_is_told_and_the_rest_is_compared(sandbox: Sandbox) -> None:
    one, other = make_pair(sandbox.root)
    (other / "environment.json").write_text("{")
    edit_json(other / "run.json", lambda data: data["params"].update(lr=0.2))
    done = sandbox.expt("diff", str(one), str(other))
    assert done.exit_code == 0
    assert "lr" in done.stdout
    assert "packages not compared" in done.stdout
    told = sandbox.expt("diff", str(one), str(other), "--json").json()
    assert told["packages"] is None
    assert told["params"] == {"lr": [0.1, 0.2]}
    edit_json(other / "run.json", lambda data: data.update(format=99))
    assert sandbox.expt("diff", str(one), str(other)).exit_code == 4
