"""`--where` answers as a plain evaluation does, and refuses what is not of its grammar."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from expt.ground.encoding import to_json
from expt.ground.errors import UsageError
from expt.page.run_table import _exact
from expt.reading.where import UNKNOWN, compile_condition

if TYPE_CHECKING:
    from collections.abc import Callable

Record = dict[str, Any]
NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
CHOICES: dict[str, list[Any]] = {
    "lr": [0.001, 0.01, 0.1, 1, 0, -0.5, "fast", None, math.nan, math.inf, True, [0.1]],
    "seed": [0, 1, 2, 2**63, "1"],
    "optimizer.name": ["adam", "sgd", 'say "hi"', "it's", "", None, 3],
    "optimizer.lr": [0.1, 0.2, "0.1"],
    "flag": [True, False, None, 1, 0, "true"],
    "layers": [[1, 2], [], ["a", "b"], [1.0, 2.0], [True], "12", {"a": 1}, None],
    "data": [Path("data/a.csv"), Path("b.csv"), "data/a.csv"],
    "results.accuracy": [0.5, 0.9, 0.95, 1, None, math.nan],
    "last.eval/loss": [0.1, 1.5, -1, math.inf],
    "min.loss": [0.0, 0.25],
    "status": ["completed", "failed", "lost"],
    "started": [NOW - dt.timedelta(hours=hours) for hours in (1, 30, 100, 2000)],
    "tags": [["best"], ["best", "old"], []],
    "note": ["", "look again", None],
    "τ": [1, 2],
}


def make_records(count: int) -> list[Record]:
    drawn = random.Random(7)
    return [
        {name: drawn.choice(some) for name, some in CHOICES.items() if drawn.random() < 0.8}
        for _ in range(count)
    ]


RECORDS = make_records(200)


def number(record: Record, name: str) -> float | None:
    """The number that a record has, or None."""
    value = record.get(name)
    return value if isinstance(value, (int, float)) and type(value) is not bool else None


def compared(name: str, test: Callable[[float], bool]) -> Callable[[Record], bool]:
    return lambda r: (value := number(r, name)) is not None and test(value)


def text(record: Record, name: str) -> str | None:
    value = record.get(name)
    return value if isinstance(value, str) else None


def worded(name: str, test: Callable[[str], bool]) -> Callable[[Record], bool]:
    return lambda r: (value := text(r, name)) is not None and test(value)


def hours(r: Record) -> float:
    return (NOW - r["started"]).total_seconds() / 3600 if "started" in r else math.nan


TABLE: list[tuple[str, Callable[[Record], bool]]] = [
    ("lr < 0.05", compared("lr", lambda x: x < 0.05)),
    ("lr <= 0.01", compared("lr", lambda x: x <= 0.01)),
    ("lr > 0.01", compared("lr", lambda x: x > 0.01)),
    ("0.1 >= lr", compared("lr", lambda x: x <= 0.1)),
    ("lr == 1", compared("lr", lambda x: x == 1)),
    ("lr == 1.0", compared("lr", lambda x: x == 1)),
    ("lr == true", lambda r: r.get("lr") is True),
    ("lr == True", lambda r: r.get("lr") is True),
    ("lr == 'fast'", lambda r: r.get("lr") == "fast"),
    ('lr == "fast"', lambda r: r.get("lr") == "fast"),
    ("lr == null", lambda r: "lr" in r and r["lr"] is None),
    ("lr != null", lambda r: r.get("lr") is not None),
    ("lr is None", lambda r: "lr" in r and r["lr"] is None),
    ("lr is not None", lambda r: r.get("lr") is not None),
    ("lr != 0.1", lambda r: "lr" in r and number(r, "lr") != 0.1),
    ("not lr == 0.1", lambda r: "lr" in r and number(r, "lr") != 0.1),
    ("not lr < 0.1", compared("lr", lambda x: not x < 0.1)),
    ("not (lr < 0.1 or lr > 0.1)", compared("lr", lambda x: not (x < 0.1 or x > 0.1))),
    ("lr == nan", lambda r: False),
    ("lr != nan", lambda r: "lr" in r),
    ("lr < inf", compared("lr", lambda x: x < math.inf)),
    ("lr == [0.1]", lambda r: r.get("lr") == [0.1]),
    ("lr == -0.5", compared("lr", lambda x: x == -0.5)),
    ("-lr > 0", compared("lr", lambda x: -x > 0)),
    ("0.001 < lr < 1", compared("lr", lambda x: 0.001 < x < 1)),
    ("lr * 10 == 1", compared("lr", lambda x: x * 10 == 1)),
    ("1 / lr > 50", compared("lr", lambda x: x != 0 and 1 / x > 50)),
    ("1 / lr > 50 or seed == 1", lambda r: bool(
        ((x := number(r, "lr")) is not None and x != 0 and 1 / x > 50) or r.get("seed") == 1
    )),
    ("seed % 2 == 0", compared("seed", lambda x: x % 2 == 0)),
    ("seed // 2 == 1", compared("seed", lambda x: x // 2 == 1)),
    ("seed - 1 == 0", compared("seed", lambda x: x == 1)),
    ("seed + lr > 1.05", lambda r: (a := number(r, "seed")) is not None
        and (b := number(r, "lr")) is not None and a + b > 1.05),
    ("seed == 9223372036854775808", compared("seed", lambda x: x == 2**63)),
    ("seed == '1'", lambda r: r.get("seed") == "1"),
    ("seed in [0, 2]", compared("seed", lambda x: x in (0, 2))),
    ("seed not in [0, 2]", lambda r: "seed" in r and number(r, "seed") not in (0, 2)),
    ("seed in (1,)", compared("seed", lambda x: x == 1)),
    ("seed in []", lambda r: False),
    ("lr in ['fast', 0.1]", lambda r: r.get("lr") == "fast" or number(r, "lr") == 0.1),
    ("lr in [true]", lambda r: r.get("lr") is True),
    ("optimizer.name == 'adam'", lambda r: r.get("optimizer.name") == "adam"),
    ("optimizer.name == 'say \"hi\"'", lambda r: r.get("optimizer.name") == 'say "hi"'),
    ('optimizer.name == "it\'s"', lambda r: r.get("optimizer.name") == "it's"),
    ("optimizer['name'] != 'sgd'", lambda r: r.get("optimizer.name", "sgd") != "sgd"),
    ("optimizer.name > 'b'", worded("optimizer.name", lambda x: x > "b")),
    ("optimizer.name < 3", lambda r: number(r, "optimizer.name") is not None and False),
    ("'da' in optimizer.name", worded("optimizer.name", lambda x: "da" in x)),
    ("'da' not in optimizer.name", worded("optimizer.name", lambda x: "da" not in x)),
    ("not 3 in optimizer.name", lambda r: isinstance(r.get("optimizer.name"), (list, dict))),
    ("optimizer.name", worded("optimizer.name", bool)),
    ("not optimizer.name", lambda r: r.get("optimizer.name", 3) in ("", None)),
    ("optimizer.lr == lr", lambda r: (x := number(r, "optimizer.lr")) is not None
        and x == number(r, "lr")),
    ("flag", lambda r: r.get("flag") is True or r.get("flag") == "true"),
    ("not flag", lambda r: "flag" in r and (r["flag"] is False or r["flag"] is None)),
    ("flag == false", lambda r: r.get("flag") is False),
    ("flag == 0", lambda r: r.get("flag") == 0 and type(r.get("flag")) is int),
    ("flag and lr < 1", lambda r: (r.get("flag") is True or r.get("flag") == "true")
        and (x := number(r, "lr")) is not None and x < 1),
    ("layers == [1, 2]", lambda r: r.get("layers") == [1, 2]),
    ("layers == []", lambda r: r.get("layers") == []),
    ("2 in layers", lambda r: isinstance(r.get("layers"), list) and 2 in r["layers"]),
    ("true in layers", lambda r: r.get("layers") == [True]),
    ("'a' in layers", lambda r: r.get("layers") in (["a", "b"], {"a": 1})),
    ("data == 'data/a.csv'", lambda r: str(r.get("data")) == "data/a.csv"),
    ("'.csv' in data", lambda r: "data" in r),
    ("results.accuracy > 0.9", compared("results.accuracy", lambda x: x > 0.9)),
    ("results.accuracy != results.accuracy", lambda r: (x := r.get("results.accuracy")) is not None
        and x != x),
    ("last['eval/loss'] < 1", compared("last.eval/loss", lambda x: x < 1)),
    ("min.loss == 0", compared("min.loss", lambda x: x == 0)),
    ("status == 'completed'", lambda r: r.get("status") == "completed"),
    ("status in ['failed', 'lost']", lambda r: r.get("status") in ("failed", "lost")),
    ("'best' in tags and not 'old' in tags", lambda r: r.get("tags") == ["best"]),
    ("note", lambda r: bool(r.get("note"))),
    ("started > '2 days ago'", lambda r: hours(r) < 48),
    ("started < '2026-11-24'", lambda r: hours(r) > 60),
    ("'2026-11-20' <= started < 'yesterday'", lambda r: 36 < hours(r) <= 156),
    ("τ == 2", lambda r: r.get("τ") == 2),
    ("missing < 1", lambda r: False),
    ("not missing < 1", lambda r: False),
    ("missing < 1 or lr == 1", compared("lr", lambda x: x == 1)),
    ("results.accuracy != results.accuracy", lambda r: (x := r.get("results.accuracy")) is not None
        and x != x),
    ("lr < 1 and (seed == 0 or not flag)", lambda r: (x := number(r, "lr")) is not None and x < 1
        and (number(r, "seed") == 0 or ("flag" in r and r["flag"] in (False, None)
            and type(r["flag"]) is not int))),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "naive"), TABLE, ids=[asked for asked, _ in TABLE])
def test_a_query_answers_as_a_plain_evaluation_does(
    asked: str, naive: Callable[[Record], bool]
) -> None:
    condition = compile_condition(asked, NOW)
    found = [condition.matches(lambda name, r=record: r.get(name, UNKNOWN)) for record in RECORDS]
    assert found == [bool(naive(record)) for record in RECORDS]


def test_names_are_those_that_are_asked_for() -> None:
    condition = compile_condition("lr < 1 and last['eval/loss'] > a.b or 'x' in tags and true")
    assert condition.names == {"lr", "last.eval/loss", "a.b", "tags"}


REFUSED = [
    ("__import__('os').system('true')", "this is not of the grammar"),
    ("lr.__class__()", "this is not of the grammar"),
    ("[x for x in tags]", "this is not of the grammar"),
    ("lambda: 1", "this is not of the grammar"),
    ("lr if flag else 1", "this is not of the grammar"),
    ("f'{lr}' == 1", "this is not of the grammar"),
    ("lr ** 9 ** 9 > 1", "this is not of the grammar"),
    ("lr[0] == 1", "this is not of the grammar"),
    ("lr[1:2] == 1", "this is not of the grammar"),
    ("b'x' == lr", "this is not of the grammar"),
    ("1j == lr", "this is not of the grammar"),
    ("... == lr", "this is not of the grammar"),
    ("lr & 1 == 1", "this is not of the grammar"),
    ("await_(lr)", "this is not of the grammar"),
    ("3", "this is neither true nor false"),
    ("lr + 1", "this is neither true nor false"),
    ("lr = 1", "one '=' is no comparison; write '=='"),
    ("status = 'failed'", "one '=' is no comparison; write '=='"),
    ("lr <", "invalid syntax"),
    ("", "invalid syntax"),
    ("(" * 300, "too many nested parentheses"),
    ("not " * 2000 + "lr", "it is nested too deep"),
    ("lr == " + "1" * 6000, "Exceeds the limit"),
    ("lr == 1 or " * 2000 + "lr", "it is too long"),
    ("lr == '\x00'", "null bytes"),
]


@pytest.mark.parametrize(("typed", "told"), REFUSED)
def test_what_is_not_of_the_grammar_is_refused(typed: str, told: str) -> None:
    with pytest.raises(UsageError, match="wrong expression passed to '--where': ") as raised:
        compile_condition(typed, NOW)
    assert told in raised.value.what
    assert "\x00" not in str(raised.value)


def test_what_ends_too_early_is_told_at_its_end() -> None:
    with pytest.raises(UsageError) as raised:
        compile_condition("lr < 1 and", NOW)
    assert raised.value.at == "column 11 of lr < 1 and"


def test_a_moment_that_is_none_is_an_error() -> None:
    with pytest.raises(UsageError, match="'bananas' is no moment that expt knows"):
        compile_condition("started > 'bananas'", NOW)


# The page has the grammar too, in the browser's own language

NODE = shutil.which("node")
ASSETS = Path(__file__).parents[1] / "expt" / "page" / "assets"
HARNESS = """
import {compileWhere} from "./where.mjs";
import {UNKNOWN, revive} from "./values.mjs";
import {readFileSync} from "node:fs";

const {now, asked, records} = JSON.parse(readFileSync(0, "utf8"));
const revived = records.map(revive);
const answers = asked.map((text) => {
  try {
    const {names, matches} = compileWhere(text, new Date(now));
    const look = (record) => (name) => (Object.hasOwn(record, name) ? record[name] : UNKNOWN);
    return [[...names], revived.map((record) => matches(look(record)))];
  } catch (error) { return String(error.message); }
});
console.log(JSON.stringify(answers));
"""


def ask_page(texts: list[str], folder: Path) -> list[Any]:
    """For each text its names and an answer for each of `RECORDS`, or the message of its error."""
    for name in ("where", "values"):
        source = (ASSETS / f"{name}.js").read_text(encoding="utf-8")
        (folder / f"{name}.mjs").write_text(source.replace('.js"', '.mjs"'), encoding="utf-8")
    (folder / "harness.mjs").write_text(HARNESS, encoding="utf-8")
    records = [{name: _as_json(value) for name, value in record.items()} for record in RECORDS]
    given = {"now": NOW.isoformat(), "asked": texts, "records": records}
    done = subprocess.run(
        [str(NODE), "harness.mjs"],
        cwd=folder,
        input=json.dumps(given, allow_nan=False),
        env={**os.environ, "TZ": "UTC"},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    answers: list[Any] = json.loads(done.stdout)
    return answers


def _as_json(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    told = to_json(value)
    return _exact(told) if type(told) in (int, float) else told


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_page_answers_as_the_command_line_does(tmp_path: Path) -> None:
    answers = ask_page([asked for asked, _ in TABLE], tmp_path)
    wrong = [
        (asked, answer if isinstance(answer, str) else "")
        for (asked, naive), answer in zip(TABLE, answers, strict=True)
        if isinstance(answer, str) or answer[1] != [bool(naive(record)) for record in RECORDS]
    ]
    assert wrong == []


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_page_refuses_what_the_command_line_refuses(tmp_path: Path) -> None:
    """Limits aside: what is too long or too deep costs a browser nothing."""
    words = ("grammar", "true nor false", "no comparison", "invalid syntax")
    typed = [text for text, told in REFUSED if text.strip() and any(word in told for word in words)]
    answers = ask_page([*typed, "started > 'bananas'"], tmp_path)
    taken = [
        text for text, answer in zip(typed, answers, strict=False) if not isinstance(answer, str)
    ]
    assert taken == []
