"""What stands in a module and is not what it says is an error that tells how to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

BARE = """
import expt

def forgets(f):
    def inner(*a, **k): return f(*a, **k)

def bare(f):
    def inner(*a, **k): return f(*a, **k)
    return inner

class Wrapper:
    def __init__(self, f): self.f = f
    def __call__(self, *a, **k): return self.f(*a, **k)

"""


def refused(sandbox: Sandbox, source: str, *words: str) -> str:
    sandbox.write({"expt.toml": "", "experiments/a.py": source})
    done = sandbox.expt(*words)
    assert done.exit_code == 4, done.stdout + done.stderr
    return done.stderr


WRAPS = "put @functools.wraps(function) on the function that the decorator returns"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            "@forgets\ndef experiment_a(track): return 1\n",
            "'experiment_a' is None when imported\n  at experiments/a.py\n"
            "  does a decorator forget to return the function?",
        ),
        (
            "@bare\ndef experiment_a(track, lr: float = 0.1): return lr\n",
            "a decorator hides the arguments of 'experiment_a': track, lr\n"
            f"  at experiments/a.py:15\n  {WRAPS}",
        ),
        (
            "@Wrapper\ndef experiment_a(track): return 1\n",
            "'experiment_a' is no function when imported, but an instance of 'Wrapper'\n"
            f"  at experiments/a.py::experiment_a\n  {WRAPS}",
        ),
        (
            "@expt.provider\n@bare\ndef data(lr): return lr\ndef experiment_a(data=1): pass\n",
            f"a decorator hides the provider 'data'\n  at experiments/a.py:14\n  {WRAPS}",
        ),
        (
            "@bare\n@expt.provider\ndef data(lr): return lr\ndef experiment_a(data=1): pass\n",
            f"a decorator hides the provider 'data'\n  at experiments/a.py:14\n  {WRAPS}",
        ),
        (
            "@expt.provider\n@forgets\ndef data(): return 1\ndef experiment_a(data=1): pass\n",
            f"a decorator hides the provider 'data'\n  at experiments/a.py:14\n  {WRAPS}",
        ),
    ],
)
def test_a_decorator_that_hides_a_function_is_told(
    sandbox: Sandbox, source: str, told: str
) -> None:
    """case: suggests-the-same-name"""
    error = refused(sandbox, BARE + source, "-k", "experiment_a")
    assert told in error
    assert "did you mean" not in error


def test_a_decorator_that_keeps_the_signature_hides_nothing(sandbox: Sandbox) -> None:
    source = """
        import functools

        def timed(f):
            @functools.wraps(f)
            def inner(*a, **k): return f(*a, **k)
            return inner

        def fills(f):
            def inner(lr): return f(lr, 2)
            return inner

        @timed
        def experiment_a(lr: float = 1): return lr

        @fills
        def experiment_b(lr, n): return n
        """
    sandbox.write({"experiments/a.py": source})
    assert sandbox.expt("-p", "lr=3").exit_code == 0
    assert [run.results["value"] for run in sandbox.runs()] == [2, 3]


RESERVED = "archive, checkpoint, hooks, log, params, progress, results, rng, run, tmp_path, track"


@pytest.mark.parametrize(
    ("source", "who"),
    [
        ("def experiment_a(log: bool = False): pass", "the argument 'log' of 'experiment_a'"),
        ("def experiment_a(results: str): pass", "the argument 'results' of 'experiment_a'"),
        ("def experiment_a(*, progress=None): pass", "the argument 'progress' of 'experiment_a'"),
        ("def experiment_a(run: 'int | None'): pass", "the argument 'run' of 'experiment_a'"),
        (
            "import expt\n@expt.provider\ndef data(params=1): pass\ndef experiment_a(data): pass",
            "the argument 'params' of 'data'",
        ),
        (
            "import expt\n@expt.provider\ndef log(): pass\ndef experiment_a(): pass",
            "the provider 'log'",
        ),
    ],
)
def test_a_reserved_name_that_asks_for_something_else_is_refused(
    sandbox: Sandbox, source: str, who: str
) -> None:
    """case: reserved-name-silently-taken"""
    error = refused(sandbox, source + "\n")
    assert error.startswith(f"error: {who} has the name of a built-in provider\n  at experiments/")
    assert error.endswith(f"rename it; reserved: {RESERVED}\n")
    unwanted = "default" if "=" in source else "type"
    told = f"\n  without its {unwanted} it is supplied; or rename it"
    assert (told in error) == who.startswith("the argument")


def test_a_built_in_provider_may_be_annotated_with_what_it_is(sandbox: Sandbox) -> None:
    source = """
        import logging
        from collections.abc import Mapping
        from pathlib import Path
        from typing import Any

        import numpy as np

        def experiment_a(track: Any, log: logging.Logger, rng: np.random.Generator,
                         params: Mapping[str, Any], results: dict, tmp_path: Path):
            return isinstance(log, logging.Logger)
        """
    sandbox.write({"experiments/a.py": source})
    done = sandbox.expt()
    assert done.exit_code == 0, done.stderr


def test_a_plugins_provider_of_a_reserved_name_is_refused(sandbox: Sandbox) -> None:
    sandbox.write(
        {"plugin.py": "def make(): pass\ndef expt_make_providers(): return {'rng': make}"}
    )
    error = refused(sandbox, "def experiment_a(): pass\n", "--plugin", "plugin.py")
    assert error.startswith("error: the provider 'rng' of a plugin has the name of a built-in")


def test_a_pytest_fixture_that_is_asked_for_is_told(sandbox: Sandbox) -> None:
    source = """
        import pytest

        @pytest.fixture
        def dataset(): return 1

        def experiment_a(dataset): pass
        """
    error = refused(sandbox, source)
    assert "nothing supplies the argument 'dataset' of 'experiment_a'" in error
    assert "'dataset' is a pytest fixture at experiments/a.py: mark it with @expt.provider" in error


MICRO, MU = "\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}"


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ([], 7),
        (["-p", f"{MICRO}=3"], 3),
        (["-p", f"{MU}=3"], 3),
        (["-p", f"experiment_{MICRO}:{MICRO}=4"], 4),
        ([f"experiments/a.py::experiment_{MICRO}"], 7),
        (["-k", f"experiment_{MICRO}"], 7),
        (["-m", f"m{MICRO}"], 7),
        (["--sweep", f"{MICRO}=5"], 5),
        (["--variant", "big"], 8),
        (["--smoke"], 9),
        (["--params", "values.toml"], 10),
    ],
)
def test_names_that_python_folds_are_one_name(
    sandbox: Sandbox, words: list[str], value: int
) -> None:
    """case: micro-sign"""
    sandbox.write(
        {
            "expt.toml": "",
            "experiments/a.py": f"def experiment_{MICRO}({MICRO}=0.1): return {MICRO}\n",
            "experiments/params.toml": f"""
                ["experiment_{MICRO}"]
                "{MICRO}" = 7
                [expt]
                marks = "m{MICRO}"
                [expt.variants.big]
                "{MICRO}" = 8
                [expt.smoke]
                "{MICRO}" = 9
                """,
            "values.toml": f'"{MICRO}" = 10\n',
        }
    )
    done = sandbox.expt("--plan", "--json", *words)
    assert done.exit_code == 0, done.stderr
    assert "warning" not in done.stdout + done.stderr
    (case,) = done.json()
    assert case["params"][MU] == value


def test_two_keys_that_are_one_name_are_refused(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/params.toml": f'"{MICRO}" = 1\n"{MU}" = 2\n'})
    error = refused(sandbox, f"def experiment_a({MU}): pass\n")
    assert error == (
        f"error: two keys are one name, '{MU}'\n  at experiments/params.toml:2\n"
        "  leave one of them out\n"
    )


def test_a_quoted_key_has_its_origin_under_one_spelling(sandbox: Sandbox) -> None:
    """case: quoted-key-without-origin"""
    sandbox.write(
        {
            "experiments/a.py": "def experiment_a(sites={'a.b': 1}): return sites\n",
            "experiments/params.toml": '[sites]\n"a.b" = 9\n',
        }
    )
    lines = [line.split() for line in sandbox.expt("--plan").lines]
    assert ['sites."a.b"', "9", "experiments/params.toml:2"] in lines
    assert sandbox.expt("-p", 'sites."a.b"=5').exit_code == 0
    shown = [line.split() for line in sandbox.expt("show", "latest").lines]
    assert ['sites."a.b"', "5", "-p", 'sites."a.b"'] in shown
    assert 'sites."a.b"' in sandbox.record()["origins"]
