"""Whatever is typed or configured, the answer is a result or an error of the user's, told as such.

Command lines, configurations and environments are drawn from an endless list with fixed seeds
(`typed_words`). `EXPT_TYPED=100000` tries so many, and `EXPT_TYPED_FROM` starts elsewhere.
"""

from __future__ import annotations

import os
import shutil
from importlib import import_module
from typing import TYPE_CHECKING

import pytest
from damaged_archives import folder_in_memory, make_root
from typed_words import SOURCE, VALUES, VERBS, Typed, draw_typed, keys_of_configuration, options_of
from warm_start import DRAWING, MODULES

from expt.ground.configuration import read_configuration
from expt.ground.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="each is asked in a fork")
COUNT = int(os.environ.get("EXPT_TYPED", "100"))
FIRST = int(os.environ.get("EXPT_TYPED_FROM", "0"))


@pytest.fixture(scope="module")
def good() -> Iterator[Path]:
    """An archive root; and what the forks would each import is here, once."""
    for name in (*MODULES, *DRAWING):
        import_module(name)
    with folder_in_memory() as place:
        make_root(place / "good")
        yield place / "good"


@pytest.fixture
def fresh_place(good: Path) -> Callable[[], Path]:
    """Gives a folder with an archive root as it was made."""
    place = good.parent / "place"

    def make() -> Path:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(good, place / "runs")
        return place

    return make


@pytest.mark.timeout(0)  # by the number of command lines
def test_whatever_is_typed_or_configured_is_answered(fresh_place: Callable[[], Path]) -> None:
    for verb in VERBS:
        options_of(verb)
    failures = []
    for number in range(FIRST, FIRST + COUNT):
        place = fresh_place()
        typed = draw_typed(number, place)
        told = typed.ask(place)
        if told is not None:
            failures.append(f"{typed}\n{told}")
    assert not failures, "\n".join([f"{len(failures)} command lines", *failures[:20]])


WRITING = (
    ["pack", "latest", "-o"],
    ["report", "-o"],
    ["analyze", "-o"],
    ["export", "csv", "latest", "-o"],
    ["m.py", "-n", "0", "--report"],
    ["m.py", "-n", "0", "--junitxml"],
)
EARLIER = [
    ({"expt.toml": 'addopts = ["a\\u0000b"]'}, {}, ["--plan"]),
    ({}, {}, ["new", "\0"]),
    ({}, {}, ["show", "latest\0"]),
    ({}, {}, ["-p", "name=\0"]),
    ({}, {}, ["report", "-o", "a\0.html"]),
    *(({}, {}, [*words, text]) for text in ("", ".", "/") for words in WRITING),
    ({}, {}, ["m.py", "--plan", "--repeat", "9" * 40]),
    ({"params.toml": f"[expt]\nrepeat = {'9' * 40}"}, {}, ["params", "m.py::experiment_a"]),
    ({}, {}, ["m.py", "--plan", "--sweep", "lr={linspace=[0,1,%s]}" % ("9" * 40)]),
    ({}, {}, ["m.py", "--plan", "--search", "9" * 40, "--sampler", "random"]),
]
"""What was once answered by a traceback of ours."""


@pytest.mark.parametrize(("files", "variables", "words"), EARLIER)
def test_what_was_once_an_error_of_ours_is_answered(
    files: dict[str, str],
    variables: dict[str, str],
    words: list[str],
    fresh_place: Callable[[], Path],
) -> None:
    typed = Typed(0, {"m.py": SOURCE, **files}, variables, words)
    told = typed.ask(fresh_place())
    assert told is None, f"{typed}\n{told}"


def test_every_key_of_the_configuration_may_have_every_type(
    fresh_place: Callable[[], Path],
) -> None:
    place = fresh_place()
    keys = keys_of_configuration(place)
    assert {"runs", "paths", "addopts", "timeout", "notify.bell", "plots.style"} <= set(keys)
    failures = []
    for key in keys:
        for value in VALUES:
            typed = Typed(0, {"expt.toml": f"{key} = {value}\n", "m.py": SOURCE}, {}, ["-n", "0"])
            told = typed.ask(place) if is_accepted(typed, place) else None
            if told is not None:
                failures.append(f"{typed}\n{told}")
    assert not failures, "\n".join([f"{len(failures)} configurations", *failures[:20]])


def is_accepted(typed: Typed, place: Path) -> bool:
    (place / "expt.toml").write_text(typed.files["expt.toml"])
    try:
        read_configuration(place)
    except ConfigurationError:
        return False
    return True
