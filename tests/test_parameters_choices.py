"""Choices: a whole table by name, from outside and in the archive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from expt.reading.references import load_run

if TYPE_CHECKING:
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

FILES = {
    "experiments/params.toml": """
        [expt.choices.db]
        default = "mysql"
        [expt.choices.db.mysql]
        port = 3306
        socket = "/tmp/s"
        [expt.choices.db.postgresql]
        port = 5432
        [expt.variants.big]
        db = "postgresql"
        """,
    "experiments/a.py": "def experiment_a(db): return db\n",
}


def plan(sandbox: Sandbox, *words: str) -> list[dict[str, Any]]:
    done = sandbox.expt("--plan", "--json", *words)
    assert done.exit_code == 0, done.stderr
    return done.json()


def chosen(sandbox: Sandbox, *words: str) -> list[dict[str, Any]]:
    return [case["params"]["db"] for case in plan(sandbox, *words)]


MYSQL = {"port": 3306, "socket": "/tmp/s"}


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ([], [MYSQL]),
        (["-p", "db=postgresql"], [{"port": 5432}]),
        (["-p", "db.port=1"], [{**MYSQL, "port": 1}]),
        (["-p", "db.port=1", "-p", "db=postgresql"], [{"port": 1}]),
        (["--sweep", "db=mysql,postgresql"], [MYSQL, {"port": 5432}]),
        (["--sweep", "db.port=1,2", "--sweep", "db=postgresql"], [{"port": 1}, {"port": 2}]),
        (
            ["--sweep", "db=mysql,postgresql", "-p", "db.port=9"],
            [{**MYSQL, "port": 9}, {"port": 9}],
        ),
        (["--variant", "big"], [{"port": 5432}]),
        (["-p", "db={port=7}"], [{**MYSQL, "port": 7}]),
    ],
)
def test_a_member_is_taken_whole_and_reached_into(
    sandbox: Sandbox, words: list[str], values: list[Any]
) -> None:
    sandbox.write(FILES)
    assert chosen(sandbox, *words) == values


def test_the_plan_and_the_archive_say_which_member_and_where(sandbox: Sandbox) -> None:
    """And `--params` of the archive gives an equal run, whatever the default is."""
    sandbox.write(FILES)
    assert sandbox.expt("--plan", "-p", "db=postgresql", "-p", "seed=1").stdout == (
        "experiments/a.py::experiment_a\n"
        "  db       'postgresql'  -p db\n"
        "    over   'mysql'       experiments/params.toml:2\n"
        "  db.port  5432          experiments/params.toml:7\n"
        "  seed     1             -p seed\n"
        "\n"
        "1 case of 1 experiment\n"
    )
    for words in (["-p", "db=postgresql"], ["-p", "db=postgresql", "-p", "db.extra=1"]):
        assert sandbox.expt(*words, "-p", "seed=1").exit_code == 0
        first = sandbox.run()
        assert first.lineage["choices"] == {"db": "postgresql"}
        assert sandbox.expt("--params", str(first.path / "params.toml")).exit_code == 0
        again = sandbox.run()
        assert again.id != first.id
        assert (again.params, again.results) == (first.params, first.results)
        assert again.lineage["fingerprint"] == first.lineage["fingerprint"]
        assert again.lineage["choices"] == {"db": "postgresql"}


def test_folders_add_members_and_the_nearest_of_one_name_wins(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            **FILES,
            "experiments/inner/params.toml": """
            db = "sqlite"
            [expt.choices.db.sqlite]
            file = "x"
            [expt.choices.db.mysql]
            port = 1
            """,
            "experiments/inner/b.py": "def experiment_b(db): return db\n",
        }
    )
    assert chosen(sandbox, "-k", "b.py") == [{"file": "x"}]
    assert chosen(sandbox, "-k", "b.py", "-p", "db=mysql") == [{"port": 1}]
    assert chosen(sandbox, "-k", "a.py", "-p", "db=mysql") == [MYSQL]


def test_a_member_fits_the_class_that_is_asked_for(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            **FILES,
            "experiments/a.py": """
            from dataclasses import dataclass
            @dataclass
            class MySQL:
                port: int
                socket: str = ""
            @dataclass
            class Postgres:
                port: int
                ssl: bool = False
            def experiment_a(db: MySQL | Postgres = Postgres(1, True)): return repr(db)
            """,
        }
    )
    assert sandbox.expt().exit_code == 0
    assert sandbox.run().results["value"] == "MySQL(port=3306, socket='/tmp/s')"
    assert sandbox.expt("-p", "db=postgresql", "-p", "db.ssl=true").exit_code == 0
    assert sandbox.run().results["value"] == "Postgres(port=5432, ssl=True)"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (
            ["-p", "db=postgres"],
            "error: 'db' has no member 'postgres'\n  at -p db\n"
            "  did you mean 'postgresql'? members: mysql, postgresql\n",
        ),
        (
            ["--sweep", "db=mysql,oracle"],
            "error: 'db' has no member 'oracle'\n  at --sweep db\n  members: mysql, postgresql\n",
        ),
    ],
)
def test_a_name_that_is_no_member_is_an_error(
    sandbox: Sandbox, words: list[str], error: str
) -> None:
    sandbox.write(FILES)
    done = sandbox.expt(*words)
    assert (done.exit_code, done.stderr) == (4, error)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[expt.choices]\ndb = 1", "the choice 'db' must be a table of its members"),
        ("[expt.choices.db]\nmysql = 1", "the member 'mysql' of the choice 'db' must be a table"),
        ("[expt]\nchoices = 1", "'choices' of [expt] must be a table"),
    ],
)
def test_what_are_no_choices(sandbox: Sandbox, text: str, what: str) -> None:
    sandbox.write({**FILES, "experiments/params.toml": text})
    done = sandbox.expt()
    assert done.exit_code == 4
    assert what in done.stderr
    assert "experiments/params.toml:2" in done.stderr


UNION = """
from dataclasses import dataclass
@dataclass
class Adam:
    lr: float = 0.1
    beta: float = 0.9
@dataclass
class SGD:
    lr: float = 0.2
    momentum: float = 0.0
def experiment_a(opt: Adam | SGD = Adam()): return repr(opt)
"""


MADE = {
    (): "Adam(lr=0.1, beta=0.9)",
    ("opt.lr=1.0",): "Adam(lr=1.0, beta=0.9)",
    ("opt.momentum=0.5",): "SGD(lr=0.2, momentum=0.5)",
    ("opt={momentum=0.5, lr=0.3}",): "SGD(lr=0.3, momentum=0.5)",
    ("opt.lr=0.3", "opt.momentum=0.5"): "SGD(lr=0.3, momentum=0.5)",
}


@pytest.fixture(scope="module")
def unions(shared_sandbox: Sandbox) -> Sandbox:
    """An experiment for each of the `MADE`, with the values that are given to it alone."""
    given = [
        ("-p", f"experiment_{number}:{text}") for number, texts in enumerate(MADE) for text in texts
    ]
    sources = {
        f"experiments/a{number}.py": UNION.replace("experiment_a", f"experiment_{number}")
        for number in range(len(MADE))
    }
    assert shared_sandbox.write(sources).expt(*(w for pair in given for w in pair)).exit_code == 0
    return shared_sandbox


@pytest.mark.parametrize("given", MADE, ids=" ".join)
def test_the_fields_of_one_class_never_leak_into_the_other(
    unions: Sandbox, given: tuple[str, ...]
) -> None:
    first = unions.run(f"experiment_{[*MADE].index(given)}")
    assert first.results["value"] == MADE[given]
    values = first.path / "params.toml"
    assert unions.expt(first.experiment, "--params", values, "--runs", "again").exit_code == 0
    assert load_run("latest", unions.root / "again").results == first.results


def test_a_key_that_no_class_of_a_choice_has_is_a_warning(sandbox: Sandbox) -> None:
    """Once, with file, line and the closest key; where it is chosen, it does not fit."""
    sandbox.write(
        {
            "experiments/params.toml": """
            [expt.choices.opt]
            default = "adam"
            [expt.choices.opt.adam]
            beta = 0.5
            [expt.choices.opt.sgd]
            momentun = 0.5
            """,
            "experiments/a.py": UNION,
            "experiments/b.py": UNION.replace("experiment_a", "experiment_b"),
        }
    )
    done = sandbox.expt("--plan")
    warnings = [line for line in done.stdout.splitlines() if line.startswith("warning:")]
    assert warnings == [
        "warning: experiments/params.toml:6: 'opt' has no key 'momentun' for its member 'sgd'; "
        "did you mean 'momentum'?"
    ]
    chosen = sandbox.expt("-p", "opt=sgd")
    assert chosen.exit_code == 4
    assert "at experiments/params.toml:5" in chosen.stderr
