"""What a value of a parameter may be, and what is kept of it: from outside."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

from expt.reading.finding import find_runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from expt.testing import Sandbox

pytestmark = pytest.mark.inline


def refused(sandbox: Sandbox, *words: str) -> str:
    done = sandbox.expt(*words)
    assert done.exit_code == 4, done.stdout + done.stderr
    assert not (sandbox.root / "runs").exists()
    return done.stderr


def ran(sandbox: Sandbox, *words: str) -> None:
    done = sandbox.expt(*words)
    assert done.exit_code == 0, done.stdout + done.stderr


def test_a_default_without_a_stable_repr_is_no_difference(sandbox: Sandbox) -> None:
    """Case: addresses-in-params: neither in the archive nor in the fingerprint."""
    sandbox.write(
        {
            "experiments/a.py": """
            class Net:
                def act(self, x): return x
            def relu(x): return x
            def experiment_a(track, act=relu, net=Net(), method=Net().act, fs=[lambda x: x]):
                return 1
            """
        }
    )
    ran(sandbox, "-p", "seed=1")
    ran(sandbox, "-p", "seed=1")
    first, second = sandbox.runs()
    assert first.params["act"] == "<function relu>"
    assert first.params == second.params
    assert "0x" not in str(first.params) + str(first.origins)
    assert first.lineage["fingerprint"] == second.lineage["fingerprint"]


def test_session_providers_tell_two_objects_of_one_repr_apart(sandbox: Sandbox) -> None:
    """Two lambdas look the same without their addresses, and are not."""
    sandbox.write(
        {
            "experiments/a.py": """
            import expt
            @expt.provider(scope="session")
            def made(act): return act(2)
            def experiment_a(made, act=lambda x: x): return made
            def experiment_b(made, act=lambda x: -x): return made
            """
        }
    )
    ran(sandbox)
    assert sorted(run.results["value"] for run in sandbox.runs()) == [-2, 2]


def test_messages_name_what_people_wrote(sandbox: Sandbox) -> None:
    """Case: opaque-in-messages."""
    sandbox.write(
        {
            "experiments/a.py": """
            from decimal import Decimal
            class Odd:
                def __repr__(self): return "Odd()"
            def experiment_a(track, d: Decimal = Decimal("0.1"), n: int = Odd(), m: int = [Odd()]):
                return str(d + d)
            """
        }
    )
    for name, default in [("d", "'0.1'"), ("n", "Odd()"), ("m", "[Odd()]")]:
        error = refused(sandbox, "-p", f"{name}=x")
        assert f"over {default} of default" in error
        assert "Opaque" not in error
    ran(sandbox, "-p", "d=0.12345678901234567890123", "-p", "n=1", "-p", "m=1")
    assert sandbox.run().results["value"] == "0.24691357802469135780246"
    ran(sandbox, "--params", str(sandbox.run().path / "params.toml"))
    first, second = sandbox.runs()
    assert first.params == second.params
    assert first.results == second.results


def test_an_archive_reproduces_numpy_scalars(sandbox: Sandbox) -> None:
    """Case: numpy-annotation-no-roundtrip."""
    sandbox.write(
        {
            "experiments/a.py": """
            import numpy as np
            def experiment_a(track, lr: np.float64 = np.float64(0.1), n: np.int8 = np.int8(3),
                             w: np.ndarray = np.array([1.0, 2.0])):
                return f"{type(lr).__name__} {lr!s} {type(n).__name__} {n} {w.sum()}"
            """
        }
    )
    ran(sandbox)
    assert sandbox.run().params["w"] == [1.0, 2.0]
    ran(sandbox, "--params", str(sandbox.run().path / "params.toml"))
    ran(sandbox, "-p", "lr=0.1", "-p", "w=[1.0, 2.0]")
    assert {run.results["value"] for run in sandbox.runs()} == {"float64 0.1 int8 3 3.0"}
    assert "'n' must be int8, not 300" in sandbox.expt("-p", "n=300").stderr


SWEPT = """
import datetime, decimal, enum, pathlib
import expt
import numpy as np
class Mode(enum.Enum):
    A = "a"
    B = "b"
"""


VALUES = [
    ("np.linspace(0, 1, 3)", "p", ["0.0", "0.5", "1.0"]),
    ("list(np.logspace(-2, -1, 2))", "p", ["0.01", "0.1"]),
    ("[np.int64(1), np.float32(0.5)]", "p=0", ["1", "0.5"]),
    ("list(Mode)", "p: Mode", ["<Mode.A: 'a'>", "<Mode.B: 'b'>"]),
    ("Mode", "p", ["<Mode.A: 'a'>", "<Mode.B: 'b'>"]),
    ("[decimal.Decimal('0.10')]", "p", ["Decimal('0.10')"]),
    ("[datetime.timedelta(1)]", "p", ["datetime.timedelta(days=1)"]),
    ("[datetime.date(2026, 1, 1)]", "p", ["datetime.date(2026, 1, 1)"]),
    ("[pathlib.Path('x')]", "p", ["PosixPath('x')"]),
    ("(x for x in [1, 2])", "p", ["1", "2"]),
    ("[np.array([1, 2])]", "p", ["array([1, 2])"]),
]


@pytest.fixture(scope="module")
def swept(new_sandbox: Callable[[], Sandbox]) -> Sandbox:
    """Each of the `VALUES` swept by an experiment of its own; the first one from its archive."""
    sandbox = new_sandbox()
    code = (
        f"@expt.sweep(p={values})\ndef experiment_{number}({argument}): return repr(p)\n"
        for number, (values, argument, _) in enumerate(VALUES)
    )
    sandbox.write({"experiments/a.py": "".join([SWEPT, *code])})
    ran(sandbox, "-n", "1")
    archived = {run.experiment.rpartition("::")[2]: run for run in sandbox.runs()}
    tables = (
        f"[{name}]\n{(run.path / 'params.toml').read_text()}" for name, run in archived.items()
    )
    sandbox.write({"values.toml": "\n".join(tables)})
    ran(sandbox, "--params", "values.toml", "--runs", "again")
    return sandbox


@pytest.mark.parametrize("number", range(len(VALUES)), ids=[values for values, *_ in VALUES])
def test_what_is_swept_arrives_as_what_it_was(swept: Sandbox, number: int) -> None:
    """Cases: sweep-values, numpy-scalars-between-processes; a swept iterator is read once."""
    runs, (again,) = (
        [run for run in found if run.experiment.endswith(f"experiment_{number}")]
        for found in (swept.runs(), find_runs(swept.root / "again"))
    )
    assert sorted(run.results["value"] for run in runs) == sorted(VALUES[number][2])
    assert again.params == runs[-1].params
    assert again.results == runs[-1].results


@pytest.mark.parametrize("value", ["b'x'", "len", "object()", "[1, {'f': len}]", "10**5000"])
def test_what_can_be_no_value_is_refused_before_anything_runs(sandbox: Sandbox, value: str) -> None:
    """Case: sweep-values: with parameter, file and line."""
    code = f"{SWEPT}@expt.sweep(p=[{value}])\ndef experiment_a(p): return 1\n"
    sandbox.write({"experiments/a.py": code + "def experiment_b(): return 1\n"})
    error = refused(sandbox)
    assert "'p' can be no parameter: " in error
    assert "at experiments/a.py:7" in error


DEFAULTS = [
    "datetime.datetime(2026, 1, 1, tzinfo=zoneinfo.ZoneInfo('Europe/Berlin'))",
    "[expt.Secret('x')]",
    "10**5000",
    "HOLDS_ITSELF",
]


@pytest.fixture(scope="module")
def defaults(new_sandbox: Callable[[], Sandbox]) -> Sandbox:
    """An experiment for each of the `DEFAULTS`."""
    before = "import zoneinfo\nHOLDS_ITSELF = []\nHOLDS_ITSELF.append(HOLDS_ITSELF)\n"
    code = (
        f"def experiment_{number}(p={default}): return p is not None\n"
        for number, default in enumerate(DEFAULTS)
    )
    sandbox = new_sandbox().write({"experiments/a.py": "".join([SWEPT, before, *code])})
    ran(sandbox)
    return sandbox


@pytest.mark.parametrize("default", DEFAULTS)
def test_any_object_may_be_a_default(defaults: Sandbox, default: str) -> None:
    """Case: sweep-values, its last lines."""
    assert defaults.run(f"experiment_{DEFAULTS.index(default)}").results["value"] is True


def test_a_field_that_is_no_data_comes_from_the_default(sandbox: Sandbox) -> None:
    """Beside a field that was set: the function in it is the live one."""
    sandbox.write(
        {
            "experiments/a.py": """
            from dataclasses import dataclass
            from typing import Any
            @dataclass
            class Net:
                act: Any
                width: int = 1
            def experiment_a(net: Net = Net(abs)): return net.act(-net.width)
            """
        }
    )
    ran(sandbox, "-p", "net.width=3")
    assert sandbox.run().results["value"] == 3


def test_values_from_python_may_be_numpys(sandbox: Sandbox) -> None:
    """Case: numpy-scalars-between-processes."""
    sandbox.write(
        {
            "experiments/a.py": "def experiment_b(n=1, m=1, lr: float = 0.1, w: float = 0.1):\n"
            "    return [n, m, lr, w]\n",
            "run.py": """
            import expt, numpy as np
            def values(**more):
                runs = expt.run("experiments", options=["--no-render"], **more)
                return sorted(run.results["value"] for run in runs)
            if __name__ == "__main__":
                given = {"n": np.int64(3), "w": np.float64(3)}
                print(values(params=given, sweep={"lr": np.array([1.0, 2.0]), "m": iter([7])}))
                try:
                    values(params={"n": len}, n=0)
                except expt.ExptError as error:
                    print(error)
            """,
        }
    )
    done = sandbox.python("run.py")
    assert done.lines[0] == "[[3, 7, 1.0, 3.0], [3, 7, 2.0, 3.0]]", done.stderr
    assert done.lines[1] == "'n' can be no parameter: <built-in function len>"


@pytest.mark.parametrize(
    ("default", "typed", "told"),
    [
        ("False", "False", "write false, without quotes"),
        ("True", "yes", "'x' must be bool or null, not 'yes'"),
        ("False", "1", "'x' must be bool or null, not 1"),
        ("1", "007", "'x' must be int or float or null, not '007'"),
        ("0.5", "fast", "'x' must be int or float or null, not 'fast'"),
    ],
)
def test_an_argument_takes_the_type_of_its_default(
    sandbox: Sandbox, default: str, typed: str, told: str
) -> None:
    sandbox.write({"experiments/a.py": f"def experiment_a(x={default}): return x\n"})
    assert told in refused(sandbox, "-p", f"x={typed}")


TEXTS = [
    ("'1.0'", "1.10", "1.10"),
    ("'1.0'", "true", "true"),
    ("1", "0.5", 0.5),
    ("0.5", "1", 1),
    ("False", "true", True),
    ("None", "1.10", 1.1),
    ("[1]", "x", "x"),
    ("1", "null", None),
]


@pytest.fixture(scope="module")
def typed(new_sandbox: Callable[[], Sandbox]) -> Sandbox:
    """An experiment for each of the `TEXTS`, and what is typed for it."""
    code = (
        f"def experiment_{number}(x={default}): return {{'x': x}}\n"
        for number, (default, _, _) in enumerate(TEXTS)
    )
    sandbox = new_sandbox().write({"experiments/a.py": "".join(code)})
    words = [f"experiment_{number}:x={text}" for number, (_, text, _) in enumerate(TEXTS)]
    ran(sandbox, *(word for pair in words for word in ("-p", pair)))
    return sandbox


@pytest.mark.parametrize("number", range(len(TEXTS)), ids=["-".join(one[:2]) for one in TEXTS])
def test_a_text_is_read_for_the_type_of_the_default(typed: Sandbox, number: int) -> None:
    value = typed.run(f"experiment_{number}").results["x"]
    assert (type(value), value) == (type(TEXTS[number][2]), TEXTS[number][2])


def test_who_says_more_is_asked_first(sandbox: Sandbox) -> None:
    """A file of values before a provider, any default before a plugin's provider, the experiment's
    own default before that of its provider."""
    sandbox.write(
        {
            "plugin.py": """
            import expt
            @expt.provider
            def size(): return "plugin"
            @expt.provider
            def depth(): return "plugin"
            def expt_make_providers(): return {"size": size, "depth": depth}
            """,
            "experiments/a.py": """
            import expt
            @expt.provider
            def lr(): return "provider"
            @expt.provider
            def net(width="provider"): return width
            def experiment_a(lr, net, size, depth="default", width="own"):
                return [lr, net, size, depth]
            """,
            "values.toml": "lr = 'file'\n",
        }
    )
    ran(sandbox, "--plugin", "plugin.py")
    assert sandbox.run().results["value"] == ["provider", "own", "plugin", "default"]
    ran(sandbox, "--plugin", "plugin.py", "--params", "values.toml")
    run = sandbox.run()
    assert run.results["value"] == ["file", "own", "plugin", "default"]
    assert (run.params["width"], run.params["depth"]) == ("own", "default")
    assert [origin.value for origin in run.origins["width"]] == ["own", "provider"]


def test_what_is_swept_inside_of_a_value_is_laid_over_what_is_swept_of_it(
    sandbox: Sandbox,
) -> None:
    sandbox.write({"experiments/a.py": "def experiment_a(opt: dict = {}): return opt['lr']\n"})
    ran(sandbox, "--sweep", "opt.lr=7", "--sweep", "opt=[{lr=1}, {lr=2}]")
    assert [run.results["value"] for run in sandbox.runs()] == [7, 7]


def test_of_two_annotations_the_one_that_checks_something_is_read_by(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
            from typing import Any
            import expt
            @expt.provider
            def net(width: str): return width
            def experiment_a(width: Any, net): return net
            """
        }
    )
    ran(sandbox, "-p", "width=4")
    assert sandbox.run().results["value"] == "4"


def test_what_is_swept_is_final_whoever_provides_it(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
            import expt
            @expt.provider
            def width(): raise AssertionError
            @expt.provider
            def depth(depth: int = 1): return depth * 100
            def experiment_a(width, depth): return [width, depth]
            """
        }
    )
    ran(sandbox, "--sweep", "width=4,5", "--sweep", "depth=7")
    assert [run.results["value"] for run in sandbox.runs()] == [[5, 7], [4, 7]]


def test_a_secret_that_does_not_fit_is_told_without_its_value(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
            import expt
            def experiment_a(api_key: int = 1, pin: expt.Secret = "x"): ...
            """,
            "experiments/params.toml": "api_key = 'hunter1'\n",
        }
    )
    assert refused(sandbox, "-p", "api_key=hunter2") == (
        "error: 'api_key' must be int, not ***\n"
        "  at -p api_key\n"
        "  set by -p, over *** of params.toml (experiments/params.toml:1)\n"
    )


def test_a_name_that_one_asker_annotates_as_secret_needs_no_other_to(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
            import expt
            @expt.provider
            def client(api_key: expt.Secret, password): return 1
            def experiment_a(client, api_key: str = "hunter1", password: str = "x"): ...
            """
        }
    )
    told = sandbox.expt("--plan").stdout
    assert "the value of 'password' is masked for its name; annotate it as expt.Secret" in told
    assert "the value of 'api_key' is masked for its name" not in told


def test_a_default_says_nothing_where_somebody_annotates_the_name(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
            import expt
            @expt.provider
            def net(width="auto"): return width
            def experiment_a(net, width: int = 3): return net
            """
        }
    )
    ran(sandbox, "-p", "width=4")
    assert sandbox.run().results["value"] == 4


@pytest.mark.skipif(importlib.util.find_spec("pydantic") is None, reason="needs pydantic")
def test_a_pydantic_model_is_a_table(sandbox: Sandbox) -> None:
    """Case: pydantic-model."""
    sandbox.write(
        {
            "experiments/a.py": """
            from pathlib import Path
            from pydantic import BaseModel, Field, field_validator
            class Config(BaseModel):
                lr: float = 0.1
                data: Path = Path("x")
                depth: int = Field(2, alias="d")
                @field_validator("lr")
                def positive(cls, value):
                    if value <= 0: raise ValueError("lr must be positive")
                    return value
            def experiment_a(c: Config = Config()): return [c.lr, c.depth, type(c).__name__]
            """
        }
    )
    ran(sandbox, "-p", "c.lr=1", "-p", "c={d=3}")
    first = sandbox.run()
    assert first.results["value"] == [1.0, 3, "Config"]
    assert first.params["c"] == {"lr": 1, "data": first.params["c"]["data"], "d": 3}
    ran(sandbox, "--params", str(first.path / "params.toml"))
    assert sandbox.run().results == first.results
    for typed, told in [
        ("c.lr=x", "'c.lr' must be float, not 'x'"),
        ("c.lrr=1", "'c.lrr' is no key of Config"),
        ("c.lr=-1", "lr must be positive"),
    ]:
        assert told in sandbox.expt("-p", typed).stderr


def test_paths_of_a_file_of_values_start_at_the_file(sandbox: Sandbox) -> None:
    """Case: params-of-an-archive-from-another-folder: and an archive's where it was run."""
    sandbox.write(
        {
            "expt.toml": "",
            "experiments/data/in.txt": "hi",
            "experiments/params.toml": 'data = "data/in.txt"\n',
            "experiments/read.py": """
            from pathlib import Path
            def experiment_read(data: Path): return data.read_text()
            """,
            "sub/f.toml": 'data = "../experiments/data/in.txt"\n',
            "elsewhere/x": "",
        }
    )
    ran(sandbox, "--params", "sub/f.toml")
    first = sandbox.run()
    assert str(first.params["data"]) == "experiments/data/in.txt"
    archived = str(first.path / "params.toml")
    words = (str(sandbox.root / "experiments"), "--params", archived)
    done = sandbox.expt(*words, cwd="elsewhere")
    assert done.exit_code == 0, done.stderr
    again = sandbox.run()
    assert again.results["value"] == "hi"
    assert again.lineage["fingerprint"] != "" and again.id != first.id
    sandbox.write({"moved/params.toml": "", "moved/run.json": "not JSON"})
    (sandbox.root / "moved/params.toml").write_bytes((first.path / "params.toml").read_bytes())
    ran(sandbox, "--params", "moved/params.toml")  # it ran from where we are now, for all we know


def test_a_variable_with_the_name_of_a_parameter_points_to_providers(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": "def experiment_a(lr: float = 0.1, wd: float = 0.0): return wd\n",
            "experiments/params.toml": 'lr = 0.5\nwd = "${lr}"\n',
        }
    )
    assert refused(sandbox) == (
        "error: '${lr}' reads the environment, which has no variable 'lr': "
        "a parameter is not read so\n"
        "  at experiments/params.toml:2\n"
        "  a provider makes one value from others:\n"
        "  @expt.provider\n"
        "  def NAME(lr): return …lr…\n"
    )
    sandbox.environ["lr"] = "0.25"
    ran(sandbox)
    assert sandbox.run().results["value"] == 0.25
