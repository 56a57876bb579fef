"""What a notebook shows of runs: results and pictures first, the rest folded away."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from expt.reading.runs import Runs
from tests.test_reading import make_run

if TYPE_CHECKING:
    from pathlib import Path

    from expt.reading.run import Run


def pictures_of(run: Run) -> list[bytes]:
    found = re.findall(r"src='data:image/png;base64,(.*?)'", run._repr_html_())
    return [base64.b64decode(each) for each in found]


def test_a_run_has_its_pictures_and_reads_none_from_elsewhere(tmp_path: Path) -> None:
    run = make_run(tmp_path, results={"accuracy": 0.5}, params={"lr": 0.25})
    assert pictures_of(run) == []
    (tmp_path / "secret.png").write_bytes(b"secret")
    plots = run.path / "plots"
    plots.mkdir()
    for name in ("a.png", "b.png"):
        (plots / name).write_bytes(name.encode())
    (plots / "c.png").symlink_to(tmp_path / "secret.png")
    index = '{"a": ["a.png", "a.mp4"], "b": ["b.png"], "c": ["c.png"], "d": ["../../secret.png"]}'
    (plots / "index.json").write_text(index)
    assert pictures_of(run.reload()) == [b"a.png", b"b.png"]
    (plots / "overview.png").write_bytes(b"overview")
    assert pictures_of(run.reload()) == [b"overview"]
    (plots / "index.json").write_text("{")
    shown = run.reload()._repr_html_()
    assert shown.index("accuracy") < shown.index("<details><summary>parameters</summary>")
    assert "lr" in shown.partition("<summary>parameters</summary>")[2]


def test_several_runs_have_results_first_and_what_is_the_same_once(tmp_path: Path) -> None:
    runs = Runs(
        make_run(tmp_path, n, params={"lr": n, "epochs": 7}, results={"loss": n}, case=f"lr-{n}")
        for n in (1, 2)
    )
    table, _, folded = runs._repr_html_().partition("<details><summary>the same in all</summary>")
    heads = re.findall("<th>(.*?)</th>", table)
    assert heads == ["id", "results.loss", "params.lr", "status", "started", "duration"]
    assert "params.epochs" in folded
    many = Runs([*runs] * 50 + [runs[0]])
    assert "<p>… and 1 more</p>" in many._repr_html_()
    assert Runs([])._repr_html_().count("<tr>") == 1


def test_series_list_themselves(tmp_path: Path) -> None:
    run = make_run(tmp_path, track={"loss": [2.0, 1.0], "<b>": ["a text"]})
    assert repr(run.series) == (
        "series  kind    entries  last\nloss    scalar  2        1\n<b>     text    1        a text"
    )
    assert "&lt;b&gt;" in run.series._repr_html_()
    assert repr(make_run(tmp_path, 2).series) == "<no series>"
