"""Whatever is typed or configured, the answer is a result or an error of the user's, told as such.

Command lines and configurations are drawn from an endless list with fixed seeds and asked in this
process. `EXPT_TYPED=100000` tries so many, and `EXPT_TYPED_FROM` starts elsewhere in the list.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import shutil
from typing import TYPE_CHECKING

import pytest
from damaged_archives import make_root

from expt.cli.main import main
from expt.ground.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

COUNT = int(os.environ.get("EXPT_TYPED", "500" if os.environ.get("CI") else "150"))
FIRST = int(os.environ.get("EXPT_TYPED_FROM", "0"))
VERBS = ("run", "run", "run", "run", "params", "show", "show", "diff", "verify", "du", "tag",
         "note", "requirements", "completion", "rm", "pack", "unpack")  # fmt: skip
LATER = {"--runs", "--follow", "--help", "--version", "--pdb", "--plugin"}  # or other places
OWN_FORM = ("--plan", "--collect-only", "--json", "-k", "-m", "-p", "-n", "-x", "-q", "-v", "-o",
            "--sweep", "--zip", "--repeat")  # fmt: skip
TEXTS = (
    *("", " ", "-", "--", "=", "\x1b[31m\n", "\udc80", "é" * 300, "x" * 1_000_000, "(", "["),
    *("9" * 5000, "-1", "0", "1", "2", "1e999", "nan", "-inf", "1_0", "0x", "99999999999999999999"),
    *("lr=1", "lr=", "=1", "lr:=null", "lr+=1", "a.b.c=1", "experiment_a:lr=2", "lr={", "lr=1,2"),
    *("lr=" + "[" * 2000, "lr={range=[0,1e18,1]}", "lr={linspace=[0,1,-1]}", "lr={n=2}", "lr=,"),
    *("lr={logspace=[0,0,3]}", "lr={loguniform=[-1,0],n=2}", "lr={range=[0,1,0]}", "lr={range=5}"),
    *("m.py", "m.py::", "m.py::experiment_a", "m.py::experiment_a[", "::", "m.py::x[a]", "none.py"),
    *("latest", "latest~1", "latest~-1", "latest~" + "9" * 40, "comp", "heal", "c", "session:x"),
    *(
        "not",
        "a and",
        "lr < 1",
        "lr <",
        "lr < x and",
        "results.a == 'x",
        "started > now",
        "lr in 5",
    ),
    *("yesterday", "2026-13-01", "99999-01-01", "0001-01-01", "-5 days ago", "1e400 days ago"),
    *(
        "completed",
        "debug",
        "auto",
        "long",
        "id,started,lr",
        ",",
        "-lr",
        "last.loss",
        "bash",
        "...",
    ),
)
VALUES = (
    *("1", "-1", "0", "true", "1.5", "nan", "inf", '""', '"x"', "[]", "[1]", '["a", "b"]', "{}"),
    *("{a = 1}", "1979-05-27", "9" * 19, "9" * 400, '"\\u001b[31m"', "[[1], [2]]", '["", ""]'),
    *("{range = [0, 1, 0]}", "{from = 1}", '"' + "y" * 100_000 + '"', "[" * 120 + "]" * 120),
)
KEYS = ("runs", "paths", "addopts", "plugins", "workers", "timeout", "log_level", "exclude",
        "marks",
        "seed", "lr", "style", "render", "tb", "max_cases", "notify", "video", "x y", "", "__x",
        "smoke", "variants.a.lr", "sweep.lr", "choices.db", "extends", "zip", "repeat", "env",
        "defaults", "description")  # fmt: skip
SOURCE = """\
def experiment_a(lr: float = 0.1, n: int = 1, db: dict = {}):
    pass
"""


@pytest.fixture(scope="module")
def options() -> dict[str, list[str]]:
    """Verb → what its help lists."""
    return {verb: [*listed_options(verb), *OWN_FORM] for verb in VERBS}


def listed_options(verb: str) -> list[str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main([verb, "--help"])
    return sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", out.getvalue())) - LATER)


def draw_words(chance: random.Random, options: dict[str, list[str]]) -> list[str]:
    verb = chance.choice(VERBS)
    words = [verb] if verb != "run" or chance.random() < 0.5 else []
    for _ in range(chance.randrange(5)):
        option, text = chance.choice(options[verb]), chance.choice(TEXTS)
        shape = chance.randrange(4)
        words += [[option], [option, text], [f"{option}={text}"], [text]][shape]
    if verb == "run":  # nothing runs
        words += ["-n", "0", chance.choice(("--plan", "--collect-only"))]
    else:
        words += ["--runs", "runs"] if verb not in ("params", "completion") else []
    return words


def draw_toml(chance: random.Random, table: str) -> str:
    lines = [f"[{table}]"] if table and chance.random() < 0.8 else []
    for _ in range(chance.randrange(3)):
        key = chance.choice(KEYS)
        bare = re.fullmatch(r"[\w.]+", key)
        lines.append(f"{key if bare else repr(key)} = {chance.choice(VALUES)}")
    return "\n".join(lines) + "\n"


@pytest.mark.timeout(0)  # by the number of command lines
def test_whatever_is_typed_or_configured_is_answered(
    options: dict[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, place = tmp_path / "good", tmp_path / "place"
    make_root(good)
    failures = []
    for number in range(FIRST, FIRST + COUNT):
        chance = random.Random(number)
        if number % 20 == 0 or not place.exists():
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(good, place / "runs")
            monkeypatch.chdir(place)
        (place / "m.py").write_text(SOURCE)
        is_plain = chance.random() < 0.5
        (place / "expt.toml").write_text("" if is_plain else draw_toml(chance, ""))
        (place / "params.toml").write_text("" if is_plain else draw_toml(chance, "expt"))
        words = draw_words(chance, options)
        told = ask(words)
        if told is not None:
            failures.append(f"{number}: {[word[:60] for word in words]}\n{told[-1500:]}")
    assert not failures, "\n".join([f"{len(failures)} command lines", *failures[:20]])


def ask(words: list[str]) -> str | None:
    """What is said where the answer is a traceback of ours."""
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(words)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 4
    is_told = code != ExitCode.INTERNAL and "Traceback" not in err.getvalue()
    return None if is_told else err.getvalue() or f"exit code {code}"
