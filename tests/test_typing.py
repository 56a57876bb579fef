"""Whatever is typed or configured, the answer is a result or an error of the user's, told as such.

Command lines, configurations and environments are drawn from an endless list with fixed seeds
(`typed_words`). `EXPT_TYPED=100000` tries so many, and `EXPT_TYPED_FROM` starts elsewhere.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
import typed_words
from warm_start import WarmProcess

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="each is asked in a fork")
COUNT = int(os.environ.get("EXPT_TYPED", "100"))
FIRST = int(os.environ.get("EXPT_TYPED_FROM", "0"))


def answered(folder: Path, name: str, *told: Any) -> Any:
    """What a function of `typed_words` gives, in a process that is cheaper to fork than this."""
    file = folder / "answer.json"
    words = [typed_words.__file__, str(file), name, json.dumps(told)]
    process = WarmProcess(words, str(folder), dict(os.environ), draws=True, python=True)
    try:
        _, err = process.communicate(timeout=240 + COUNT)
    finally:
        process.kill()
    assert process.wait() == 0, err
    return json.loads(file.read_text())


@pytest.mark.timeout(0)  # by the number of command lines
def test_whatever_is_typed_or_configured_is_answered(tmp_path: Path) -> None:
    failures = answered(tmp_path, "ask_drawn", FIRST, COUNT)
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


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> list[str | None]:
    told: list[str | None] = answered(tmp_path_factory.mktemp("earlier"), "ask_told", EARLIER)
    return told


@pytest.mark.parametrize("number", range(len(EARLIER)))
def test_what_was_once_an_error_of_ours_is_answered(number: int, earlier: list[str | None]) -> None:
    assert earlier[number] is None, f"{EARLIER[number]}\n{earlier[number]}"


def test_every_key_of_the_configuration_may_have_every_type(tmp_path: Path) -> None:
    keys, failures = answered(tmp_path, "ask_configured")
    assert {"runs", "paths", "addopts", "timeout", "notify.bell", "plots.style"} <= set(keys)
    assert not failures, "\n".join([f"{len(failures)} configurations", *failures[:20]])
