"""A search: its trials are runs like any other, and the archives are all that it remembers."""

from __future__ import annotations

import json
import math
import signal
import statistics
import time
from typing import TYPE_CHECKING, Any

import pytest

from expt.ground.trials import Dimension, Objective, SearchTerms
from expt.parameters.search_tables import parse_space
from expt.reading.finding import find_runs
from expt.searching.bounds import direction_of, make_pruning
from expt.searching.ended import Ended
from expt.searching.samplers import find_importances, make_sampler
from expt.searching.study import Study, best_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from expt.reading.runs import Runs
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

BRANIN = """
    import math
    import time

    def experiment_branin(x: float, y: float, pause: float = 0.0):
        time.sleep(pause)
        b, c = 5.1 / (4 * math.pi**2), 5 / math.pi
        bowl = (y - b * x * x + c * x - 6) ** 2
        return {"value": bowl + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10}
    """
SPACE = """
    seed = 0
    [expt.search]
    minimize = "results.value"
    [expt.search.space]
    x = {float = [-5, 10]}
    y = {float = [0, 15]}
    """


@pytest.fixture
def branin(sandbox: Sandbox) -> Sandbox:
    sandbox.write({"experiments/branin.py": BRANIN, "experiments/params.toml": SPACE})
    return sandbox


@pytest.fixture(scope="module")
def searched(shared_sandbox: Sandbox) -> Sandbox:
    """A search of 14 trials, of which the last ones are no more drawn at random."""
    shared_sandbox.write({"experiments/branin.py": BRANIN, "experiments/params.toml": SPACE})
    done = shared_sandbox.expt("experiments", "--search", "14")
    assert done.exit_code == 0, done.stderr
    assert "14 of 14 trials are known; the best: results.value" in done.stdout
    return shared_sandbox


def runs_below(sandbox: Sandbox, root: str) -> Runs:
    return find_runs(sandbox.root / root)


def in_order(runs: Runs) -> list[tuple[int, float, float]]:
    return sorted((r.lineage["search"]["number"], r.params["x"], r.params["y"]) for r in runs)


# The archives are the study


def test_trials_are_runs_whose_lineage_tells_of_the_search(searched: Sandbox) -> None:
    runs = searched.runs()
    assert [number for number, *_ in in_order(runs)] == list(range(14))
    search = runs[0].lineage["search"]
    assert search["state"] == "completed"
    assert search["objectives"] == {"results.value": "minimize"}
    assert runs[0].lineage["sweep"] == {name: runs[0].params[name] for name in ("x", "y")}


def test_the_same_search_again_gives_the_same_trials(searched: Sandbox, branin: Sandbox) -> None:
    branin.expt("experiments", "--search", "14")
    assert in_order(branin.runs()) == in_order(searched.runs())


def test_a_search_goes_on_as_if_it_had_never_stopped(searched: Sandbox, branin: Sandbox) -> None:
    """The sampler is asked as it would have been: after 7 and 7 trials there are the same 14."""
    branin.expt("experiments", "--search", "7")
    done = branin.expt("experiments", "--search", "14")
    assert "7 of 14 trials are known" in done.stdout
    assert in_order(branin.runs()) == in_order(searched.runs())
    again = branin.expt("experiments", "--search", "14")
    assert again.exit_code == 0
    assert len(branin.runs()) == 14


@pytest.mark.inline(False)
def test_a_killed_search_ends_with_as_many_trials(branin: Sandbox) -> None:
    process = branin.start("experiments", "--search", "12", "-p", "pause=0.05")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if len(list(branin.root.glob("runs/branin/*/*/run.json"))) >= 5:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = branin.expt("experiments", "--search", "12", "-p", "pause=0.05")
    assert done.exit_code == 0, done.stderr
    completed = [run for run in branin.runs() if run.status == "completed"]
    assert [number for number, *_ in in_order(completed)] == list(range(12))


def test_runs_by_hand_within_the_space_count(branin: Sandbox) -> None:
    """Those outside of it, and those of another value beside the space, do not."""
    for x in ("1.5", "2.5", "-50.0"):
        branin.expt("experiments", "--search", "0", "-p", f"x={x}", "-p", "y=2.0")
    branin.expt("experiments", "--search", "0", "-p", "x=3.0", "-p", "y=2.0", "-p", "pause=0.001")
    branin.expt("experiments", "--search", "0", "--sweep", "x=4.0,5.0", "-p", "y=2.0")
    done = branin.expt("experiments", "--search", "6")
    assert "4 of 6 trials are known, 4 of them run by hand" in done.stdout
    assert sum("search" in run.lineage for run in branin.runs()) == 2
    told = branin.expt("search", "--json").json()
    assert [one["number"] for one in told["trials"]] == [None, None, None, None, 0, 1]
    assert [one["params"]["x"] for one in told["trials"][:4]] == [1.5, 2.5, 4.0, 5.0]
    assert "6 of 6 trials" in branin.expt("search").stdout


def test_trials_of_other_code_are_no_trials_of_this_search(branin: Sandbox) -> None:
    branin.expt("experiments", "--search", "3")
    branin.write({"experiments/branin.py": BRANIN.replace("+ 10}", "+ 11}")})
    done = branin.expt("experiments", "--search", "3", "--plan")
    assert "nothing is known yet" in done.stdout


def test_four_trials_run_at_once(branin: Sandbox) -> None:
    """The first of them wait until a second process has begun one."""
    meeting = """
        import os, time
        from pathlib import Path

        def meet():
            Path(f"began-{os.getpid()}").touch()
            end = time.monotonic() + 60
            while len(list(Path().glob("began-*"))) < 2 and time.monotonic() < end:
                time.sleep(0.01)
        """
    source = BRANIN.replace("import time", "import time, meeting").replace(
        "time.sleep", "meeting.meet(); time.sleep"
    )
    branin.write({"experiments/meeting.py": meeting, "experiments/branin.py": source})
    done = branin.expt("experiments", "--search", "10", "-n", "4")
    assert done.exit_code == 0, done.stderr
    assert [number for number, *_ in in_order(branin.runs())] == list(range(10))
    assert len({run.record.pid for run in branin.runs()}) > 1


def lowest_branin(sampler: str, seed: int) -> float:
    """The best of 30 trials on the function of `BRANIN`."""
    space = (Dimension("x", "float", -5.0, 10.0), Dimension("y", "float", 0.0, 15.0))
    terms = SearchTerms(space, TERMS.objectives, 30, sampler, seed=seed)
    study = Study(terms, make_sampler(terms))
    while (point := study.ask()) is not None:
        x, y = point.values["x"], point.values["y"]
        bowl = (y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6) ** 2
        value = bowl + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10
        study.tell(Ended(point.number, point.values, "completed", (value,)))
    return min(one.goals[0] for one in study.ended if one.goals)


def test_tpe_finds_better_values_than_random_in_the_median_of_ten_seeds() -> None:
    seeds = range(10)
    tpe, random = ([lowest_branin(name, seed) for seed in seeds] for name in ("tpe", "random"))
    assert statistics.median(tpe) < statistics.median(random)


# Words


def test_the_command_line_says_all_that_a_file_says(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/one.py": "def experiment_one(lr: float, kind: str): return lr"})
    done = sandbox.expt(
        *("experiments", "--search", "4", "--maximize", "results.value", "--sampler", "random"),
        *("--space", "lr={log=[1e-3, 1]}", "--space", "kind=adam,sgd", "-p", "seed=1"),
    )
    assert done.exit_code == 0, done.stderr
    runs = sandbox.runs()
    assert len(runs) == 4
    assert all(1e-3 <= run.params["lr"] <= 1 for run in runs)
    assert {run.params["kind"] for run in runs} <= {"adam", "sgd"}
    assert runs[0].origins["lr"][0].where == "--space lr"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--search", "3"], "error: the search is for nothing: it has no objective\n"),
        (
            ["--search", "3", "--maximize", "results.value"],
            "error: the search has no space: nothing is varied\n",
        ),
        (
            ["--search", "3", "--maximize", "x", "--space", "lrr={float=[0,1]}"],
            "error: no selected experiment has a parameter 'lrr'\n"
            "  at --space lrr\n"
            "  did you mean 'lr'? parameters: kind, lr, seed\n",
        ),
        (
            ["--search", "3", "--maximize", "x", "--space", "lr={float=[1,0]}"],
            "error: 'lr' of the space must have its low end first, above 0 for log, and no step",
        ),
        (
            ["--search", "3", "--maximize", "x", "--space", "lr={float=[0,1]}", "--sampler", "tp"],
            "error: there is no sampler 'tp'\n"
            "  at --sampler tp\n"
            "  did you mean 'tpe'? samplers: cmaes, grid, qmc, random, tpe\n",
        ),
        (
            ["--search=3", "--maximize=x", "--space", "lr={float=[0,1]}", "--sampler", "grid"],
            "error: 'lr' has no grid: it has no step\n  at --space lr\n",
        ),
    ],
)
def test_half_a_search_is_refused_before_anything_runs(
    sandbox: Sandbox, words: list[str], told: str
) -> None:
    source = "def experiment_one(lr: float = 1.0, kind: str = 'a'): return lr"
    sandbox.write({"experiments/one.py": source})
    done = sandbox.expt("experiments", *words)
    assert done.exit_code == 4
    assert done.stderr.startswith(told)
    assert not (sandbox.root / "runs").exists()


def test_an_objective_that_no_run_has_ends_the_search_at_once(branin: Sandbox) -> None:
    done = branin.expt("experiments", "--search", "9", "--minimize", "results.valeu")
    assert done.exit_code == 4
    assert "error: no run has a value 'results.valeu'" in done.stderr
    assert "did you mean 'results.value'?" in done.stderr
    assert len(branin.runs()) == 1


def test_a_given_value_is_not_searched(branin: Sandbox) -> None:
    done = branin.expt("experiments", "--search", "3", "-p", "x=1.0", "--sampler", "random")
    assert "'x' is given, and not searched" in done.stdout
    assert {run.params["x"] for run in branin.runs()} == {1.0}


def test_experiments_that_take_nothing_of_the_space_run_once(branin: Sandbox) -> None:
    branin.write({"experiments/other.py": "def experiment_other(): return 1"})
    done = branin.expt("experiments", "--search", "3", "--sampler", "random")
    assert done.exit_code == 0, done.stderr
    assert sorted(run.experiment.rpartition("_")[2] for run in branin.runs()) == [
        *["branin"] * 3,
        "other",
    ]


def test_each_case_of_a_sweep_is_a_search_of_its_own(branin: Sandbox) -> None:
    words = ("--search", "3", "--sampler", "random", "--sweep", "pause=0.0,0.001")
    assert branin.expt("experiments", *words).exit_code == 0
    runs = branin.runs()
    assert len(runs) == 6
    assert len({run.lineage["search"]["study"] for run in runs}) == 2


def test_the_objective_of_a_repeated_trial_is_the_mean(sandbox: Sandbox) -> None:
    sandbox.write(
        {"experiments/one.py": "def experiment_one(x: float, seed: int): return x + seed % 7"}
    )
    words = ("--search=5", "--minimize=results.value", "--space", "x={float=[0,1]}", "--repeat=3")
    assert sandbox.expt("experiments", *words, "-p", "seed=3").exit_code == 0
    assert len(sandbox.runs()) == 15
    told = sandbox.expt("search", "--json").json()
    for trial in told["trials"]:
        values = [sandbox.run(one).results["value"] for one in trial["runs"]]
        assert len(values) == 3
        assert trial["objectives"]["results.value"] == pytest.approx(statistics.mean(values))
    assert sandbox.expt("experiments", *words, "-p", "seed=3").exit_code == 0
    assert len(sandbox.runs()) == 15


def test_failed_trials_count_and_tell_nothing(sandbox: Sandbox) -> None:
    source = """
        def experiment_one(x: int):
            if x % 2:
                raise ValueError("odd")
            return x
        """
    sandbox.write({"experiments/one.py": source})
    words = ("--search=9", "--sampler=grid", "--minimize=results.value", "--space", "x={int=[2,7]}")
    done = sandbox.expt("experiments", *words)
    assert done.exit_code == 1
    states = {run.params["x"]: run.lineage["search"]["state"] for run in sandbox.runs()}
    assert states == {x: "failed" if x % 2 else "completed" for x in range(2, 8)}


# Pruning

CURVES = """
    def experiment_curve(track, height: float, steps: int = 50):
        for step in range(steps):
            track("loss", height + 2.0 ** (-step / 5), step=step)
        track("reached", 1)
    """


def test_hopeless_trials_are_stopped_and_keep_their_data(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/curve.py": CURVES})
    words = ("--space", "height={float=[0,10]}", "--minimize", "last.loss", "-p", "seed=2")
    for name, more in {"whole": (), "pruned": ("--prune", "loss")}.items():
        done = sandbox.expt("experiments", "--search=24", *words, *more, "--runs", name)
        assert done.exit_code == 0, done.stderr
    whole, pruned = runs_below(sandbox, "whole"), runs_below(sandbox, "pruned")
    steps = {
        name: sum(len(r.series["loss"]) for r in runs)
        for name, runs in {"whole": whole, "pruned": pruned}.items()
    }
    assert steps["whole"] == 24 * 50
    assert steps["pruned"] < 0.6 * steps["whole"]
    stopped = [run for run in pruned if run.lineage["search"]["state"] == "pruned"]
    assert stopped
    for run in stopped:
        assert run.status == "completed"
        assert 2 <= len(run.series["loss"]) < 50
        assert "reached" not in run.series
        assert any(text.startswith("pruned at step") for text in run.notices)
    best = [min(run.last["loss"] for run in runs) for runs in (whole, pruned)]
    assert best[1] <= best[0] * 1.2 + 0.05


def ended(number: int, goal: float, curve: list[float]) -> Ended:
    return Ended(number, {}, "completed", (goal,), tuple(enumerate(curve)))


def test_bounds_are_the_median_of_what_was_reached_by_then() -> None:
    curves = [[5, 4, 6], [5, 3, 2], [5, 2, 1], [5, 5, 5]]
    trials = [ended(i, curve[-1], [float(v) for v in curve]) for i, curve in enumerate(curves)]
    objective = Objective("min.loss", "minimize")
    assert make_pruning("loss", objective, trials[:3]) is None
    pruning = make_pruning("loss", objective, trials)
    assert pruning is not None
    assert (pruning.steps, pruning.bounds) == ((1.0, 2.0), (3.5, 3.0))


@pytest.mark.parametrize(("sign", "direction"), [(1, "maximize"), (-1, "minimize")])
def test_what_is_good_in_another_series_is_learned(sign: int, direction: str) -> None:
    trials = [ended(i, i, [0.0, float(sign * i)]) for i in range(5)]
    assert direction_of("other", Objective("results.score", "maximize"), trials) == direction
    level = [ended(i, i, [0.0, 1.0]) for i in range(5)]
    assert direction_of("other", Objective("results.score", "maximize"), level) is None


def test_the_plan_shows_the_space_and_what_is_known(branin: Sandbox) -> None:
    branin.expt("experiments", "--search", "2", "--sampler", "random")
    words = ("experiments", "--search", "5", "--sampler", "random", "--plan")
    (told,) = branin.expt(*words, "--json").json()
    assert told["id"] == "experiments/branin.py::experiment_branin"
    assert told["search"]["space"]["x"] == {"float": [-5.0, 10.0], "log": False, "step": 0.0}
    assert told["search"]["known"].startswith("2 of 5 trials are known; the best: results.value")
    assert "by tpe" in branin.expt(*words[:3], "--plan").stdout, "where nobody says who chooses"
    shown = branin.expt(*words).stdout
    assert "x         -5 to 10  experiments/params.toml:5" in shown
    assert shown.endswith("1 search\n")
    assert len(branin.runs()) == 2


def test_a_table_that_is_given_leaves_nothing_of_it_to_search(sandbox: Sandbox) -> None:
    """So that a trial can be run again: its values are given as a whole."""
    sandbox.write({"experiments/one.py": "def experiment_one(opt: dict): return opt['lr']"})
    words = ("--search=2", "--minimize=results.value", "--sampler=random")
    space = ("--space", "opt.lr={log=[1e-3,1]}")
    done = sandbox.expt("experiments", *words, *space, "-p", "opt={lr=0.5}")
    assert done.exit_code == 0, done.stderr
    assert [run.params["opt"] for run in sandbox.runs()] == [{"lr": 0.5}]
    assert sandbox.expt("experiments", *words, *space).exit_code == 0
    trial = sandbox.run("latest")
    assert "search" in trial.lineage
    assert sandbox.expt("rerun", trial.id).exit_code == 0
    assert sandbox.run("latest").params == trial.params


@pytest.mark.parametrize(
    ("typed", "dimension"),
    [
        ("n={int=[1, 512]}", Dimension("n", "int", 1, 512, step=1)),
        ("n={int=[1, 512], log=true}", Dimension("n", "int", 1, 512, log=True)),
        ("n={int=[1, 9], step=2}", Dimension("n", "int", 1, 9, step=2)),
        ("x={log=[1e-3, 1]}", Dimension("x", "float", 1e-3, 1.0, log=True)),
    ],
)
def test_whole_numbers_have_a_step_and_what_is_drawn_by_size_has_none(
    typed: str, dimension: Dimension
) -> None:
    read = parse_space(typed)
    assert (read.kind, read.low, read.high, read.log, read.step) == (
        dimension.kind, dimension.low, dimension.high, dimension.log, dimension.step
    )  # fmt: skip


# Samplers

TERMS = SearchTerms(
    (
        Dimension("a", "float", 0.0, 1.0),
        Dimension("b", "float", 1e-5, 1e-1, log=True),
        Dimension("c", "int", 1, 512, log=True),
        Dimension("d", "int", 2, 9, step=2),
        Dimension("e", "choice", choices=("x", None, [1, 2], True)),
        Dimension("f", "float", 0.0, 0.5, step=0.1),
    ),
    (Objective("results.value", "minimize"),),
    40,
    seed=5,
)


@pytest.mark.parametrize("name", ["cmaes", "qmc", "random", "tpe"])
def test_samplers_stay_in_the_space_and_are_drawn_from_the_seed(name: str) -> None:
    import attrs

    terms = attrs.evolve(TERMS, sampler=name)
    told = []
    for _ in range(2):
        study = Study(terms, make_sampler(terms))
        while (point := study.ask()) is not None:
            assert all(one.holds(point.values[one.name]) for one in terms.space), point.values
            study.tell(Ended(point.number, point.values, "completed", (point.values["a"],)))
        told.append([one.values for one in study.ended])
    assert told[0] == told[1]
    other = Study(attrs.evolve(terms, seed=6), make_sampler(attrs.evolve(terms, seed=6))).ask()
    assert other is not None
    assert other.values != told[0][0]
    assert len({repr(values) for values in told[0]}) > 30


@pytest.mark.parametrize("name", ["grid", "random"])
def test_the_last_step_of_an_interval_is_tried_whatever_its_digits_are(name: str) -> None:
    """0.3 / 0.1 is a little less than 3."""
    space = (Dimension("f", "float", 0.0, 0.3, step=0.1),)
    terms = SearchTerms(space, TERMS.objectives, 40, name, seed=1)
    study = Study(terms, make_sampler(terms))
    tried = set()
    while (point := study.ask()) is not None:
        tried.add(round(point.values["f"], 9))
    assert tried == {0.0, 0.1, 0.2, 0.3}


def test_a_trial_takes_the_first_number_that_none_has() -> None:
    terms = SearchTerms(TERMS.space, TERMS.objectives, 4, "random")
    study = Study(terms, make_sampler(terms), [Ended(1, {}, "completed", (1.0,))])
    points = [study.ask() for _ in range(3)]
    assert [point and point.number for point in points] == [0, 2, 3]


def test_a_grid_has_every_point_once() -> None:
    space = (Dimension("d", "int", 2, 9, step=2), Dimension("f", "float", 0.0, 0.5, step=0.1))
    terms = SearchTerms(space, TERMS.objectives, 100, "grid")
    study = Study(terms, make_sampler(terms), [Ended(None, {"d": 4, "f": 0.0}, "completed", (1,))])
    points = []
    while (point := study.ask()) is not None:
        points.append((point.values["d"], round(point.values["f"], 6)))
    wanted = {(d, f) for d in (2, 4, 6, 8) for f in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)}
    assert len(points) == 23
    assert set(points) == wanted - {(4, 0.0)}


def test_of_several_objectives_the_best_are_those_that_no_other_is_better_than() -> None:
    objectives = (Objective("loss", "minimize"), Objective("score", "maximize"))
    goals = [(1, 1), (2, 3), (2, 2), (0, 0), (5, 3)]
    trials = [Ended(i, {}, "completed", pair) for i, pair in enumerate(goals)]
    assert [one.number for one in best_of(trials, objectives)] == [0, 1, 3]


# What mattered


def drawn(space: tuple[Dimension, ...], count: int, goal_of: Callable[..., float]) -> list[Ended]:
    """Trials at random points, with the goal that each point has."""
    sampler = make_sampler(SearchTerms(space, TERMS.objectives, count, "random", seed=5))
    points = [sampler.ask(number) or {} for number in range(count)]
    return [Ended(n, one, "completed", (goal_of(**one),)) for n, one in enumerate(points)]


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_what_makes_the_best_trials_mattered_and_not_what_makes_the_worst(direction: Any) -> None:
    space = (Dimension("good", "float", 0.0, 1.0), Dimension("bad", "float", 0.0, 1.0))
    sign = 1 if direction == "maximize" else -1
    trials = drawn(space, 60, lambda good, bad: sign * (good - 10 * (bad < 0.2)))
    terms = SearchTerms(space, (Objective("results.value", direction),), 60)
    assert find_importances(terms, trials)["good"] > 0.9


def test_of_few_trials_and_of_those_that_are_all_alike_nothing_mattered() -> None:
    trials = drawn(TERMS.space, 40, lambda a, **_: a)
    failed = [Ended(n, one.values, "failed") for n, one in enumerate(trials)]
    assert find_importances(TERMS, [*trials[:9], *failed]) == {}
    assert sum(find_importances(TERMS, trials[:10]).values()) == pytest.approx(1)
    assert find_importances(TERMS, drawn(TERMS.space, 40, lambda **_: 1.0)) == {}


# Seams


def test_a_plugin_chooses_the_trials(branin: Sandbox) -> None:
    plugin = """
        import expt

        class Diagonal:
            def ask(self, number):
                return {"x": float(number), "y": float(number)}
            def tell(self, ended):
                pass

        @expt.hook
        def expt_make_sampler(terms):
            return Diagonal() if terms.sampler == "diagonal" else None
        """
    branin.write({"diagonal.py": plugin})
    words = ("--search", "3", "--sampler", "diagonal", "--plugin", "diagonal.py")
    assert branin.expt("experiments", *words).exit_code == 0
    assert in_order(branin.runs()) == [(n, float(n), float(n)) for n in range(3)]


TWICE = """
import sys
from expt.cli.main import main

main(["search", "experiment_branin"])
print("as JSON:")
main(["search", "--json"])
assert "sklearn" not in sys.modules, "a second for nothing"
"""
"""In one process: what tells the importance takes long to import."""


def test_the_verb_shows_best_history_and_importance(searched: Sandbox) -> None:
    done = searched.python("-c", TWICE)
    assert done.exit_code == 0, done.stderr
    shown, _, told_as_json = done.stdout.partition("as JSON:")
    assert "14 of 14 trials: 14 completed" in shown.splitlines()
    assert {"best", "what mattered"} <= set(shown.splitlines())
    told = json.loads(told_as_json)
    values = [trial["objectives"]["results.value"] for trial in told["trials"]]
    assert told["best"] == [values.index(min(values))]
    assert sum(told["importance"].values()) == pytest.approx(1)
    assert searched.expt("search", "--runs", "nowhere").exit_code == 4
