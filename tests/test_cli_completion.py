"""What a shell is offered, asked in the way that shells ask."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from expt.cli.completion import parser_of
from expt.cli.parser import VERBS

if TYPE_CHECKING:
    from pathlib import Path

    from expt.testing import Sandbox

TREE = {
    "experiments/params.toml": "width = 3\n[expt.variants.big]\nwidth = 9\n",
    "experiments/first.py": """
        import expt
        raise RuntimeError("nothing of the user's is imported")

        @expt.mark.slow
        def experiment_train(track, lr: float = 0.1, epochs: int = 3): ...
    """,
    "experiments/conftest.py": """
        from typing import Literal
        import expt

        @expt.provider(scope="session")
        def data(test_size: float = 0.25, opt: Literal["adam", "sgd"] = "sgd", fast: bool = False,
                 kind: Literal["a", "b"] | None = None):
            return 1
    """,
    "runs/.keep": "",
}


def offered(sandbox: Sandbox, line: str) -> list[str]:
    """The words that the command offers after `line`."""
    answer = sandbox.root / "answer"
    answer.unlink(missing_ok=True)
    sandbox.environ |= asking(line, answer)
    try:
        sandbox.expt()
    finally:
        sandbox.environ.clear()
    return [word.strip() for word in answer.read_text().splitlines()]


def asking(line: str, answer: Path) -> dict[str, str]:
    """What a shell tells by the environment when it asks."""
    return {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "_ARGCOMPLETE_IFS": "\n",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
        "_ARGCOMPLETE_COMP_WORDBREAKS": "",
    }


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("expt sho", ["show"]),
        ("expt experim", ["experiments/"]),
        ("expt experiments/f", ["experiments/first.py"]),
        ("expt experiments/first.py::", ["experiments/first.py::experiment_train"]),
        ("expt experiments/ --max", ["--maximize", "--max-cases", "--maxfail"]),
        ("expt experiments/ -p l", ["lr="]),
        ("expt experiments/ -p w", ["width="]),
        ("expt --sweep e", ["epochs="]),
        ("expt --variant b", ["big"]),
        ("expt -m s", ["slow"]),
        ("expt --tb s", ["short"]),
        ("expt --executor d", ["dask"]),
        ("expt show lat", ["latest"]),
        ("expt completion z", ["zsh"]),
        ("expt -p test", ["test_size="]),
        ("expt -p opt=", ["opt=adam", "opt=sgd"]),
        ("expt --sweep opt=s", ["opt=sgd"]),
        ("expt --sweep opt=adam,s", ["opt=adam,sgd"]),
        ("expt -p kind=", ["kind=a", "kind=b"]),
        ("expt -p fast=t", ["fast=true"]),
        ("expt show --status f", ["failed"]),
        ("expt show --sort dur", ["duration"]),
        ("expt show --columns id,sta", ["id,started", "id,status"]),
        ("expt stop --k", ["--kill"]),
        ("expt status --j", ["--json"]),
        ("expt cache --pr", ["--prune"]),
        ("expt diff lat", ["latest"]),
        ("expt new --ext", ["--extends"]),
    ],
)
def test_what_is_offered(sandbox: Sandbox, line: str, words: list[str]) -> None:
    sandbox.write(TREE)
    assert offered(sandbox, line) == words


def test_runs_are_offered_by_their_ids(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": "def experiment_x(): return 1\n"})
    sandbox.expt()
    assert sandbox.run().id in offered(sandbox, "expt show ")
    assert offered(sandbox, "expt show --sort results.v") == ["results.value"]


def test_a_verb_is_offered_what_it_works_on(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                from expt import provider

                @provider(cache=True)
                def table():
                    return [1, 2]

                def experiment_x(table):
                    return 1
            """
        }
    )
    sandbox.expt()
    run_id = sandbox.run().id
    for verb in ("diff", "rerun", "open", "tag", "note", "verify", "requirements"):
        assert run_id in offered(sandbox, f"expt {verb} "), verb
    assert offered(sandbox, "expt cache ta") == ["table"]
    assert run_id not in offered(sandbox, "expt stop ")


def test_every_verb_has_the_parser_that_its_main_parses_with() -> None:
    for verb in VERBS:
        parser = parser_of(verb)
        assert parser.parse_known_args  # what was put in its place is gone
        assert parser.prog == ("expt" if verb in ("run", "params") else f"expt {verb}")


def test_tags_are_offered(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": "def experiment_x(): return 1\n"})
    sandbox.expt("--tag", "v1.0")
    assert offered(sandbox, "expt show --tag v1.") == ["v1.0"]
    assert offered(sandbox, "expt tag latest v1.") == ["v1.0"]  # as no id of a run begins


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(sandbox: Sandbox, shell: str) -> None:
    done = sandbox.expt("completion", shell)
    assert done.exit_code == 0
    assert "_ARGCOMPLETE" in done.stdout
    assert "expt" in done.stdout


def test_node_ids_are_offered_without_importing_what_reads_values(sandbox: Sandbox) -> None:
    sandbox.write(TREE | {"experiments/params.toml": "width = 3\n"})
    answer = sandbox.root / "answer"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "expt"],
        env=os.environ | asking("expt experiments/first.py::", answer),
        cwd=sandbox.root,
        check=False,
        timeout=60,
        stderr=subprocess.PIPE,
        text=True,
    )
    imported = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines()]
    assert answer.read_text().split() == ["experiments/first.py::experiment_train"]
    assert "expt.discovery" in imported
    assert not {"cattrs", "numpy", "expt.parameters", "expt.planning"} & set(imported)
