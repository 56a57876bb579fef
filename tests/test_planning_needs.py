"""`@expt.needs` at planning: which experiments, in which order, at which values, and mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from expt.testing import Done, Sandbox

pytestmark = pytest.mark.inline

TRAIN = """
def experiment_train(track, lr: float = 0.1, epochs: int = 2):
    track("loss", lr)
    return {"weight": lr * epochs}
"""
EVALUATE = """
import expt

@expt.needs(model="train.py::experiment_train")
def experiment_evaluate(model: expt.Run, threshold: float = 1.0):
    return {"score": model.results["weight"] * threshold}
"""
COMPARE = """
import expt

@expt.needs(model="train.py::experiment_train", scores="evaluate.py::experiment_evaluate")
def experiment_compare(model, scores: list[expt.Run]):
    return {"best": max(run.results["score"] for run in scores), "of": len(scores)}
"""
CHAIN = {
    "experiments/compare.py": COMPARE,
    "experiments/evaluate.py": EVALUATE,
    "experiments/train.py": TRAIN,
}


@pytest.fixture
def chain(sandbox: Sandbox) -> Sandbox:
    return sandbox.write(CHAIN)


def plan(sandbox: Sandbox, *words: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = sandbox.expt("--plan", "--json", *words).json()
    return told


def names(sandbox: Sandbox, *words: str) -> list[str]:
    return [case["id"].partition("::experiment_")[2] for case in plan(sandbox, *words)]


def test_what_is_needed_comes_first_and_what_was_not_selected_is_added_and_said(
    chain: Sandbox,
) -> None:
    assert names(chain) == ["train", "evaluate", "compare"]
    done = chain.expt("--plan", "-k", "evaluate")
    assert names(chain, "-k", "evaluate") == ["train", "evaluate"]
    assert (
        "note: experiments/train.py::experiment_train: added, since "
        "experiments/evaluate.py::experiment_evaluate needs it" in done.lines
    )
    assert "2 cases of 2 experiments" in done.lines


def test_a_case_has_the_axes_of_what_it_needs_and_needs_the_case_of_its_values(
    chain: Sandbox,
) -> None:
    words = ("-k", "evaluate", "--sweep", "lr=1,2", "--sweep", "threshold=3,4")
    cases = {case["id"].partition("::experiment_")[2]: case for case in plan(chain, *words)}
    assert {name: case["needs"] for name, case in cases.items()} == {
        "train[lr-1]": {},
        "train[lr-2]": {},
        **{
            f"evaluate[lr-{lr}-threshold-{threshold}]": {
                "model": [f"experiments/train.py::experiment_train[lr-{lr}]"]
            }
            for lr in (1, 2)
            for threshold in (3, 4)
        },
    }


def test_a_list_of_runs_has_all_cases_that_agree_in_what_both_take(chain: Sandbox) -> None:
    words = ("--sweep", "lr=1,2", "--sweep", "threshold=3,4")
    cases = {case["id"].partition("::experiment_")[2]: case for case in plan(chain, *words)}
    assert [name for name in cases if name.startswith("compare")] == [
        "compare[lr-1]",
        "compare[lr-2]",
    ]
    assert cases["compare[lr-2]"]["needs"]["scores"] == [
        "experiments/evaluate.py::experiment_evaluate[lr-2-threshold-3]",
        "experiments/evaluate.py::experiment_evaluate[lr-2-threshold-4]",
    ]


@pytest.mark.parametrize(
    ("files", "words", "expected"),
    [
        ({"experiments/params.toml": "[expt.sweep]\nlr = [1, 2]"}, (),
         ["train[lr-1]", "train[lr-2]", "evaluate[lr-1]", "evaluate[lr-2]"]),
        ({"experiments/train.py": f"import expt\n@expt.sweep(lr=[1, 2]){TRAIN}"}, (),
         ["train[lr-1]", "train[lr-2]", "evaluate[lr-1]", "evaluate[lr-2]"]),
        ({"experiments/evaluate.py": EVALUATE.replace("@expt", "@expt.sweep(lr=[7])\n@expt", 1)},
         ("--sweep", "epochs=1,2"),
         ["train[epochs-1]", "train[epochs-2]", "train[lr-7-epochs-1]", "train[lr-7-epochs-2]",
          "evaluate[lr-7-epochs-1]", "evaluate[lr-7-epochs-2]"]),
        ({}, ("--sweep", "lr=1,2", "--sweep", "threshold=3,4", "--zip", "lr,threshold"),
         ["train[lr-1]", "train[lr-2]",
          "evaluate[lr-1-threshold-3]", "evaluate[lr-2-threshold-4]"]),
        ({}, ("--sweep", "lr=1,2", "-k", "evaluate and lr-1"), ["train[lr-1]", "evaluate[lr-1]"]),
        ({}, ("--sweep", "lr=1,2", "-p", "lr=3"), ["train", "evaluate"]),
        ({}, ("--repeat", "2"),
         ["train[repeat-0]", "train[repeat-1]", "evaluate[repeat-0]", "evaluate[repeat-1]"]),
        ({"experiments/params.toml": "[expt.variants.big]\nlr=5\n[expt.variants.small]\nlr=1"},
         ("--variant", "big,small"),
         ["train[variant-big]", "train[variant-small]",
          "evaluate[variant-big]", "evaluate[variant-small]"]),
    ],
    ids=["folder", "decorator", "own axis", "zip", "-k", "-p", "--repeat", "--variant"],
)  # fmt: skip
def test_both_ends_of_a_chain_are_swept_together(
    sandbox: Sandbox, files: dict[str, str], words: tuple[str, ...], expected: list[str]
) -> None:
    sandbox.write({name: CHAIN[name] for name in CHAIN if "compare" not in name})
    sandbox.write(files)
    assert names(sandbox, *words) == expected


def test_needed_cases_that_would_have_one_label_have_two(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/train.py": "def experiment_train(note='', seed=0): pass",
            "experiments/use.py": """
                import expt

                @expt.sweep(note=["a b", "a/b"])
                @expt.needs(model="train.py::experiment_train")
                def experiment_use(model: expt.Run, note): pass
                """,
        }
    )
    needed = [name for name in names(sandbox, "-k", "use") if name.startswith("train")]
    assert len(set(needed)) == 2


def test_a_repeat_has_the_seed_of_the_repeat_that_it_needs(chain: Sandbox) -> None:
    cases = plan(chain, "--repeat", "2", "-p", "seed=5", "-k", "evaluate")
    seeds = [case["params"]["seed"] for case in cases]
    assert seeds[:2] == seeds[2:]
    assert seeds[0] != seeds[1]


def test_a_value_that_any_layer_gives_takes_the_place_of_a_need(chain: Sandbox) -> None:
    assert chain.expt("-k", "train").exit_code == 0
    run = chain.run()
    (case,) = plan(chain, "-k", "evaluate", "-p", "model=experiments/train.py::experiment_train")
    assert (case["params"]["model"], case["needs"]) == (run.id, {})
    chain.write({"experiments/params.toml": f'[experiment_evaluate]\nmodel = "{run.short_id}"'})
    (case,) = plan(chain, "-k", "evaluate")
    assert (case["params"]["model"], case["needs"]) == (run.id, {})
    assert [origin["layer"] for origin in case["origins"]["model"]] == ["params.toml", "needs"]


@pytest.mark.parametrize(
    ("reference", "source"),
    [
        ('"train.py::experiment_train"', None),
        ('"experiments/train.py::experiment_train"', None),
        ('"experiment_here"', "def experiment_here(lr: float = 1.0):\n    return lr"),
        ("experiment_here", "def experiment_here(lr: float = 1.0):\n    return lr"),
        ("experiment_train", "from train import experiment_train"),
        ("experiment_more", "from train import experiment_train\n"
         "experiment_more = expt.extends(experiment_train)"),
    ],
)  # fmt: skip
def test_a_need_is_named_by_a_node_id_or_is_the_experiment_itself(
    sandbox: Sandbox, reference: str, source: str | None
) -> None:
    lines = [
        "import expt",
        *([source] if source else []),
        f"@expt.needs(model={reference})",
        "def experiment_evaluate(model):",
        "    return model.params['lr']",
    ]
    sandbox.write({"experiments/train.py": TRAIN, "experiments/evaluate.py": "\n".join(lines)})
    assert sandbox.expt("-k", "experiment_evaluate").exit_code == 0
    assert sandbox.record("experiment_evaluate")["results"]["value"] in (0.1, 1.0)
    assert len(sandbox.runs()) == 2


def test_an_experiment_that_is_hosted_elsewhere_needs_what_is_hosted_beside_it(
    chain: Sandbox,
) -> None:
    chain.write(
        {
            "experiments/big/params.toml": """
                lr = 50

                [expt]
                extends = ["../train.py::experiment_train", "../evaluate.py::experiment_evaluate"]
            """
        }
    )
    cases = plan(chain, "-k", "big and evaluate")
    assert [case["id"] for case in cases] == [
        "experiments/big::experiment_train",
        "experiments/big::experiment_evaluate",
    ]
    assert cases[1]["needs"] == {"model": ["experiments/big::experiment_train"]}


def test_under_smoke_what_needs_an_experiment_without_it_is_left_out_and_said(
    sandbox: Sandbox,
) -> None:
    sandbox.write(
        {
            "experiments/train.py": TRAIN,
            "experiments/tests/evaluate.py": EVALUATE.replace('"train', '"../train'),
            "experiments/tests/params.toml": "[expt.smoke]\nthreshold = 2",
        }
    )
    done = sandbox.expt("--smoke")
    assert done.exit_code == 5
    assert (
        "note: experiments/tests/evaluate.py::experiment_evaluate: it needs "
        "experiments/train.py::experiment_train, which no [expt.smoke] reaches" in done.lines
    )


def _fails(done: Done, *lines: str) -> None:
    assert done.exit_code == 4
    assert done.stderr.splitlines()[: len(lines)] == list(lines)


def test_a_circle_is_a_mistake_with_its_chain(chain: Sandbox) -> None:
    chain.write(
        {
            "experiments/train.py": """
                import expt

                @expt.needs(before="compare.py::experiment_compare")
                def experiment_train(before):
                    pass
            """
        }
    )
    for words in ((), ("-k", "evaluate")):
        done = chain.expt(*words)
        assert done.exit_code == 4
        first, at, told, *_ = done.stderr.splitlines()
        assert first.endswith("needs itself")
        assert "at experiments/" in at
        assert told.count(" → ") >= 2
        assert told.split(" → ")[0].strip() == told.split(" → ")[-1]
    assert not (chain.root / "runs").exists()


@pytest.mark.parametrize(
    ("decorator", "lines"),
    [
        ('model="trian.py::experiment_train"',
         ("error: there is no 'experiments/trian.py' that could be needed",
          "  did you mean 'train.py'?")),
        ('model="train.py::experiment_tain"',
         ("error: 'experiments/train.py' has no experiment 'experiment_tain', which 'model' needs",
          "  did you mean 'experiment_train'?")),
        ('model="train.py::experiment_train[lr-1]"',
         ("error: 'experiments/train.py::experiment_train[lr-1]' is a case, and no experiment",
          "  its cases are chosen by the values that both experiments take")),
        ('model="../../elsewhere.py::experiment_train"',
         ("error: there is no '../elsewhere.py' that could be needed",)),
        ('track="train.py::experiment_train"',
         ("error: 'track' is a built-in provider, and can be no need",)),
        ('modle="train.py::experiment_train"',
         ("error: 'experiment_evaluate' needs 'modle', and nothing takes that argument",
          "  did you mean 'model'?")),
        ('model="train.py::experiment_train", threshold="train.py::experiment_train"',
         ("error: 'threshold' is needed, and is given a run: it cannot be float",)),
    ],
    ids=["file", "name", "case", "outside", "built-in", "argument", "annotation"],
)  # fmt: skip
def test_a_need_that_cannot_be_is_a_mistake_before_anything_runs(
    chain: Sandbox, decorator: str, lines: tuple[str, ...]
) -> None:
    source = EVALUATE.replace('model="train.py::experiment_train"', decorator)
    chain.write({"experiments/evaluate.py": source})
    done = chain.expt("-k", "evaluate", "-p", "experiment_evaluate:seed=1")
    assert done.exit_code == 4
    told = done.stderr.splitlines()
    assert told[0] == lines[0]
    assert told[1] == "  at experiments/evaluate.py:3"
    assert set(lines) <= set(told), told
    assert not (chain.root / "runs").exists()


@pytest.mark.parametrize("given", ["model=3", "model=None", "model=['train.py']"])
def test_what_is_no_experiment_is_refused_where_it_is_written(given: str) -> None:
    import expt

    with pytest.raises(TypeError, match="what 'model' needs is a node id or an experiment, not"):
        eval(f"expt.needs({given})", {"expt": expt})


def test_the_listing_shows_the_cases_of_what_it_needs(chain: Sandbox) -> None:
    chain.write({"experiments/params.toml": "[expt.sweep]\nlr = [1, 2]"})
    done = chain.expt("--collect-only", "-q")
    assert done.lines == [
        "experiments/compare.py::experiment_compare[lr-1]",
        "experiments/compare.py::experiment_compare[lr-2]",
        "experiments/evaluate.py::experiment_evaluate[lr-1]",
        "experiments/evaluate.py::experiment_evaluate[lr-2]",
        "experiments/train.py::experiment_train[lr-1]",
        "experiments/train.py::experiment_train[lr-2]",
    ]


def test_a_chain_is_as_long_as_a_hundred_and_a_diamond_costs_what_it_has(
    sandbox: Sandbox,
) -> None:
    def write(count: int, *, two: bool) -> None:
        lines = ["import expt", "def experiment_0(lr: float = 1.0): return 0"]
        for at in range(1, count):
            needs = {"a": at - 1} | ({"b": max(0, at - 2)} if two else {})
            given = ", ".join(f'{name}="experiment_{n}"' for name, n in needs.items())
            lines += [
                f"@expt.needs({given})",
                f"def experiment_{at}({', '.join(needs)}): return {at}",
            ]
        sandbox.write({"experiments/deep.py": "\n".join(lines)})

    write(60, two=True)
    assert len(sandbox.expt("--collect-only", "-q").lines) == 60
    words = ("experiments/deep.py::experiment_59", "--sweep", "lr=1,2", "--plan", "--json")
    assert len(sandbox.expt(*words).json()) == 120
    write(120, two=False)
    _fails(
        sandbox.expt("experiments/deep.py::experiment_119"),
        "error: more than 100 experiments need each other one after the other",
    )


def test_a_provider_that_needs_something_is_told_that_it_cannot(chain: Sandbox) -> None:
    chain.write(
        {
            "experiments/evaluate.py": EVALUATE
            + '\n\n@expt.provider\n@expt.needs(x="train.py::experiment_train")\n'
            "def threshold():\n    return 1.0\n"
        }
    )
    done = chain.expt("-k", "evaluate", "--plan")
    assert (
        "warning: experiments/evaluate.py:8: 'threshold' is no experiment, and nothing is made "
        "for what it needs" in done.stdout
    ), done


def test_too_many_cases_of_what_is_needed_are_refused_before_they_are_expanded(
    chain: Sandbox,
) -> None:
    done = chain.expt("-k", "compare", "--sweep", "threshold={range=[0,100000000]}", "--plan")
    _fails(done, "error: the plan has 100,000,002 cases, and no more than 10,000 are allowed")
