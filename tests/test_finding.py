"""Which runs are found: the words, and the condition, whatever the values are."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from made_runs import id_of, make_run

from expt.archive.run_labels import Labels, write_labels
from expt.ground.errors import UsageError
from expt.ground.layout import INDEX_FILE, SCRATCH_DIR
from expt.reading.finding import choose_runs, find_runs
from expt.reading.runs import Runs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Five runs of two sessions: lr falls, accuracy rises, one failed and has none."""
    root = tmp_path / "runs"
    for number in range(5):
        failed = number == 3
        make_run(
            root,
            number,
            status="failed" if failed else "completed",
            case=f"lr-{5 - number}",
            params={"lr": 5 - number, "model": {"name": "mlp" if number % 2 else "cnn"}},
            results={} if failed else {"accuracy": number / 10},
            series={"loss": {"kind": "scalar", "count": 1, "last": 1.0, "min": 0.5, "max": 2.0}},
            lineage={"session": "first" if number < 2 else "second"},
            tags=("best",) if number == 4 else (),
        )
    return root


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ({}, [4, 3, 2, 1, 0]),
        ({"where": "lr < 4 and results.accuracy > 0"}, [4, 2]),
        ({"where": "not results.accuracy > 0.2"}, [2, 1, 0]),
        ({"where": "results.accuracy > 0.2", "limit": 1}, [4]),
        ({"where": "lr > 1", "limit": 2}, [3, 2]),
        ({"where": "model.name == 'mlp' or 'best' in tags"}, [4, 3, 1]),
        ({"where": "session == 'first'"}, [1, 0]),
        ({"where": "min.loss < last.loss", "status": "failed"}, [3]),
        ({"session": "latest"}, [4, 3, 2]),
        ({"session": "fir"}, [1, 0]),
        ({"session": "third"}, []),
        ({"on": "2026-11-23"}, [4, 3, 2, 1, 0]),
        ({"on": "2026-11-24"}, []),
        ({"sort": "lr"}, [4, 3, 2, 1, 0]),
        ({"sort": "-lr", "limit": 2}, [0, 1]),
        ({"sort": "accuracy"}, [0, 1, 2, 4, 3]),
        ({"sort": "-accuracy"}, [4, 2, 1, 0, 3]),
        ({"since": "2026-11-23T10:00:02+00:00", "until": "2026-11-23T10:00:03+00:00"}, [3, 2]),
        ({"tag": "best"}, [4]),
        ({"k": "lr-5 or lr-1"}, [4, 0]),
    ],
)
def test_each_word_finds_what_it_says_in_a_root_and_among_given_runs(
    root: Path, words: dict[str, Any], numbers: list[int]
) -> None:
    wanted = [id_of(number) for number in numbers]
    assert [run.id for run in find_runs(root, **words)] == wanted
    assert [run.id for run in find_runs(root, **words)] == wanted, "with an index"
    assert [run.id for run in choose_runs(find_runs(root), **words)] == wanted


@pytest.mark.parametrize("newest", [7, 8])
def test_the_newest_of_several_roots_come_first_and_are_what_a_limit_leaves(
    tmp_path: Path, newest: int
) -> None:
    root, other = tmp_path / "runs", tmp_path / "runs" / SCRATCH_DIR
    for number in (1, 3, 5, newest):
        make_run(root if number % 2 else other, number)
    for number in (0, 2, 4):
        make_run(other, number)
    wanted = [id_of(number) for number in (newest, 5, 4, 3, 2, 1, 0)]
    assert [run.id for run in find_runs(root, scratch=True)] == wanted
    assert [run.id for run in find_runs(root, scratch=True, limit=3)] == wanted[:3]


@pytest.mark.parametrize("words", [{}, {"limit": 1}, {"status": "failed"}])
def test_a_name_in_a_condition_that_no_run_has_is_an_error(root: Path, words: Any) -> None:
    with pytest.raises(UsageError) as caught:
        find_runs(root, where="lr > 0 or acuracy > 0.5", **words)
    assert "no run has a value 'acuracy'" in str(caught.value)
    assert "accuracy" in str(caught.value)


def test_a_name_that_only_runs_have_which_are_not_asked_for_is_none(root: Path) -> None:
    assert list(find_runs(root, where="results.accuracy > 0", status="failed")) == []


def test_a_condition_says_nothing_where_there_are_no_runs(tmp_path: Path) -> None:
    assert list(find_runs(tmp_path / "none", where="lr < 1")) == []


def test_a_tag_that_was_added_later_is_found_and_one_that_was_taken_away_is_not(
    root: Path,
) -> None:
    def tagged(tag: str) -> list[str]:
        return [run.id for run in find_runs(root, tag=tag)]

    newest, *_, oldest = find_runs(root)
    assert tagged("late") == []
    write_labels(oldest.path, Labels(tags=("late",)))
    write_labels(newest.path, Labels(removed=("best",)))
    assert (tagged("late"), tagged("best")) == ([id_of(0)], [])
    assert [run.id for run in find_runs(root, where="'late' in tags")] == [id_of(0)]


def test_setup_and_lineage_are_columns_conditions_and_sorts(tmp_path: Path) -> None:
    make_run(tmp_path, 1, setup=2.5, lineage={"session": "s1", "fingerprint": "f"})
    make_run(tmp_path, 2, setup=0.5, lineage={"rerun_of": id_of(1)}, params={"setup": 7})
    for _ in range(2):
        assert [run.id for run in find_runs(tmp_path, where="setup > 1")] == [id_of(1)]
        assert [run.id for run in find_runs(tmp_path, where="params.setup > 1")] == [id_of(2)]
        assert [
            run.id for run in find_runs(tmp_path, where=f"lineage.rerun_of == '{id_of(1)}'")
        ] == [id_of(2)]
        assert [run.id for run in find_runs(tmp_path, where="not lineage.rerun_of")] == []
        assert [run.id for run in find_runs(tmp_path, sort="setup")] == [id_of(2), id_of(1)]
    table = find_runs(tmp_path, sort="setup").table(["setup", "lineage.rerun_of"])
    assert list(table.rows) == [{"setup": 0.5, "lineage.rerun_of": id_of(1)}, {"setup": 2.5}]
    with pytest.raises(UsageError, match=r"lineage\.rerun_of"):
        find_runs(tmp_path, where="lineage.rerun == 'x'")


def test_setup_and_lineage_are_sorted_both_ways_and_make_groups(tmp_path: Path) -> None:
    make_run(tmp_path, 1, setup=2.5, lineage={"session": "s1", "sweep": {"lr": 2}})
    make_run(tmp_path, 2, setup=0.5, lineage={"session": "s2", "sweep": {"lr": 10}})
    make_run(tmp_path, 3, lineage={"session": "s1"})
    for limit in (None, 2):
        ids = {
            sort: [run.id for run in find_runs(tmp_path, sort=sort, limit=limit)]
            for sort in ("-setup", "-lineage.session", "lineage.sweep.lr", "-lineage.sweep.lr")
        }
        assert ids == {
            "-setup": [id_of(1), id_of(2), id_of(3)][:limit],
            "-lineage.session": [id_of(2), id_of(3), id_of(1)][:limit],
            "lineage.sweep.lr": [id_of(1), id_of(2), id_of(3)][:limit],
            "-lineage.sweep.lr": [id_of(2), id_of(1), id_of(3)][:limit],
        }
    runs = find_runs(tmp_path)
    groups = [(dict(group.values), len(group.runs)) for group in runs.group_by("lineage.session")]
    assert groups == [({"lineage.session": "s1"}, 2), ({"lineage.session": "s2"}, 1)]
    assert [dict(group.values) for group in runs.group_by("setup", "lineage.sweep.lr")] == [
        {"setup": 0.5, "lineage.sweep.lr": 10},
        {"setup": 2.5, "lineage.sweep.lr": 2},
        {"setup": None},
    ]
    with pytest.raises(UsageError, match=r"lineage\.session"):
        runs.group_by("lineage.sesion")


def test_groups_take_values_of_any_type_and_are_in_order(tmp_path: Path) -> None:
    values: list[Any] = [1, 1.0, True, [1, 2], [1, 2], {"a": 1, "b": 2}, {"b": 2, "a": 1}, None,
                         float("nan"), float("nan"), "1"]  # fmt: skip
    for number, value in enumerate(values):
        make_run(tmp_path, number, params={"x": value, "y": 0}, results={"r": number})
    make_run(tmp_path, 20, params={"y": 0}, results={"r": 20})
    groups = find_runs(tmp_path).group_by("x")
    assert sorted(len(group.runs) for group in groups) == [1, 1, 1, 1, 2, 2, 2, 2]
    assert all(isinstance(runs, Runs) for _, runs in groups)
    assert {len(runs) for found, runs in groups if not found} == {1}, "the one without x"
    table = find_runs(tmp_path).group_by("y").table()
    (row,) = table.rows
    assert (row["y"], row["n"]) == (0, 12)
    assert row["results.r.mean"] == pytest.approx(75 / 12)
    assert (row["results.r.min"], row["results.r.max"]) == (0.0, 20.0)


@pytest.mark.parametrize(
    ("numbers", "spread"),
    [
        ([2.0], (2.0, None)),
        ([1.0, 3.0], (2.0, 2**0.5)),
        ([1e308, 1e308], (1e308, 0.0)),
        ([10**400, 1], (float("inf"), None)),
    ],
)
def test_the_spread_has_one_less_than_n_and_survives_numbers_that_are_too_large(
    tmp_path: Path, numbers: list[float], spread: tuple[float, float | None]
) -> None:
    for number, value in enumerate(numbers):
        make_run(tmp_path, number, results={"r": value})
    (group,) = find_runs(tmp_path).group_by("experiment")
    found = group.statistics("results")["r"]
    assert found["mean"] == spread[0]
    assert spread[1] is None or found["std"] == pytest.approx(spread[1])


SORTED_BY = ["lr", "results.accuracy", "last.loss", "duration", "deep.x", "mixed", "results.lr"]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs that have some of the names of `SORTED_BY`, with values of every kind."""
    root, rng = tmp_path_factory.mktemp("runs"), random.Random(1)
    values = [0.5, 0.25, 3, -1, 1e300, 5e-324, 2**60, 2**60 + 1, float("nan"), None, "text", True]
    for number in range(50):
        fields: dict[str, Any] = {"params": {}, "results": {}, "series": {}}
        for part, name in [("params", "lr"), ("results", "lr"), ("results", "accuracy")]:
            if rng.random() < 0.8:
                fields[part][name] = rng.choice([rng.random(), rng.choice(values)])
        if rng.random() < 0.1:
            fields["made"] = {"lr": rng.random()}
        fields["params"]["deep"] = rng.choice([{"x": rng.random()}, 3])
        fields["results"]["mixed"] = rng.choice([*values, rng.random()])
        low, high = sorted([rng.random(), rng.random()])
        fields["series"]["loss"] = {"kind": "scalar", "count": 2, "last": high, "min": low}
        make_run(root, number, duration=rng.random(), **fields)
    return root


@pytest.mark.parametrize("sort", [f"{sign}{name}" for name in SORTED_BY for sign in ("", "-")])
def test_the_first_of_a_sort_are_the_first_of_the_whole(mixed: Path, sort: str) -> None:
    """Whatever the index knows to come later is not read; what it cannot tell, is."""
    for file in mixed.glob(f"{INDEX_FILE}*"):
        file.unlink()
    for _ in range(2):  # the second time with an index
        whole = find_runs(mixed, sort=sort)
        for limit in (1, 7, 49, 500):
            first = find_runs(mixed, sort=sort, limit=limit)
            assert [run.id for run in first] == [run.id for run in whole[:limit]]


@pytest.mark.parametrize("limit", [-1, 1.5, "x", True])
def test_a_limit_that_is_no_number_of_runs_is_told(tmp_path: Path, limit: Any) -> None:
    runs = find_runs(tmp_path)
    for find in (lambda: find_runs(tmp_path, limit=limit), lambda: choose_runs(runs, limit=limit)):
        with pytest.raises(UsageError, match="is no number of runs"):
            find()
