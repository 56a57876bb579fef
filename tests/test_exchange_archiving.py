"""The one writer of imported runs: whole archives, or none."""

from __future__ import annotations

import datetime as dt
import tomllib
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from expt.archive.manifest import check_manifest
from expt.exchange.archiving import write_archive
from expt.exchange.foreign import ForeignEntry, ForeignRun, foreign_node_id
from expt.ground.errors import DamagedArchive
from expt.reading.finding import find_runs
from expt.reading.references import load_archive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STARTED = dt.datetime(2026, 11, 23, 10, 15, 30, 250_000, tzinfo=dt.UTC)


def foreign(source: Path, **more: Any) -> ForeignRun:
    run = ForeignRun("other", source, "id-1", "a/b::experiment_c", "completed", STARTED)
    return attrs.evolve(run, **more)


def test_an_archive_says_what_the_run_said(tmp_path: Path) -> None:
    entries = [ForeignEntry("x", 1.5, 1.7e9, 3), ForeignEntry("x", 2, 1.7e9 + 1, 4)]
    run = foreign(tmp_path, entries=entries, params={"a": {"b": 1}}, results={"r": 0.5})
    path, notices = write_archive(run, tmp_path / "runs", ["mine"])
    assert notices == ()
    assert path.relative_to(tmp_path).as_posix().startswith("runs/a/b/experiment_c/2026-11-23_10-")
    made = load_archive(path)
    assert (made.started, made.status, made.tags) == (STARTED, "completed", ("mine",))
    assert made.series["x"].times.tolist() == [1.7e9, 1.7e9 + 1]
    assert (made.params, made.results) == ({"a": {"b": 1}}, {"r": 0.5})
    assert made.lineage["fingerprint"] is None
    assert check_manifest(path) == []


def test_what_fails_in_between_leaves_nothing(tmp_path: Path) -> None:
    def entries() -> Iterator[ForeignEntry]:
        yield ForeignEntry("x", 1, 1.7e9)
        raise DamagedArchive("the rest is torn")

    with pytest.raises(DamagedArchive, match="the rest is torn"):
        write_archive(foreign(tmp_path, entries=entries()), tmp_path / "runs")
    assert list((tmp_path / "runs").rglob("*.json")) == []


def test_an_entry_that_cannot_be_read_is_a_notice(tmp_path: Path) -> None:
    entries = [ForeignEntry("x", 1, 1.7e9), *[ValueError("no x")] * 2, ForeignEntry("x", 2, 1.7e9)]
    path, notices = write_archive(foreign(tmp_path, entries=entries), tmp_path / "runs")
    assert notices == ("no x (2 times)",)
    assert load_archive(path).series["x"].values.tolist() == [1, 2]


def test_a_name_with_half_a_letter_is_kept(tmp_path: Path) -> None:
    """In `run.json`; in `params.toml`, which cannot say it, it is a comment."""
    params = {"a\ud800": 1, "b": {"\udfff": 2, "c": 3}}
    path, _ = write_archive(foreign(tmp_path, params=params), tmp_path / "runs")
    assert load_archive(path).params == params
    text = (path / "params.toml").read_text()
    assert text.splitlines()[:2] == [
        "# a\\ud800 = 1: TOML has no lone surrogates",
        "# b.\\udfff = 2: TOML has no lone surrogates",
    ]
    assert tomllib.loads(text) == {"b": {"c": 3}}


def test_until_its_end_an_archive_says_running(tmp_path: Path) -> None:
    seen: list[str] = []

    def entries() -> Iterator[ForeignEntry]:
        yield ForeignEntry("x", 1, 1.7e9)
        seen.extend(run.status for run in find_runs(tmp_path / "runs"))

    write_archive(foreign(tmp_path, entries=entries()), tmp_path / "runs")
    assert seen == ["running"]
    assert [run.status for run in find_runs(tmp_path / "runs")] == ["completed"]


def test_an_artifact_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").write_text("x")
    (tmp_path / "in/link").symlink_to(tmp_path / "secret")
    run = foreign(tmp_path / "in", artifacts={"a": "link"})
    with pytest.raises(OSError, match="a link, which is not followed"):
        write_archive(run, tmp_path / "runs")
    assert list((tmp_path / "runs").rglob("*.json")) == []


def test_secrets_data_and_what_leads_out_are_no_code(tmp_path: Path) -> None:
    code = {"a.py": b"x = 1", "../b.py": b"", "/c.py": b"", ".env": b"K=1", "d.pkl": b"\x80"}
    path, notices = write_archive(foreign(tmp_path, code=code), tmp_path / "runs")
    assert load_archive(path).code == {"a.py": "x = 1"}
    assert notices == ("no code, or too large for it: ../b.py, .env, /c.py, d.pkl",)


@pytest.mark.parametrize(
    ("place", "name", "node_id"),
    [
        ("results/mnist", "mnist", "results/mnist::experiment_mnist"),
        ("experiments/a.py", "experiment_b", "experiments/a.py::experiment_b"),
        ("", "experiments/a.py::experiment_b", "experiments/a.py::experiment_b"),
        ("../../etc", "../x", "etc::experiment__x"),
        ("a\\b", "ä ö", "a/b::experiment__"),
        ("", "", "imported::experiment_unnamed"),
        ("-rf/.hidden", "...", "rf/hidden::experiment_unnamed"),
    ],
)
def test_a_foreign_name_becomes_a_node_id_that_can_be_a_path(
    place: str, name: str, node_id: str
) -> None:
    assert foreign_node_id(place, name) == node_id
