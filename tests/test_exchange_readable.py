"""Whatever an archive holds, and however damaged it is: exports give what can be given, and say
what they left out."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import shutil
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest
from exchanged import make_everything
from warm_start import WarmProcess

from expt.archive.owner import owner_of_this_process
from expt.exchange.formats import own_exports
from expt.exchange.mlflow_words import tell_run
from expt.exchange.readable import held_series, known_environment, write_each
from expt.ground.errors import DamagedArchive
from expt.reading.finding import find_runs
from expt.reading.references import load_archive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from expt.reading.run import Run
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

SINGLE = ("tensorboard", "mlflow", "wandb", "csv", "notebook")  # which need no package


@pytest.fixture(scope="module")
def whole(shared_sandbox: Sandbox) -> Run:
    return make_everything(shared_sandbox, "--no-render")


def another(run: Run, folder: Path, name: str) -> Path:
    """A copy of the archive that is another run's."""
    path = folder / run.path.name.replace(run.id, name)
    shutil.copytree(run.path, path)
    record = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps(record | {"id": name}))
    return path


def lose_series(path: Path) -> None:
    shutil.rmtree(path / "series")


def spoil_names(path: Path) -> None:
    (path / "series/names.jsonl").write_text("no json\n")


def spoil_environment(path: Path) -> None:
    (path / "environment.json").write_text("{")
    (path / "params.toml").write_text("= 3")


def tear_pictures(path: Path) -> None:
    for picture in path.rglob("series/*/*.png"):
        os.truncate(picture, 9)


DAMAGES = [lose_series, spoil_names, spoil_environment, tear_pictures]


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *itertools.product(SINGLE, DAMAGES),
        ("parquet", spoil_names),
        ("ro-crate", spoil_environment),
    ],
)
def test_a_damaged_archive_does_not_keep_back_the_others(
    whole: Run, tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    if name == "parquet":
        pytest.importorskip("pyarrow", reason="of the extra 'parquet'")
    if name == "ro-crate":
        pytest.importorskip("plotly", reason="of the extra 'page'")
    path = another(whole, tmp_path / "runs", "aaaaaaaaaa")
    damage(path)
    told = list(own_exports()[name].write([load_archive(path), whole], str(tmp_path / "out")))
    assert (tmp_path / "out").exists()
    named = [line for line in told if line.startswith("run aaaaaaaaaa, which cannot be read: ")]
    assert len(named) == (name == "tensorboard" and damage is tear_pictures), told
    if name in ("tensorboard", "mlflow", "wandb"):
        assert any(whole.id in file.read_bytes().decode("latin-1") for file in files(tmp_path))


def files(folder: Path) -> list[Path]:
    return [file for file in (folder / "out").rglob("*") if file.is_file()]


def test_a_run_alone_that_cannot_be_read_is_an_error(whole: Run, tmp_path: Path) -> None:
    """So that a mirror does not take it for sent."""
    path = another(whole, tmp_path / "runs", "aaaaaaaaaa")
    tear_pictures(path)
    with pytest.raises(DamagedArchive):
        list(own_exports()["tensorboard"].write([load_archive(path)], str(tmp_path / "out")))
    assert not files(tmp_path)


def test_only_what_is_wrong_with_the_archive_is_told_as_that(whole: Run, tmp_path: Path) -> None:
    def lack(run: Run) -> None:
        raise FileNotFoundError(2, "No such file", str(run.path / "artifacts/x"))

    def refuse(run: Run) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path))

    with pytest.raises(FileNotFoundError):
        write_each([whole], lack)
    with pytest.raises(PermissionError):
        write_each([whole, whole], refuse)
    assert write_each([whole], str) == ([whole], [])


def test_series_that_only_the_record_lists_are_not_held(whole: Run, tmp_path: Path) -> None:
    assert held_series(whole) == whole.listed_series
    assert "rows/a" in held_series(whole)
    path = another(whole, tmp_path, "aaaaaaaaaa")
    lose_series(path)
    spoil_environment(path)
    assert held_series(load_archive(path)) == {}
    assert known_environment(load_archive(path)) == {}


def compiles(source: str) -> bool:
    try:
        compile(source, "", "exec")
    except UnicodeEncodeError:
        return False
    return True


DOCUMENTED = "\\ud800" if compiles('def f(): "\\ud800"') else "none that Python 3.13 compiles"
HOSTILE = f'''
    def experiment_values(track, huge: int = 10**400, half: str = "a\\ud800b", mixed: object = 1.5):
        """Half a letter: {DOCUMENTED}"""
        track("n" * 200 + "é" * 60, 1.0)
        track("漢" * 200 + "/" + "🎉" * 80, 1.0)
        track("漢" * 201, 1.0)
        track("half\\ud800", "\\udfff")
        track("far", 1.0, step=1e300)
        track("down", 1.0, step=-1), track("down", 2.0, step=-2)
        return {{"huge": -10**400, "great": 2**60, "half": "\\ud83d", "mixed": 10**400}}

    def experiment_more(mixed: object = 10**400):
        return {{"mixed": 0.5}}
'''


@pytest.fixture(scope="module")
def hostile(shared_sandbox: Sandbox) -> list[Run]:
    shared_sandbox.write({"hostile/values.py": HOSTILE})
    done = shared_sandbox.expt("hostile", "--no-render", "--runs", "hostile-runs")
    assert done.exit_code == 0, done
    return list(find_runs(shared_sandbox.root / "hostile-runs"))


@pytest.mark.parametrize("name", [*SINGLE, "parquet", "ro-crate"])
def test_every_value_that_an_archive_holds_can_be_exported(
    hostile: list[Run], tmp_path: Path, name: str
) -> None:
    if name == "parquet":
        pytest.importorskip("pyarrow", reason="of the extra 'parquet'")
    if name == "ro-crate":
        pytest.importorskip("plotly", reason="of the extra 'page'")
    told = "\n".join(own_exports()[name].write(hostile, str(tmp_path / "out")))
    assert (tmp_path / "out").exists()
    if name in ("tensorboard", "mlflow", "wandb"):
        assert "steps that are no whole numbers (in their place the count): far" in told
        assert "results that no double holds: results.huge, results.mixed" in told
        assert "whole numbers beyond 2^53" in told
        assert ("entries that share a step, all but the last: down" in told) == (name == "wandb")


def test_half_a_letter_is_written_out_in_a_table(hostile: list[Run], tmp_path: Path) -> None:
    list(own_exports()["csv"].write(hostile, str(tmp_path)))
    runs, series = rows_of(tmp_path / "runs.csv"), rows_of(tmp_path / "series.csv")
    assert ("half\\ud800", "\\udfff") in {(row["series"], row["value"]) for row in series}
    (row,) = [row for row in runs if row["params.half"]]
    assert (row["params.half"], row["results.half"]) == ("a\\ud800b", "\\ud83d")
    assert int(row["results.great"]) == 2**60


def rows_of(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"), newline="")))


@pytest.mark.parametrize(
    ("status", "expected"), [("running", "RUNNING"), ("lost", "KILLED"), ("failed", "FAILED")]
)
def test_a_run_that_goes_on_has_no_end(
    whole: Run, tmp_path: Path, status: str, expected: str
) -> None:
    path = another(whole, tmp_path, "aaaaaaaaaa")
    record = json.loads((path / "run.json").read_text())
    if status != "failed":
        record |= {"finished": None, "duration": None, "results": {}}
        owner = owner_of_this_process()
        record["owner"] = owner if status == "running" else owner | {"pid": 2**22 + 1}
    record["status"] = "failed" if status == "failed" else "running"
    (path / "run.json").write_text(json.dumps(record))
    run = load_archive(path)
    assert run.status == status
    told = tell_run(run)
    assert told.status == expected
    assert (told.end is None) == (status != "failed")
    pytest.importorskip("plotly", reason="of the extra 'page'")
    list(own_exports()["ro-crate"].write([run], str(tmp_path / "out.zip")))
    with zipfile.ZipFile(tmp_path / "out.zip") as file:
        graph = json.loads(file.read("ro-crate-metadata.json"))["@graph"]
    (action,) = [one for one in graph if one["@type"] == "CreateAction"]
    assert ("endTime" in action) == (status == "failed")
    assert ("actionStatus" in action) == (status != "running")


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_a_run_that_had_not_ended_comes_back_with_its_values(
    whole: Run, tmp_path: Path, sandbox: Sandbox, name: str
) -> None:
    path = another(whole, tmp_path / "runs", "aaaaaaaaaa")
    record = json.loads((path / "run.json").read_text())
    record |= {"finished": None, "duration": None, "status": "running", "results": {}}
    (path / "run.json").write_text(json.dumps(record))
    list(own_exports()[name].write([load_archive(path)], str(sandbox.root / "out")))
    pytest.importorskip("yaml", reason="of the extra 'yaml'")
    done = sandbox.expt("import", name, "out", "--no-render")
    assert (done.exit_code, done.stderr) == (0, "")
    run = sandbox.run()
    assert (run.status, run.params, run.finished) == ("interrupted", whole.params, None)
    assert run.series["loss"].values.tolist() == whole.series["loss"].values.tolist()
    assert run.notices == ("it had not ended when it was exported: it was lost",)


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_what_an_export_that_was_killed_began_is_removed_by_the_next(
    whole: Run, tmp_path: Path, name: str
) -> None:
    write = own_exports()[name].write
    list(write([whole], str(tmp_path / "out")))
    before = sorted(path for path in (tmp_path / "out").rglob("*"))
    folder = (
        next(path for path in before if path.is_dir() and (path / "files").is_dir())
        if (name == "wandb")
        else next(path for path in before if (path / "metrics").is_dir())
    )
    dead = subprocess.Popen(["true"])
    dead.wait()
    (folder.with_name(f".{folder.name}-{dead.pid}") / "files").mkdir(parents=True)
    list(write([whole], str(tmp_path / "out")))
    assert sorted(path for path in (tmp_path / "out").rglob("*")) == before


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_two_exports_of_one_run_at_once_leave_it_whole(
    whole: Run, tmp_path: Path, name: str
) -> None:
    code = (
        "import os, sys; from expt.exchange.formats import own_exports; "
        "from expt.reading.references import load_archive\n"
        "while not os.path.exists('go'): pass\n"
        "[list(own_exports()[sys.argv[1]].write([load_archive(sys.argv[2])], sys.argv[3])) "
        "for _ in range(5)]"
    )
    words = ["-c", code, name, str(whole.path), str(tmp_path / "out")]
    both = [WarmProcess([*words], str(tmp_path), {**os.environ}, python=True) for _ in range(2)]
    (tmp_path / "go").touch()
    told = [one.communicate(60)[1] for one in both]
    assert (told, [one.returncode for one in both]) == (["", ""], [0, 0])
    names = sorted(path.relative_to(tmp_path / "out") for path in files(tmp_path))
    list(own_exports()[name].write([whole], str(tmp_path / "alone/out")))
    alone = tmp_path / "alone"
    assert names == sorted(path.relative_to(alone / "out") for path in files(alone))
