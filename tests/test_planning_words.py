"""What people say of parameters is told in the plan, kept in the archive, shown by the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import pytest

from expt.parameters.coercion.annotations import resolve_annotations
from expt.planning.words import prose_of, words_of

if TYPE_CHECKING:
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline


@dataclass
class Optimizer:
    lr: Annotated[float, "step size", "1/s"] = 0.1
    name: str = "adam"


def annotated(
    lr: Annotated[float, "step size", "1/s"],
    n: Annotated[int, "passes"],
    opt: Annotated[Optimizer, "how"] | None,
    odd: Annotated[int, 3],
    plain: int,
) -> None:
    """Says nothing of them."""


def google(lr: float, n: Annotated[int, "stronger"], rest: Any) -> None:
    """Train.

    Args:
        lr (float): Step size,
            in a second line [1/s].
        n: weaker
        rest: of it: all

    Returns:
        nothing: really
    """


def numpy_style(lr: float, n: int, m: int) -> None:
    """Train.

    Parameters
    ----------
    lr : float
        Step size [1/s].
    n, m : int
        Numbers,
        both of them.

    Returns
    -------
    nothing : really
    """


STEP = {"description": "step size", "unit": "1/s"}


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (
            annotated,
            {
                "lr": STEP,
                "n": {"description": "passes"},
                "opt.lr": STEP,
            },
        ),
        (
            google,
            {
                "lr": {"description": "Step size, in a second line", "unit": "1/s"},
                "n": {"description": "stronger"},
                "rest": {"description": "of it: all"},
            },
        ),
        (
            numpy_style,
            {
                "lr": {"description": "Step size", "unit": "1/s"},
                "n": {"description": "Numbers, both of them."},
                "m": {"description": "Numbers, both of them."},
            },
        ),
    ],
)
def test_words_of_annotations_and_docstrings(function: Any, words: Any) -> None:
    assert words_of(function, resolve_annotations(function)) == words


def test_words_stand_in_the_plan_and_in_the_archive(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
            from typing import Annotated
            import expt
            @expt.provider
            def data(size: int = 3):
                \"""Made of numbers.

                Args:
                    size: how many
                    other: not asked for
                \"""
                return size
            def experiment_a(data, lr: Annotated[float, "step size", "1/s"] = 0.1):
                return lr
            """
        }
    )
    words = {"lr": STEP, "size": {"description": "how many"}}
    for verb in (["--plan"], ["params", "experiments/a.py::experiment_a"]):
        told = [line.split("  ") for line in sandbox.expt(*verb).stdout.splitlines()]
        said = {line[1]: line[-1].strip() for line in told if len(line) > 2}
        assert (said["lr"], said["size"]) == ("step size [1/s]", "how many")
    assert sandbox.expt("--plan", "--json").json()[0]["words"] == words
    assert sandbox.expt().exit_code == 0
    assert sandbox.record()["words"] == words
    assert sandbox.run().words == words


def test_show_tells_the_words_of_a_run(sandbox: Sandbox) -> None:
    annotated = "A[float, 'step', '1/s']"
    source = f"from typing import Annotated as A\ndef experiment_a(lr: {annotated} = 0.1): ..."
    sandbox.write({"experiments/a.py": source})
    assert sandbox.expt("-p", "seed=1").exit_code == 0
    told = " ".join(sandbox.expt("show", "latest").stdout.split())
    assert "lr 0.1 default experiments/a.py:2 step [1/s]" in told


def test_comments_beside_keys_are_words_where_no_function_says_any(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/params.toml": """
                # on a line of its own: of nothing
                lr = 0.1  # from the file
                size = 3  # sites of the lattice [1]
                optimizer.momentum = 0.9  # of the last step
                data = [
                    1,  # inside of a value
                ]  # after it
                text = "no # comment"  #

                [experiment_a]
                size = 4  # of this one
                """,
            "experiments/deep/params.toml": """
                text = "x"  # nearer
                [expt]
                marks = ["slow"]  # of no parameter
                """,
            "experiments/deep/a.py": """
                from typing import Annotated
                def experiment_a(lr: Annotated[float, "stronger"], size, optimizer, data, text): ...
                def experiment_b(lr: Annotated[float, "stronger", "1/s"], size): ...
                """,
        }
    )
    first, second = (case["words"] for case in sandbox.expt("--plan", "--json").json())
    assert first == {
        "lr": {"description": "stronger"},
        "size": {"description": "of this one"},
        "optimizer.momentum": {"description": "of the last step"},
        "data": {"description": "after it"},
        "text": {"description": "nearer"},
    }
    assert second == {
        "lr": {"description": "stronger", "unit": "1/s"},
        "size": {"description": "sites of the lattice", "unit": "1"},
    }


def google() -> None:
    """The first line.

    It fits.

    Args:
        lr: Step size.

            In two paragraphs.
        epochs: Passes.

    Raises nothing.
    """


def numpy() -> None:
    """The first line.

    It fits.

    Parameters
    ----------
    lr : float
        Step size.

    Notes
    -----
    Raises nothing.
    """


def test_what_a_docstring_says_beside_its_parameters() -> None:
    assert prose_of(google) == "It fits.\n\nRaises nothing."
    assert prose_of(numpy) == "It fits.\n\nNotes\n-----\nRaises nothing."
    assert prose_of(test_what_a_docstring_says_beside_its_parameters) == ""
