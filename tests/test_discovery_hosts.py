"""Experiments that are hosted again elsewhere: what counts, in which order, and what is told."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from expt.reading.run import Run
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

BASE = '''
    import expt

    @expt.provider
    def words():
        return ["one", "three", "fifteen"]

    @expt.on("after")
    def of_base(words):
        return "base"

    def experiment_train(track, words, hooks, lr: float = 0.1, width: int = 8):
        """Train."""
        words = hooks.filter("words", words)
        track("loss", lr)
        after = hooks.call("after", words=words)
        return {"lr": lr, "width": width, "words": words, "after": after}

    def analysis_train(run):
        print("analysis of the base")
'''


def hosted(sandbox: Sandbox, *words: str) -> dict[str, Run]:
    """Run everything; the runs by node id."""
    done = sandbox.expt(*words)
    assert done.exit_code == 0, done.stdout + done.stderr
    return {run.experiment: run for run in reversed(sandbox.runs())}


def refused(sandbox: Sandbox) -> str:
    done = sandbox.expt()
    assert done.exit_code == 4, done.stdout + done.stderr
    assert not (sandbox.root / "runs").exists()
    return done.stderr


def places(run: Run, name: str) -> list[str | None]:
    return [origin.where for origin in run.origins[name]]


def test_a_folder_with_only_a_params_file_hosts_an_experiment_of_another(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a/base.py": BASE,
            "experiments/big/params.toml": """
                width = 512

                [expt]
                extends = "../a/base.py::experiment_train"
            """,
            "experiments/x.py/params.toml": "expt.extends = '../big::experiment_train'\nwidth = 9",
            "experiments/last.py": """
                import expt
                @expt.needs(given="x.py::experiment_train")
                def experiment_last(given):
                    return given.experiment
            """,
        }
    )
    runs = hosted(sandbox)
    assert runs["experiments/last.py::experiment_last"].results["value"] == (
        "experiments/x.py/::experiment_train"  # of a folder that is called as a file
    )
    assert runs["experiments/x.py/::experiment_train"].results["width"] == 9
    assert sandbox.expt("experiments/x.py::experiment_train", "--plan").exit_code == 0
    big = runs["experiments/big::experiment_train"]
    assert big.results["width"] == 512
    assert big.lineage["extends"] == ["experiments/a/base.py::experiment_train"]
    assert big.lineage["deviations"] == {"width": 512}
    assert places(big, "width") == ["experiments/big/params.toml:1", "experiments/a/base.py:11"]
    assert big.path.parent == sandbox.root / "runs/big/experiment_train"
    assert big.description == "Train."
    base = runs["experiments/a/base.py::experiment_train"]
    assert base.results["width"] == 8
    assert (base.lineage["extends"], base.lineage["deviations"]) == ([], {})
    assert set(big.code) >= {"experiments/a/base.py", "experiments/big/params.toml"}


def test_a_file_hosts_an_experiment_and_replaces_a_provider_and_a_hook_point(
    sandbox: Sandbox,
) -> None:
    sandbox.write(
        {
            "experiments/a/base.py": BASE,
            "experiments/b/big.py": """
                import expt
                from experiments.a.base import experiment_train

                experiment_big = expt.extends(experiment_train)

                @expt.provider
                def words():
                    return ["nine"]

                @expt.on("after", replace=True)
                def mine():
                    return "mine"

                def analysis_big(run):
                    print("analysis of the child")
            """,
        }
    )
    runs = hosted(sandbox)
    assert set(runs) == {
        "experiments/a/base.py::experiment_train", "experiments/b/big.py::experiment_big"
    }  # fmt: skip
    big = runs["experiments/b/big.py::experiment_big"]
    assert big.results["words"] == ["nine"]
    assert big.results["after"] == ["mine"]
    assert big.lineage["deviations"] == {"words": None}
    assert places(big, "words") == ["experiments/b/big.py:6", "experiments/a/base.py:3"]
    assert big.log.splitlines() == ["analysis of the base", "analysis of the child"]
    shown = sandbox.expt("show", big.id).stdout
    assert "extends experiments/a/base.py::experiment_train" in shown
    assert "deviates in\n" in shown
    assert "experiments/b/big.py:6" in shown


def test_a_base_keeps_its_nearer_value_over_the_roots(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "expt.toml": "",
            "params.toml": "lr = 5.0\nwidth = 1",
            "experiments/params.toml": "width = 2",
            "experiments/a/params.toml": "lr = 0.5",
            "experiments/a/base.py": BASE,
            "experiments/b/conftest.py": "",
            "experiments/b/params.toml": """
                [expt]
                extends = "../a/base.py::experiment_train"
            """,
            "elsewhere/params.toml": """
                width = 3

                [expt]
                extends = "../experiments/a/base.py::experiment_train"
            """,
        }
    )
    runs = hosted(sandbox, "experiments", "elsewhere")
    cousin = runs["experiments/b::experiment_train"]
    assert (cousin.results["lr"], cousin.results["width"]) == (0.5, 2)
    assert cousin.lineage["deviations"] == {}
    far = runs["elsewhere::experiment_train"]
    assert (far.results["lr"], far.results["width"]) == (0.5, 3)
    assert places(far, "width") == [
        "elsewhere/params.toml:1", "experiments/params.toml:1", "params.toml:2",
        "experiments/a/base.py:11",
    ]  # fmt: skip


def test_a_folder_that_both_share_counts_once_at_the_bases_position(sandbox: Sandbox) -> None:
    conftest = """
        import expt

        @expt.provider
        def lr(lr):
            return lr * 10

        @expt.on("after")
        def of_all():
            return "all"

        @expt.on("words")
        def shorten(words):
            return [word[1:] for word in words]

        def analysis_all(run):
            print("analysis of all")
    """
    sandbox.write(
        {
            "experiments/conftest.py": conftest,
            "experiments/a/base.py": BASE,
            "experiments/b/params.toml": "[expt]\nextends = '../a/base.py::experiment_train'",
        }
    )
    run = hosted(sandbox, "experiments/b")["experiments/b::experiment_train"]
    assert run.results == {
        "lr": 1.0, "width": 8, "words": ["ne", "hree", "ifteen"], "after": ["all", "base"]
    }  # fmt: skip
    assert run.params["lr"] == 0.1
    assert run.log.splitlines() == ["analysis of all", "analysis of the base"]


CHAIN = {
    "experiments/a/base.py": BASE,
    "experiments/b/big.py": """
        import expt
        from experiments.a.base import experiment_train

        experiment_big = expt.extends(experiment_train)

        @expt.on("words")
        def of_big(words):
            return words[:2]
    """,
    "experiments/c/bigger.py": """
        import expt
        from experiments.b.big import experiment_big

        experiment_bigger = expt.extends(experiment_big)

        @expt.on("words")
        def of_bigger(words):
            return words[1:]
    """,
    "experiments/d/params.toml": """
        lr = 0.5

        [experiment_big]
        width = 3

        [expt]
        extends = ["../c/bigger.py::experiment_bigger", "../e::experiment_train"]
    """,
    "experiments/e/params.toml": """
        lr = 0.5

        [expt]
        extends = "../a/base.py::experiment_train"
    """,
}


def test_chains_of_several_lead_through_files_and_folders(sandbox: Sandbox) -> None:
    runs = hosted(sandbox.write(CHAIN))
    assert len(runs) == 6
    bigger = runs["experiments/d::experiment_bigger"]
    assert bigger.lineage["extends"] == [
        "experiments/c/bigger.py::experiment_bigger",
        "experiments/b/big.py::experiment_big",
        "experiments/a/base.py::experiment_train",
    ]
    assert bigger.results["words"] == ["three"]
    assert bigger.lineage["deviations"] == {"lr": 0.5}
    assert bigger.results["width"] == 8, "[experiment_big] is a table for that experiment alone"
    train = runs["experiments/d::experiment_train"]
    assert train.lineage["extends"] == [
        "experiments/e::experiment_train", "experiments/a/base.py::experiment_train"
    ]  # fmt: skip
    assert train.lineage["deviations"] == {}, "the base has the same value"
    shown = sandbox.expt("show", bigger.id).stdout
    places = [shown.find(f"extends {base}") for base in bigger.lineage["extends"]]
    assert -1 not in places
    assert places == sorted(places)
    assert "experiments/d/params.toml:1" in shown


def test_a_value_of_another_type_deviates(sandbox: Sandbox) -> None:
    files = {
        "experiments/a.py": "def experiment_x(size: int | str = 8): pass\n",
        "experiments/b/params.toml": "size = '8'\n[expt]\nextends = '../a.py::experiment_x'\n",
    }
    runs = hosted(sandbox.write(files))
    assert runs["experiments/b::experiment_x"].lineage["deviations"] == {"size": "8"}


def test_a_hosted_experiment_answers_to_its_bases_names(sandbox: Sandbox) -> None:
    sandbox.write(CHAIN)
    node = "experiments/c/bigger.py::experiment_bigger"
    words = [node, "-p", "experiment_train:lr=0.3"]
    assert hosted(sandbox, *words)[node].results["lr"] == 0.3
    words = [node, "-p", "experiment_bigger:lr=0.4"]
    assert hosted(sandbox, *words)[node].results["lr"] == 0.4


def test_the_tables_of_a_folder_apply_by_the_name_and_the_nearer_name_wins(
    sandbox: Sandbox,
) -> None:
    sandbox.write(
        {
            "experiments/a/base.py": BASE,
            "experiments/params.toml": """
                [experiment_train]
                lr = 0.5
                width = 2

                [experiment_big]
                width = 4
            """,
            "experiments/b.py": """
                import expt
                from experiments.a.base import experiment_train

                experiment_big = expt.extends(experiment_train)
            """,
        }
    )
    runs = hosted(sandbox)
    big = runs["experiments/b.py::experiment_big"]
    assert (big.results["lr"], big.results["width"]) == (0.5, 4)
    base = runs["experiments/a/base.py::experiment_train"]
    assert (base.results["lr"], base.results["width"]) == (0.5, 2)


def test_an_experiment_is_hosted_twice_under_two_node_ids(sandbox: Sandbox) -> None:
    host = "lr = {lr}\n[expt]\nextends = '../base.py::experiment_train'"
    sandbox.write(
        {
            "experiments/base.py": BASE,
            "experiments/one/params.toml": host.format(lr=1.0),
            "experiments/two/params.toml": host.format(lr=2.0),
        }
    )
    runs = hosted(sandbox)
    assert {node: run.results["lr"] for node, run in runs.items()} == {
        "experiments/base.py::experiment_train": 0.1,
        "experiments/one::experiment_train": 1.0,
        "experiments/two::experiment_train": 2.0,
    }


def test_a_params_file_hosts_for_its_folder_and_not_for_those_below(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/base.py": BASE,
            "experiments/big/params.toml": "[expt]\nextends = '../base.py::experiment_train'",
            "experiments/big/below/other.py": "def experiment_other(): ...",
        }
    )
    assert set(sandbox.expt("--collect-only", "-q").lines) == {
        "experiments/base.py::experiment_train",
        "experiments/big::experiment_train",
        "experiments/big/below/other.py::experiment_other",
    }


def test_a_module_that_is_used_counts_for_the_folder_tree(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "mixins/logging_words.py": """
                import expt

                @expt.provider
                def words():
                    return ["mixed in"]

                @expt.on("after")
                def log_after(words, n):
                    return f"{n} {words}"

                def analysis_mixin(run):
                    print("analysis of the mixin")

                def expt_run_finished(case):
                    print("heard", case.id)
            """,
            "experiments/a/params.toml": "[expt]\nuse = ['../../mixins/logging_words.py']",
            "experiments/a/below/x.py": """
                def experiment_x(words, hooks):
                    return {"after": hooks.call("after", words=words, n=1, more=2)}
            """,
            "experiments/b/y.py": """
                def experiment_y(hooks):
                    return {"after": hooks.call("after", words=[], n=1)}
            """,
        }
    )
    runs = hosted(sandbox)
    x = runs["experiments/a/below/x.py::experiment_x"]
    assert x.results == {"after": ["1 ['mixed in']"]}
    assert x.log.splitlines() == [
        "analysis of the mixin", "heard experiments/a/below/x.py::experiment_x"
    ]  # fmt: skip
    assert "mixins/logging_words.py" in x.code
    y = runs["experiments/b/y.py::experiment_y"]
    assert (y.results, y.log) == ({"after": []}, "")


def test_a_conftest_is_nearer_than_what_its_folder_uses(sandbox: Sandbox) -> None:
    provider = "from expt import provider\n\n@provider\ndef data(): return '{name}'\n"
    sandbox.write(
        {
            "mixin.py": provider.format(name="mixin"),
            "experiments/params.toml": "[expt]\nuse = ['../mixin.py']",
            "experiments/conftest.py": provider.format(name="conftest"),
            "experiments/x.py": "def experiment_x(data): return data",
        }
    )
    run = hosted(sandbox)["experiments/x.py::experiment_x"]
    assert run.results == {"value": "conftest"}
    assert places(run, "data") == ["experiments/conftest.py:3", "mixin.py:3"]


def test_what_a_module_imports_by_name_counts_as_defined_there(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "library/parts.py": """
                import expt

                @expt.provider
                def data():
                    return "imported"

                @expt.on("after")
                def tell():
                    return "told"

                def analysis_parts(run):
                    print("analysis of the parts")
            """,
            "experiments/x.py": """
                from library.parts import analysis_parts, data, tell

                def experiment_x(data, hooks):
                    return {"data": data, "after": hooks.call("after")}
            """,
        }
    )
    run = hosted(sandbox)["experiments/x.py::experiment_x"]
    assert run.results == {"data": "imported", "after": ["told"]}
    assert run.log.splitlines() == ["analysis of the parts"]


def test_a_listener_that_a_child_imports_from_its_base_is_called_once(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": BASE,
            "experiments/b.py": """
                import expt
                from experiments.a import analysis_train, experiment_train, of_base

                experiment_b = expt.extends(experiment_train)
            """,
        }
    )
    run = hosted(sandbox)["experiments/b.py::experiment_b"]
    assert run.results["after"] == ["base"]
    assert run.log.splitlines() == ["analysis of the base"]


def test_an_experiment_is_extended_beside_itself(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                import expt

                def experiment_a(lr: float = 1.0): return lr

                experiment_b = expt.extends(experiment_a)
            """,
            "experiments/params.toml": "[experiment_b]\nlr = 3.0",
        }
    )
    runs = hosted(sandbox)
    assert {run.results["value"] for run in runs.values()} == {1.0, 3.0}
    b = runs["experiments/a.py::experiment_b"]
    assert b.lineage["extends"] == ["experiments/a.py::experiment_a"]
    assert b.lineage["deviations"] == {"lr": 3.0}


# Mistakes


@pytest.mark.parametrize(
    ("files", "text"),
    [
        (
            {
                "a/params.toml": "[expt]\nextends = '../b::experiment_x'",
                "b/params.toml": "[expt]\nextends = '../a::experiment_x'",
            },
            (
                "error: 'experiment_x' extends itself\n"
                "  at experiments/a/params.toml:2\n"
                "  experiments/a::experiment_x → experiments/b::experiment_x"
                " → experiments/a::experiment_x\n"
                "error: 'experiment_x' extends itself\n"
                "  at experiments/b/params.toml:2\n"
                "  experiments/b::experiment_x → experiments/a::experiment_x"
                " → experiments/b::experiment_x\n"
            ),
        ),
        (
            {
                "a.py": "import expt\nfrom experiments import b\n"
                "experiment_a = expt.extends(b.experiment_b)",
                "b.py": "import expt\nfrom experiments import a\n"
                "experiment_b = expt.extends(a.experiment_a)",
            },
            (
                "error: 'experiment_a' extends itself\n"
                "  at experiments/a.py:3\n"
                "  experiments/a.py::experiment_a → experiments/b.py::experiment_b"
                " → experiments/a.py::experiment_a\n"
                "error: 'experiment_b' extends itself\n"
                "  at experiments/b.py:3\n"
                "  experiments/b.py::experiment_b → experiments/a.py::experiment_a"
                " → experiments/b.py::experiment_b\n"
            ),
        ),
        (
            {
                "base.py": "def experiment_train(): ...",
                "a/params.toml": "lr = 1\n\n[expt]\nextends = '../bas.py::experiment_train'",
            },
            (
                "error: there is no '../bas.py' to extend\n"
                "  at experiments/a/params.toml:4\n"
                "  did you mean 'base.py'?\n"
            ),
        ),
        (
            {
                "base.py": "def experiment_train(): ...",
                "a/params.toml": "[expt]\nextends = '../base.py::experiment_trian'",
            },
            (
                "error: '../base.py' defines no 'experiment_trian'\n"
                "  at experiments/a/params.toml:2\n"
                "  did you mean 'experiment_train'?\n"
            ),
        ),
        (
            {"a/params.toml": "[expt]\nextends = '../../../x.py::experiment_x'"},
            (
                "error: '../../../x.py' lies outside the root directory\n"
                "  at experiments/a/params.toml:2\n"
            ),
        ),
        (
            {"a.py": "import expt, json\nexperiment_x = expt.extends(json.dumps)"},
            (
                "error: 'dumps' is defined outside the root directory, and cannot be extended\n"
                "  at experiments/a.py:2\n"
                "  write an experiment that calls it\n"
            ),
        ),
        (
            {
                "a.py": "import expt\n\nclass Call:\n    def __call__(self): ...\n\n"
                "experiment_x = expt.extends(Call())"
            },
            (
                "error: expt.extends takes an experiment function, not an instance of Call\n"
                "  at experiments/a.py:6\n"
            ),
        ),
        (
            {"a.py": "def experiment_x(): ...", "params.toml": "[expt]\nuse = ['mixin.py']"},
            (
                "error: there is no module 'mixin.py' to use\n"
                "  at experiments/params.toml:2\n"
                "  paths are relative to the folder 'experiments'\n"
            ),
        ),
        (
            {"a.py": "def experiment_x(): ...", "params.toml": "[expt]\nuse = ['/etc/hosts']"},
            (
                "error: '/etc/hosts' lies outside the root directory\n"
                "  at experiments/params.toml:2\n"
                "  import what it has\n"
            ),
        ),
        (
            {
                "a.py": "def experiment_x(): ...",
                "params.toml": "[expt]\nuse = ['notes.txt']",
                "notes.txt": "nothing",
            },
            (
                "error: 'notes.txt' is no module\n"
                "  at experiments/params.toml:2\n"
                "  'use' takes Python files\n"
            ),
        ),
    ],
)
def test_what_cannot_be_hosted_is_told_before_anything_runs(
    sandbox: Sandbox, files: dict[str, str], text: str
) -> None:
    sandbox.write({"expt.toml": "", **{f"experiments/{name}": files[name] for name in files}})
    told = refused(sandbox)
    assert told[told.index("error: ") :] == text


def test_a_base_that_is_missing_when_it_is_imported_shows_the_users_frames_alone(
    sandbox: Sandbox,
) -> None:
    sandbox.write(
        {
            "experiments/base.py": "def experiment_train(): ...",
            "experiments/a.py": """
                import expt
                from experiments.base import experiment_trian

                experiment_a = expt.extends(experiment_trian)
            """,
        }
    )
    told = refused(sandbox)
    assert "error: 'experiments/a.py' cannot be imported: ImportError: cannot import name " in told
    assert "\n  at experiments/a.py:2\n" in told
    assert told.count('File "') == 1


# The situation that it is all for


SCHOOL = """
    def experiment_train(track, log, hooks, words: list[str], epochs: int = 3, lr: float = 0.1):
        \"\"\"Learn words by heart.\"\"\"
        words = hooks.filter("words", words)
        known = 0.0
        for epoch in range(epochs):
            known += lr * len(words)
            track("known", known, step=epoch)
            hooks.call("after_epoch", epoch=epoch, known=known, log=log)
        return {"known": known, "words": len(words)}
"""
CHILD = """
    import expt
    from experiments.school.learn import experiment_train

    experiment_short = expt.extends(experiment_train)


    @expt.on("words")
    def drop_long_words(words):
        return [word for word in words if len(word) < 6]


    def analysis_short(run):
        print(f"knew {run.results['known']:.1f} of {run.results['words']}")
"""
TREE = {
    "conftest.py": """
        import expt


        @expt.on("after_epoch")
        def log_epoch(log, epoch, known):
            log.info("epoch %d: %.2f known", epoch, known)
    """,
    "experiments/params.toml": "words = ['tree', 'house', 'rhododendron']",
    "experiments/school/learn.py": SCHOOL,
    "experiments/short/short.py": CHILD,
    "experiments/short/params.toml": "lr = 0.5",
}


def test_a_child_changes_one_value_filters_the_input_analyses_and_reuses_a_logging_mixin(
    sandbox: Sandbox,
) -> None:
    sandbox.write({"expt.toml": "", **TREE})
    base = sandbox.root / "experiments/school/learn.py"
    untouched = base.read_bytes()
    runs = hosted(sandbox)
    short = runs["experiments/short/short.py::experiment_short"]
    assert short.results == {"known": 3.0, "words": 2}
    assert short.lineage["extends"] == ["experiments/school/learn.py::experiment_train"]
    assert short.lineage["deviations"] == {"lr": 0.5}
    log = short.log
    assert [f"epoch {epoch}: {known}" in log for epoch, known in enumerate(("1.00", "2.00"))] == [
        True, True
    ]  # fmt: skip
    assert log.splitlines()[-1] == "knew 3.0 of 2"
    train = runs["experiments/school/learn.py::experiment_train"]
    assert train.results["words"] == 3
    assert "epoch 0: 0.30 known" in train.log
    assert base.read_bytes() == untouched

    def lines(text: str) -> int:
        return sum(1 for line in text.splitlines() if line.strip())

    filtering_and_analysis = 5
    assert lines(CHILD) < lines(SCHOOL) + filtering_and_analysis, "a copy would be longer"


def test_a_hosted_file_survives_ruff(sandbox: Sandbox) -> None:
    pytest.importorskip("ruff", reason="ruff comes with the extra 'dev'")
    sandbox.write({"expt.toml": "", **TREE})
    path = sandbox.root / "experiments/short/short.py"
    before = path.read_text()
    command = [sys.executable, "-m", "ruff", "check", "--fix", "--select", "F,UP,RUF,B,SIM", "."]
    done = subprocess.run(command, cwd=sandbox.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert path.read_text() == before
