"""Runs as tables and arrays: pivots, pandas, xarray, lazy arrays, whole series as CSV."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from made_runs import id_of, make_run

from expt.cli.analyze import main as analyze
from expt.cli.show import main as show
from expt.cli.table import main as table
from expt.ground.errors import UsageError
from expt.reading.finding import find_runs
from expt.tracking.recorder import open_recorder

if TYPE_CHECKING:
    from pathlib import Path

    from expt.reading.runs import Runs
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

NASTY = "a|b & <b>$x$ 100% \\ -->\n`c`"


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """Two learning rates by two widths, two seeds each; the last of them has no result."""
    number = 0
    for lr in (0.1, 0.2):
        for width in (32, 64):
            for seed in (0, 1):
                found = {"acc": lr * width + seed} if number < 7 else {}
                params = {"lr": lr, "width": width, "seed": seed}
                make_run(tmp_path, number, params=params, results=found)
                number += 1
    return find_runs(tmp_path)


def test_a_cell_of_a_pivot_has_mean_std_and_its_runs(runs: Runs) -> None:
    pivot = runs.pivot("lr", "width")
    assert (pivot.value, pivot.rows, pivot.columns) == ("results.acc", (0.1, 0.2), (32, 64))
    assert pivot.cells[0][1].ids == [id_of(3), id_of(2)]
    assert pivot.cells[0][1].text() == "6.9 ± 0.71"
    assert pivot.cells[1][1].text() == "12.8", "of one number there is no deviation"
    assert pivot.to_markdown().splitlines()[:4] == [
        "| lr \\ width | 32 | 64 |",
        "| --- | --: | --: |",
        "| 0.1 | 3.7 ± 0.71 | 6.9 ± 0.71 |",
        "| 0.2 | 6.9 ± 0.71 | 12.8 |",
    ]
    assert f"lr=0.1 width=64: {id_of(3)} {id_of(2)}" in pivot.to_markdown()
    assert r"0.1 & 3.7 $\pm$ 0.71 & 6.9 $\pm$ 0.71 \\" in pivot.to_latex()
    assert f"% lr=0.1 width=64: {id_of(3)} {id_of(2)}" in pivot.to_latex()


def test_values_of_users_stay_text_in_a_table(tmp_path: Path) -> None:
    make_run(tmp_path, 1, params={"x": NASTY, "y": 1}, results={"r": 1})
    pivot = find_runs(tmp_path).pivot("x", "y")
    _, _, row, *rest = pivot.to_markdown().splitlines()
    assert re.sub(r"\\.", "", row).count("|") == 3
    assert "<b>" not in row
    assert "\n".join(rest).count("-->") == 1
    lines = pivot.to_latex().splitlines()
    assert sum("tabular" in line for line in lines) == 2
    assert r"a|b \& <b>\$x\$ 100\% \textbackslash{} --> `c` & 1 \\" in lines


def test_the_command_prints_it_in_each_form(runs: Runs, tmp_path: Path, capsys: Any) -> None:
    words = ["--runs", str(tmp_path), "--pivot", "lr × width", "--where", "seed == 0"]
    assert table([*words, "--json"]) == 0
    cells = json.loads(capsys.readouterr().out)
    assert cells[0] == {
        "lr": 0.1, "width": 32, "n": 1, "mean": 3.2, "std": None, "min": 3.2, "max": 3.2,
        "ids": [id_of(0)],
    }  # fmt: skip
    for form, first in (("--markdown", "| lr"), ("--latex", "% results.acc")):
        assert table([*words, form]) == 0
        assert capsys.readouterr().out.startswith(first)
    assert table(words) == 0
    assert capsys.readouterr().out.splitlines()[2].split() == ["0.1", "3.2", "6.4"]
    for wrong in (["--pivot", "lr"], ["--pivot", "lr,widht"], ["--pivot", "lr,width,seed"]):
        with pytest.raises(UsageError):
            table(["--runs", str(tmp_path), *wrong])


def test_pandas_gets_categories_and_times(runs: Runs) -> None:
    pytest.importorskip("pandas")
    frame = runs.to_pandas()
    assert str(frame["status"].dtype) == "category"
    assert str(frame["started"].dtype) == "datetime64[us, UTC]"
    assert frame["params.lr"].dtype == float


def test_xarray_has_a_dimension_for_each_value_that_varies(runs: Runs) -> None:
    pytest.importorskip("xarray")
    array = runs.to_xarray("acc")
    assert array.dims == ("lr", "width", "seed")
    assert float(array.sel(lr=0.1, width=64, seed=1)) == pytest.approx(7.4)
    assert np.isnan(float(array.sel(lr=0.2, width=64, seed=1)))
    assert str(array.sel(lr=0.1, width=32, seed=0)["id"].item()) == id_of(0)
    again = runs.to_xarray("acc", ["lr"])
    assert (again.dims, again.shape) == (("lr", "repeat"), (2, 4))


@pytest.fixture
def tracked(tmp_path: Path) -> Path:
    path = make_run(tmp_path, 1, series={"w": {"kind": "array", "count": 3}})
    recorder = open_recorder(path / "series", label=id_of(1))
    for step in range(3):
        recorder.track("w", np.full((2, 4), step, dtype="f4"), step=step)
        recorder.track("loss", 1 / (step + 1), step=10 * step)
    recorder.close()
    return tmp_path


def test_a_lazy_series_of_arrays_is_like_an_array(tracked: Path) -> None:
    values = find_runs(tracked)[0].series["w"].values
    assert (values.shape, values.dtype, values.ndim, len(values)) == ((3, 2, 4), "f4", 3, 3)
    whole = np.asarray(values)
    assert whole.shape == (3, 2, 4)
    assert np.asarray(values, dtype="f8").dtype == "f8"
    for index in ((1,), (1, 0), (slice(1, 3), 0, 2), (-1, ..., 0), (...,), (slice(None),)):
        assert np.array_equal(values[index], whole[index])
    assert type(values[1:]) is type(values)
    assert np.array_equal(values[1:][0], whole[1])
    assert float(np.mean(values)) == 1.0


def test_a_series_is_a_pandas_series_by_step(tracked: Path) -> None:
    pytest.importorskip("pandas")
    loss = find_runs(tracked)[0].series["loss"].to_pandas()
    assert (loss.name, loss.index.name, list(loss.index)) == ("loss", "step", [0, 10, 20])
    assert loss[20] == pytest.approx(1 / 3)


def test_whole_series_are_csv(tracked: Path, capsys: Any) -> None:
    assert show(["--runs", str(tracked), "--csv", "--series", "loss", "--series", "w"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head == "id,series,step,time,value"
    assert len(lines) == 6
    assert lines[1].startswith(f"{id_of(1)},loss,10,")
    assert lines[1].endswith(",0.5")
    assert lines[3].endswith("/000000.npy")
    with pytest.raises(UsageError, match="no run has a series 'los'"):
        show(["--runs", str(tracked), "--csv", "--series", "los"])
    with pytest.raises(UsageError, match="'--series' is for '--csv' alone"):
        show(["--runs", str(tracked), "--series", "loss"])


def test_a_script_for_many_runs_reads_them_wherever_it_stands(
    runs: Runs, tmp_path: Path, sandbox: Sandbox
) -> None:
    script = sandbox.root / "look.py"
    words = ["--runs", str(tmp_path), "--where", "seed == 0", "-o", str(script)]
    assert analyze(words) == 0
    done = sandbox.python(script)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("<4 runs>")
    with pytest.raises(UsageError, match="is there already"):
        analyze(words)
    with pytest.raises(UsageError, match="nothing to analyse"):
        analyze([*words, "--force", "--status", "failed"])


def test_params_takes_a_run_and_a_node_id_may_be_cut_at_its_front(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a/t.py": "def experiment_t(track, lr: float = 0.1): return lr\n"})
    sandbox.expt("-p", "lr=0.5")
    first = sandbox.run()
    for reference in ("latest", first.id[:5], "experiment_t", "t.py::experiment_t"):
        done = sandbox.expt("--params", reference)
        assert done.exit_code == 0, done.stderr
        assert sandbox.run().results == {"value": 0.5}
    assert sandbox.run("experiment_t~4").id == first.id
    done = sandbox.expt("--params", "nonsense")
    assert done.exit_code == 4
    assert done.stderr.startswith(
        "error: there is no file 'nonsense', and no run that answers to it\n"
    )
