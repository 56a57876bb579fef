"""What becomes of words that cannot be meant, and of output that cannot be written."""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
from typing import TYPE_CHECKING

import pytest
from warm_start import run_on_terminal

from expt.cli import main as cli
from expt.cli.habits import understand_places
from expt.ground.configuration import Configuration
from expt.ground.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

ESCAPE = "\x1b]52;c;aGFja2Vk\x07\x1b[2J"
SIMPLE = """
    def experiment_a(track, d: dict = {}):
        print("hello")
        track("a", 1.0)
    """


@pytest.fixture
def project(sandbox: Sandbox) -> Sandbox:
    sandbox.write({"expt.toml": "", "experiments/m.py": SIMPLE})
    return sandbox


# Output that is full or closed


WRITING = [
    ["show"],
    ["show", "latest"],
    ["show", "--json"],
    ["show", "--csv"],
    ["show", "latest", "--json"],
    ["params", "experiments/m.py::experiment_a"],
    ["params", "experiments/m.py::experiment_a", "--json"],
    ["render", "latest"],
    ["completion", "bash"],
    ["diff", "latest", "latest"],
    ["diff", "latest", "latest", "--json"],
    ["tag", "latest", "paper"],
    ["du"],
    ["verify"],
    ["requirements", "latest"],
    ["--plan"],
    ["--plan", "--json"],
    ["--co"],
    ["--version"],
    ["new", "experiments/other.py"],
]


def test_what_was_asked_for_and_cannot_be_written_is_told(
    project: Sandbox, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """case: stdout-full"""
    assert project.expt("-q").exit_code == 0
    monkeypatch.chdir(project.root)
    for words in WRITING:
        with open("/dev/full", "w") as full:
            for stream, reason in ((full, "No space left on device"), (None, "it is closed")):
                monkeypatch.setattr(sys, "stdout", stream)
                (project.root / "experiments/other.py").unlink(missing_ok=True)
                code = cli.main(words)
                monkeypatch.undo()
                monkeypatch.chdir(project.root)
                told = capfd.readouterr().err
                assert (code, told) == (4, f"error: the output cannot be written: {reason}\n"), (
                    words
                )


def test_an_id_that_is_not_in_the_encoding_of_the_shell_is_listed(project: Sandbox) -> None:
    project.write({"experiments/数.py": "def experiment_ü(): ...\n"})
    project.environ = {"PYTHONIOENCODING": "latin-1", "LC_ALL": "C"}
    done = project.expt("--co", "-q")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "\\u6570.py::experiment_" in done.stdout


# What users named never speaks to the terminal


def shown_on_terminal(sandbox: Sandbox, *words: str) -> str:
    """What a command writes to a terminal; colours and links are rich's own and left out."""
    environ = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "CI")}
    _, written = run_on_terminal(
        [*words], sandbox.root, {**environ, "TERM": "xterm-256color"}, columns=80
    )
    return re.sub(r"\x1b\[[\d;]*m|\x1b\]8;[^\x1b]*\x1b\\|\x1b\[\?25[lh]|\x1b\[\d?[AK]", "", written)


def test_the_id_of_a_tampered_archive_never_speaks_to_the_terminal(project: Sandbox) -> None:
    """case: escape-id"""
    assert project.expt("-q").exit_code == 0
    path = project.run().path / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "id": f"ab{ESCAPE}xyz"}))
    for words in (["show"], ["show", str(path.parent)], ["show", "--csv"]):
        shown = shown_on_terminal(project, *words)
        assert "\x1b" not in shown
        assert "ab\\x1b]" in shown


def test_what_a_run_prints_and_raises_never_speaks_to_the_terminal(project: Sandbox) -> None:
    source = f"def experiment_a():\n    print({ESCAPE!r})\n    raise ValueError({ESCAPE!r})\n"
    project.write({"experiments/m.py": source})
    for words in (["-s"], [], ["-q", "-s"]):
        shown = shown_on_terminal(project, "--no-render", *words)
        assert "\x1b" not in shown
        assert "\\x1b]52;c;aGFja2Vk\\x07\\x1b[2J" in shown


def test_places_are_told_and_not_obeyed(project: Sandbox) -> None:
    """case: cli-crash"""
    source = """
        import expt

        @expt.provider
        def data(): return 1

        def experiment_o(data): ...
        """
    project.write({f"experiments/e{ESCAPE}/m.py": source})
    done = project.expt("params", "experiments", "-k", "experiment_o")
    assert "\x1b" not in done.stdout
    assert "experiments/e\\x1b]52;c;aGFja2Vk\\x07\\x1b[2J/m.py:3" in done.stdout


# -s and -q


@pytest.mark.parametrize("words", [["-s", "-q"], ["-q", "-s", "-n", "0"], ["-s", "-qq"]])
def test_quiet_hides_nothing_that_was_asked_for_with_s(project: Sandbox, words: list[str]) -> None:
    """case: quiet-hides-s, case: s-with-q-prints-nothing"""
    assert project.expt(*words).lines[0] == "hello"


# Words that cannot be meant


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--plugin", "./plug"],
            "error: './plug' is no Python file\n  at --plugin ./plug\n"
            "  a plugin file ends in .py\n",
        ),
        (
            ["show", "--columns", ","],
            "error: '--columns' has no name\n  --columns lr,seed\n",
        ),
        (["new", "plug"], None),
        (["new", "plug/x.py"], None),
        (["show", "--runs", "x" * 5000], None),
        (["x" * 5000], None),
        (["-p", f"d{'.a' * 5000}=1"], None),
        (["-p", f"d={'[' * 5000}"], None),
        (["--sweep", f"d={'[' * 5000}"], None),
        (["show", f"latest~{'9' * 5000}"], None),
        (["show", "--where", "(" * 5000], None),
        (["-k", "(" * 5000], None),
    ],
)
def test_no_words_reach_an_internal_error(
    project: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    words: list[str],
    message: str | None,
) -> None:
    """case: cli-crash"""
    monkeypatch.chdir(project.write({"plug": "", "runs/x": ""}).root)
    assert cli.main(words) == 4
    told = capfd.readouterr().err
    assert message is None or told == message
    assert told.startswith("error: ")
    assert "Traceback" not in told


def test_a_limit_beyond_any_number_is_no_limit(
    project: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """case: cli-crash"""
    monkeypatch.chdir(project.write({"runs/x": ""}).root)
    assert cli.main(["show", "--limit", "9" * 20]) == 0


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["list"], "the command is: expt show"),
        (["plan"], "the command is: expt --plan"),
        (["test"], "the command is: expt"),
        (["compare", "a b", "latest"], "the command is: expt show 'a b' latest"),
        (["train", "lr=0.1", "-n", "2"], "the command is: expt -n 2 -p lr=0.1"),
        (["sweep", "lr=0.1,1"], "the command is: expt --sweep lr=0.1,1"),
        (["ls", "experiments"], "the command is: expt show experiments"),
        (["help", "show"], "the command is: expt --help"),
        (["shwo"], "did you mean 'show'?"),
        (["experimets"], "did you mean 'experiments'?"),
        (["lr=0.1"], "the command is: expt -p lr=0.1"),
        (["experiments/", "lr=0.1"], "the command is: expt experiments/ -p lr=0.1"),
        (
            ["experiments/", "lr=0.1,1", "+opt.name=a b", "-n", "2"],
            "the command is: expt experiments/ -n 2 --sweep lr=0.1,1 -p 'opt.name=a b'",
        ),
        (["-p", "lr=1", "seed=3"], "the command is: expt -p lr=1 -p seed=3"),
        (
            ["--sweep", "lr=1,2", "a=1", "-p", "a=1"],
            "the command is: expt --sweep lr=1,2 -p a=1 -p a=1",
        ),
    ],
)
def test_habits_of_other_tools_are_told_the_next_command(
    tmp_path: Path, words: list[str], hint: str
) -> None:
    (tmp_path / "experiments").mkdir()
    places = [
        word
        for before, word in itertools.pairwise(["", *words])
        if not word.startswith("-") and before not in ("-n", "-p", "--sweep")
    ]
    with pytest.raises(UsageError) as caught:
        understand_places(places, words, ["run", "show"], Configuration(tmp_path, {}), tmp_path)
    assert caught.value.hint == hint


def test_the_usual_folder_is_no_verb_where_it_is_not_there(tmp_path: Path) -> None:
    words, verbs = ["experiments"], ["requirements"]
    assert understand_places(words, words, verbs, Configuration(tmp_path, {}), tmp_path) == words


def test_a_node_id_as_a_screen_shows_it_is_understood_where_it_is_unique(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "expt.toml": "",
            "experiments/deep/mlp.py": "def experiment_a(lr=1): ...",
            "experiments/deep/two.py": "def experiment_b(): ...",
            "experiments/two.py": "def experiment_b(): ...",
        }
    )
    found = sandbox.expt("mlp.py::experiment_a[lr-2]", "--sweep", "lr=1,2", "-q")
    assert found.exit_code == 0, found.stderr
    assert sandbox.run().node_id == "experiments/deep/mlp.py::experiment_a[lr-2]"
    inside = sandbox.expt("mlp.py::experiment_a", "--co", "-q", cwd="experiments")
    assert inside.stdout == "experiments/deep/mlp.py::experiment_a\n", inside.stderr
    twice = sandbox.expt("two.py::experiment_b", "--co", "-q")
    assert twice.exit_code == 4
    assert twice.stderr == (
        "error: 'two.py::experiment_b' may be 2 experiments\n"
        "  experiments/deep/two.py::experiment_b, experiments/two.py::experiment_b\n"
    )


def test_a_new_conftest_is_told_with_a_command_that_works(sandbox: Sandbox) -> None:
    sandbox.write({"expt.toml": ""})
    first = sandbox.expt("new", "experiments", "--conftest").lines
    assert first == [
        "wrote experiments/conftest.py",
        "an experiment beside it: expt new experiments/first.py",
    ]
    assert sandbox.expt("new", "experiments/first.py").exit_code == 0
    (sandbox.root / "experiments/conftest.py").unlink()
    told = sandbox.expt("new", "experiments", "--conftest").lines[1]
    assert told == "what takes part there: expt params experiments"
    assert sandbox.expt("params", "experiments").exit_code == 0
