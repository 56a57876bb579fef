"""Chains of experiments at work: what is run, what it is given, and what becomes of failures."""

from __future__ import annotations

import json
import random
import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from expt.testing import Done, Sandbox

pytestmark = pytest.mark.inline

TRAIN = """
from pathlib import Path

def experiment_train(track, archive, lr: float = 0.1, epochs: int = 2):
    if Path("broken").exists() and lr in (0.1, 2):
        raise OSError("the disk is full")
    for epoch in range(epochs):
        track("loss", lr / (epoch + 1), step=epoch)
    archive.save("weights.json", {"lr": lr})
    return {"weight": lr * epochs}
"""
EVALUATE = """
import expt

@expt.provider
def weights(model):
    return model.artifacts["weights.json"].load()

@expt.needs(model="train.py::experiment_train")
def experiment_evaluate(model: expt.Run, weights, threshold: float = 1.0):
    assert model.status == "completed"
    assert weights["lr"] == model.params["lr"]
    return {"score": model.results["weight"] * threshold}
"""
COMPARE = """
import expt

@expt.needs(model="train.py::experiment_train", scores="evaluate.py::experiment_evaluate")
def experiment_compare(model, scores: list[expt.Run]):
    for run in scores:
        assert run.lineage["needs"] == {"model": model.id}
    return {"best": max(run.results["score"] for run in scores), "of": len(scores)}
"""


SWEEP = ("--sweep", "lr=1,2", "--sweep", "threshold=3,4")


@pytest.fixture
def chain(sandbox: Sandbox) -> Sandbox:
    return sandbox.write(
        {
            "experiments/compare.py": COMPARE,
            "experiments/evaluate.py": EVALUATE,
            "experiments/train.py": TRAIN,
        }
    )


@pytest.fixture(scope="module")
def swept_once(shared_sandbox: Sandbox) -> Sandbox:
    sources = {"train": TRAIN, "evaluate": EVALUATE, "compare": COMPARE}
    shared_sandbox.write({f"experiments/{name}.py": text for name, text in sources.items()})
    assert shared_sandbox.expt(*SWEEP).exit_code == 0
    return shared_sandbox


@pytest.fixture
def swept(swept_once: Sandbox, sandbox: Sandbox) -> Sandbox:
    """A chain of which a sweep has run."""
    shutil.copytree(swept_once.root, sandbox.root, dirs_exist_ok=True)
    return sandbox


def ran(done: Done) -> list[str]:
    """What ran, in the order of its ends."""
    return [
        line.partition("::experiment_")[2].split()[0]
        for line in done.lines
        if "::experiment_" in line and "  runs/" in line
    ]


@pytest.mark.parametrize("workers", ["0", "1", "3"])
def test_what_is_needed_runs_once_and_before_what_needs_it(chain: Sandbox, workers: str) -> None:
    done = chain.expt(*SWEEP, "-n", workers)
    assert done.exit_code == 0, done
    assert sorted(ran(done)) == [
        *("compare[lr-1]", "compare[lr-2]"),
        *(f"evaluate[lr-{lr}-threshold-{threshold}]" for lr in (1, 2) for threshold in (3, 4)),
        *("train[lr-1]", "train[lr-2]"),
    ]
    record = chain.record("experiment_compare[lr-2]")
    train = chain.record("experiment_train[lr-2]")
    scores = [chain.record(f"experiment_evaluate[lr-2-threshold-{t}]")["id"] for t in (3, 4)]
    assert record["results"] == {"best": 16.0, "of": 2}
    assert record["params"]["model"] == train["id"]
    assert record["lineage"]["needs"] == {
        "model": train["id"],
        "scores[0]": scores[0],
        "scores[1]": scores[1],
    }
    (origin,) = record["origins"]["model"]
    assert (origin["layer"], origin["value"]) == (
        "needs",
        "experiments/train.py::experiment_train[lr-2]",
    )
    told = chain.expt("show", record["id"]).stdout
    (line,) = [line for line in told.splitlines() if "model" in line and "train" in line]
    assert "experiments/train.py::experiment_train[lr-2]" in line
    assert "needs" in told


def test_what_is_independent_runs_at_once(sandbox: Sandbox) -> None:
    """Each of the two waits until the other has begun."""
    source = """
        import time
        from pathlib import Path

        def experiment_{name}():
            Path("{name}").touch()
            end = time.monotonic() + 60
            while not Path("{other}").exists():
                assert time.monotonic() < end
                time.sleep(0.01)
    """
    sandbox.write(
        {
            "experiments/left.py": source.format(name="left", other="right"),
            "experiments/right.py": source.format(name="right", other="left"),
            "experiments/both.py": """
                import expt

                @expt.needs(one="left.py::experiment_left", two="right.py::experiment_right")
                def experiment_both(one, two):
                    return [one.status, two.status]
            """,
        }
    )
    assert sandbox.expt("-k", "both", "-n", "2").exit_code == 0
    assert sandbox.record("experiment_both")["results"] == {"value": ["completed", "completed"]}


def test_resume_reuses_what_is_done_and_runs_what_is_not(chain: Sandbox) -> None:
    assert chain.expt("-k", "train", *SWEEP[:2]).exit_code == 0
    done = chain.expt("-k", "evaluate", *SWEEP, "--resume")
    assert done.exit_code == 0, done
    assert sorted(ran(done)) == [
        f"evaluate[lr-{lr}-threshold-{threshold}]" for lr in (1, 2) for threshold in (3, 4)
    ]
    again = chain.expt(*SWEEP, "--resume")
    assert ran(again) == ["compare[lr-1]", "compare[lr-2]"]
    assert ran(chain.expt(*SWEEP, "--resume")) == []


def test_without_resume_no_older_run_is_taken(chain: Sandbox) -> None:
    assert chain.expt("-k", "train", "-p", "seed=1").exit_code == 0
    older = chain.run().id
    assert ran(chain.expt("-k", "evaluate", "-p", "seed=1")) == ["train", "evaluate"]
    assert chain.record("experiment_evaluate")["params"]["model"] != older


def test_a_changed_trainer_runs_again_what_needs_it_and_says_so(chain: Sandbox) -> None:
    assert chain.expt().exit_code == 0
    chain.write({"experiments/train.py": TRAIN.replace("lr * epochs", "lr * epochs + 1")})
    told = {
        case["id"].partition("::experiment_")[2]: (case["state"], case["why"])
        for case in chain.expt("--plan", "--resume", "--json").json()
    }
    again = "experiments/train.py::experiment_train is run again"
    assert told == {
        "train": ("changed", "experiments/train.py:9"),
        "evaluate": ("changed", again),
        "compare": ("changed", again),
    }
    assert ran(chain.expt("--resume")) == ["train", "evaluate", "compare"]
    chain.write({"experiments/evaluate.py": f"{EVALUATE}\nMORE = 1\n"})
    assert ran(chain.expt("--resume")) == ["evaluate", "compare"]


def test_a_newer_run_with_another_seed_makes_what_was_made_from_the_older_one_anew(
    chain: Sandbox,
) -> None:
    assert chain.expt("-k", "evaluate").exit_code == 0
    older = chain.record("experiment_train")["id"]
    assert chain.expt("-k", "train").exit_code == 0  # another seed is drawn
    newer = chain.record("experiment_train")["id"]
    (_, case) = chain.expt("-k", "evaluate", "--plan", "--resume", "--json").json()
    assert (
        case["why"] == f"experiments/train.py::experiment_train was the run {older} and is {newer}"
    )
    assert ran(chain.expt("-k", "evaluate", "--resume")) == ["evaluate"]


def test_a_newer_run_of_the_same_seed_is_as_good(chain: Sandbox) -> None:
    assert chain.expt("-k", "evaluate", "-p", "seed=1").exit_code == 0
    assert chain.expt("-k", "train", "-p", "seed=1").exit_code == 0
    assert ran(chain.expt("-k", "evaluate", "-p", "seed=1", "--resume")) == []


def test_what_needs_a_failed_run_is_skipped_with_the_reason(swept: Sandbox) -> None:
    chain = swept.write({"broken": ""})
    done = chain.expt(*SWEEP, "-n", "2")
    assert done.exit_code == 1
    statuses = {
        run.node_id.partition("::experiment_")[2]: run.status
        for run in chain.runs(session="latest")
    }
    assert statuses["train[lr-2]"] == "failed"
    assert {statuses[name] for name in statuses if "lr-1" in name} == {"completed"}
    assert statuses["compare[lr-2]"] == statuses["evaluate[lr-2-threshold-3]"] == "skipped"
    record = chain.record("experiment_evaluate[lr-2-threshold-3]")
    assert record["notices"] == [
        "skipped: it needs experiments/train.py::experiment_train[lr-2], which failed"
    ]
    assert "needs" not in record["lineage"]
    (chain.root / "broken").unlink()
    again = chain.expt(*SWEEP, "--lf")
    assert again.exit_code == 0
    assert chain.record("experiment_compare[lr-2]")["status"] == "completed"


@pytest.mark.parametrize("word", ["--lf", "--resume"])
def test_after_a_failure_what_it_held_up_runs_too(chain: Sandbox, word: str) -> None:
    chain.write({"broken": ""})
    assert chain.expt("--sweep", "lr=1,2").exit_code == 1
    (chain.root / "broken").unlink()
    done = chain.expt("--sweep", "lr=1,2", word)
    assert ran(done) == ["train[lr-2]", "evaluate[lr-2]", "compare[lr-2]"]


def test_lf_gives_a_failed_case_the_run_that_is_there_and_says_so(chain: Sandbox) -> None:
    chain.write({"experiments/evaluate.py": EVALUATE.replace("* threshold", "/ threshold")})
    assert chain.expt("-k", "evaluate", "-p", "threshold=0").exit_code == 1
    train = chain.record("experiment_train")["id"]
    done = chain.expt("-k", "evaluate", "-p", "threshold=0", "--lf")
    assert ran(done) == ["evaluate"]
    told = f"experiments/train.py::experiment_train: its run {train} is given to what needs it"
    assert f"note: {told}" in done.lines


def test_a_retried_need_is_waited_for(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/train.py": """
                from pathlib import Path
                import expt

                def experiment_train():
                    if not Path("tried").exists():
                        Path("tried").touch()
                        raise OSError

                @expt.needs(model="experiment_train")
                def experiment_use(model):
                    return model.id
            """
        }
    )
    assert sandbox.expt("--retries", "1").exit_code == 0
    completed = [
        run.id for run in sandbox.runs(k="train", status="completed") if "train" in run.node_id
    ]
    assert sandbox.record("experiment_use")["results"]["value"] in completed


def test_rerun_gives_the_same_runs_again(swept: Sandbox) -> None:
    chain = swept
    first = chain.record("experiment_compare[lr-2]")
    assert chain.expt("-k", "train", *SWEEP[:2]).exit_code == 0  # newer ones, which are not taken
    done = chain.expt("rerun", first["id"], "--check")
    assert done.exit_code == 0, done
    again = chain.record()
    assert again["lineage"]["rerun_of"] == first["id"]
    assert again["params"]["model"] == first["params"]["model"]
    assert again["lineage"]["inputs"] == first["lineage"]["needs"]
    assert again["results"] == first["results"]


def test_smoke_and_scratch_chains_are_given_runs_of_their_own_kind(chain: Sandbox) -> None:
    chain.write({"experiments/params.toml": "[expt.smoke]\nepochs = 1"})
    assert chain.expt().exit_code == 0
    for word, folder in (("--smoke", ".smoke"), ("--scratch", ".scratch")):
        done = chain.expt(word)
        assert done.exit_code == 0, done
        found = {
            record["experiment"].partition("::experiment_")[2]: record
            for path in (chain.root / "runs" / folder).rglob("run.json")
            if (record := json.loads(path.read_text()))
        }
        assert found["evaluate"]["lineage"]["needs"] == {"model": found["train"]["id"]}


def test_a_plan_under_resume_says_done_of_the_whole_chain(swept: Sandbox) -> None:
    told = swept.expt("--plan", "--resume", "--json", *SWEEP).json()
    assert {case["state"] for case in told} == {"done"}


@pytest.mark.inline(False)
def test_an_interrupt_leaves_what_waits_unstarted(sandbox: Sandbox) -> None:
    """Of the two, only what is needed has begun."""
    sandbox.write(
        {
            "experiments/train.py": """
                import time
                from pathlib import Path
                import expt

                def experiment_train():
                    Path("begun").touch()
                    time.sleep(60)

                @expt.needs(model="experiment_train")
                def experiment_use(model):
                    pass
            """
        }
    )
    process = sandbox.start()
    try:
        end = time.monotonic() + 60
        while not (sandbox.root / "begun").exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
    assert process.returncode == 2
    assert [run.node_id.rpartition("_")[2] for run in sandbox.runs()] == ["train"]


SEARCH = ("-k", "evaluate", "--maximize", "results.score", "-p", "seed=1")


def test_a_search_reaches_through_what_is_needed(chain: Sandbox) -> None:
    """`lr` is taken by the trainer alone, and each trial has a trainer of its own."""
    words = (*SEARCH, "--search", "4", "--space", "lr={float=[0.5, 1.0]}", "--sampler", "random")
    done = chain.expt(*words, "-n", "2")
    assert done.exit_code == 0, done
    trials = chain.runs(k="evaluate", session="latest")
    assert sorted(run.node_id.partition("[")[2] for run in trials) == [
        f"trial-{number}]" for number in range(4)
    ]
    for run in trials:
        train = chain.run(run.lineage["needs"]["model"])
        assert train.node_id.endswith(f"experiment_train[{run.case}]")
        assert run.lineage["sweep"] == {"lr": train.params["lr"]}
        assert run.results["score"] == train.params["lr"] * 2
        assert "search" not in train.lineage
    again = chain.expt(*words[:6], "--search", "6", *words[8:])
    assert sorted(ran(again)) == [
        "evaluate[trial-4]",
        "evaluate[trial-5]",
        "train[trial-4]",
        "train[trial-5]",
    ]
    told = chain.expt("search", "experiment_evaluate").stdout
    assert "6 of 6 trials: 6 completed" in told
    assert "object at 0x" not in told


def test_what_a_search_does_not_vary_is_made_once(chain: Sandbox) -> None:
    words = (*SEARCH, "--search", "4", "--space", "threshold={int=[1, 9]}", "--sampler", "random")
    done = chain.expt(*words, "-n", "2")
    assert done.exit_code == 0, done
    assert len(chain.runs(k="train")) == 1
    assert len(chain.runs(k="evaluate")) == 4
    again = chain.expt(*words[:6], "--search", "5", *words[8:], "--resume")
    assert ran(again) == ["evaluate[trial-4]"]


def test_the_objective_of_a_repeated_chain_is_the_mean(chain: Sandbox) -> None:
    chain.write(
        {
            "experiments/train.py": TRAIN.replace("archive, ", "archive, rng, ").replace(
                "lr * epochs", "lr * rng.integers(1, 9)"
            )
        }
    )
    words = ("--search", "3", "--space", "lr={float=[0.5, 1.0]}", "--sampler", "random")
    assert chain.expt(*SEARCH, *words, "--repeat", "2").exit_code == 0
    runs = chain.runs(k="evaluate")
    assert len(runs) == 6
    assert len(chain.runs(k="train")) == 6
    scores: dict[int, list[float]] = {}
    for run in runs:
        train = chain.run(run.lineage["needs"]["model"])
        assert train.params["seed"] == run.params["seed"]
        scores.setdefault(run.lineage["search"]["number"], []).append(run.results["score"])
    best = max(sum(values) / 2 for values in scores.values())
    told = chain.expt("search", "experiment_evaluate").stdout
    assert f"{best:.4g}"[:5] in told, told


def test_a_failed_need_fails_the_trial(chain: Sandbox) -> None:
    chain.write({"broken": "", "experiments/train.py": TRAIN.replace("in (0.1, 2)", "== 2")})
    words = ("--search", "3", "--space", "lr=[1, 2, 3]", "--sampler", "grid")
    done = chain.expt(*SEARCH, *words)
    assert done.exit_code == 1
    assert sorted(run.status for run in chain.runs(k="evaluate")) == [
        *("completed", "completed", "skipped")
    ]


def test_two_chains_killed_at_any_moment_are_resumed_without_a_run_too_many(
    chain: Sandbox,
) -> None:
    """One in each of two folders. However often: each case completes once, from the right run."""
    for name, source in (("train", TRAIN), ("evaluate", EVALUATE), ("compare", COMPARE)):
        chain.write({f"experiments/other/{name}.py": source})
    words = (*SWEEP, "-p", "seed=1", "-n", "2", "--resume")
    moment = random.Random(7)
    for _ in range(4):
        process = chain.start(*words)
        begun = len(list(chain.root.rglob("run.json")))
        end = time.monotonic() + 60
        while process.poll() is None and len(list(chain.root.rglob("run.json"))) == begun:
            assert time.monotonic() < end
            time.sleep(0.02)
        time.sleep(moment.random() * 0.1)
        process.kill()
        process.communicate()
    done = chain.expt(*words)
    assert done.exit_code == 0, done
    runs = chain.runs(status="completed")
    ids = [run.node_id for run in runs]
    assert len(ids) == len(set(ids)) == 2 * (2 + 4 + 2)
    for run in runs:
        for id_ in run.lineage.get("needs", {}).values():
            needed = chain.run(id_)
            assert needed.status == "completed"
            assert needed.experiment.rpartition("/")[0] == run.experiment.rpartition("/")[0]
            own, other = run.lineage["sweep"], needed.lineage["sweep"]
            assert {name: other[name] for name in other if name in own} == {
                name: own[name] for name in own if name in other
            }
    assert ran(chain.expt(*words)) == []
