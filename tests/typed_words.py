"""Command lines, configurations and environments as nobody would type them, by number.

draw_typed(7) ──► Typed 7: files to write, variables to set, words to ask
Typed.ask()   ──► what is said where the answer is a traceback of ours, else None
ask_drawn(0, 100), ask_told([…]), ask_configured() ──► what was said of all of them

Each is asked in a fork with a time limit, so that it may run experiments, stop or break the
process; a page would be served for ever, so that no command line of `view` gets so far.
The forks are of a small process of their own: `python typed_words.py FILE NAME JSON` writes what
the function of that name gives into a file.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import re
import shutil
import signal
import sys
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
from damaged_archives import folder_in_memory, make_root

from expt.cli.main import main
from expt.cli.parser import VERBS
from expt.ground.configuration import read_configuration
from expt.ground.errors import ConfigurationError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT: Final = 60.0  # seconds, on a loaded machine
ENDLESS: Final = {"--follow", "--help", "-h", "--page"}
RUNNING: Final = ("run", "params", "rerun")
NEEDED: Final = {
    "table": ("--pivot", "lr×n"),
    "pack": ("latest", "-o", "x.zip"),
    "report": ("-o", "x.html"),
    "analyze": ("-o", "x.py"),
    "note": ("latest", "a text"),
    "tag": ("latest", "good"),
    "render": ("latest",),
    "requirements": ("latest",),
    "rerun": ("comp", "--current-code"),
    "unpack": ("x.zip",),
    "completion": ("bash",),
    "diff": ("comp", "heal"),
    "new": ("sub/x.py",),
    "stop": ("runn",),
    "open": ("latest",),
    "params": ("m.py::experiment_a",),
    "rm": ("comp",),
    "run": ("m.py",),
    "export": ("csv", "latest", "-o", "x"),
    "import": ("pycomex", "runs"),
    "schema": ("sub",),
}
"""What a verb is asked for at least."""
FORMATS: Final = (
    *("csv", "parquet", "tensorboard", "mlflow", "wandb", "ro-crate", "notebook"),
    *("pycomex", "sacred", "hydra"),
)


def _texts(block: str, *others: str) -> tuple[str, ...]:
    return (*(text for line in block.splitlines() for text in line.split(" ¦ ")), *others)


NUMBERS: Final = _texts(
    """-1 ¦ 0 ¦ 2 ¦ 3 ¦ 1e999 ¦ nan ¦ -inf ¦ 1_0 ¦ 0x ¦ 9999999999999999999 ¦ 0.5 ¦ 1e-320 ¦ auto
1/2 ¦ 2x0 ¦ ٣ ¦ 1e400 ¦ -0""",
    "9" * 5000,
)
NAMES: Final = _texts(
    """lr ¦ n ¦ a ¦ db ¦ -lr ¦ last.loss ¦ results.a ¦ min.loss ¦ id,started,lr ¦ , ¦ lr,,n ¦ lr×n
lr×lr ¦ × ¦ params.lr ¦ seed ¦ a.b.c ¦ __class__ ¦ inline ¦ completed ¦ lost ¦ debug ¦ long
tpe ¦ grid ¦ random ¦ good ¦ bash""",
)
EXPRESSIONS: Final = _texts(
    """not ¦ a and ¦ ( ¦ [ ¦ a ¦ not a ¦ m and experiment ¦ lr < 1 ¦ lr < ¦ lr < x and
results.a == 'x ¦ started > now ¦ lr in 5 ¦ lr + 1 ¦ lr / 0 > 1 ¦ n % 0 == 1 ¦ 'a' * n
lr == 1e999 ¦ lr ** 9 ** 9 > 1 ¦ started > 'yesterday' ¦ db.x == 1 ¦ results.accuracy > 0.1
last.loss < 1 or lr is None ¦ id == id ¦ lr < 'x' ¦ not lr ¦ lr = 1 ¦ lr in [1, 2] ¦ n in (1)
'a' in status ¦ status == 'completed' ¦ tags ¦ duration > 1 s ¦ lr.a.b > 1 ¦ 0.1 < lr < 1
True ¦ None""",
    "(" * 3000,
    "not " * 3000,
    "a or " * 999,
    "-n < " + "9" * 5000,
)
TIMES: Final = _texts(
    """yesterday ¦ 2026-13-01 ¦ 99999-01-01 ¦ 0001-01-01 ¦ -5 days ago ¦ 1e400 days ago ¦ now
9999-12-31 ¦ last tuesday ¦ tuesday ¦ 2026-02-30 ¦ 25:00 ¦ 12:00 ¦ 0001-01-01T00:00:00+14:00
9999-12-31T23:59:59-14:00 ¦ 2026-03-29T02:30 ¦ 0 days ago ¦ 3 weeks ago ¦ 1 month ago ¦ 2026
2026-W12 ¦ 20261123 ¦ ٣ days ago""",
    "9" * 30 + " days ago",
)
ASSIGNMENTS: Final = _texts(
    """lr=1 ¦ lr= ¦ =1 ¦ lr:=null ¦ lr+=1 ¦ a.b.c=1 ¦ experiment_a:lr=2 ¦ lr={ ¦ lr=1,2
lr={range=[0,1e18,1]} ¦ lr={linspace=[0,1,-1]} ¦ lr={n=2} ¦ lr=, ¦ lr={logspace=[0,0,3]}
lr={loguniform=[-1,0],n=2} ¦ lr={range=[0,1,0]} ¦ lr={range=5} ¦ n=1 ¦ n=1.0 ¦ db={a=1}
db.a=1 ¦ db={} ¦ db=[] ¦ seed=-1 ¦ seed=x
seed=99999999999999999999999999999999999999999999999999 ¦ lr=nan,inf ¦ n=1,1
lr={uniform=[0,1],n=3} ¦ lr={normal=[0,-1],n=2} ¦ n={choice=[1,2],n=2} ¦ n={choice=[],n=1}
lr={uniform=[1e308,-1e308],n=2} ¦ lr={log=[1e-5,1e-1]} ¦ n={int=[1,3]} ¦ lr={float=[0,1]}
n={int=[3,1]} ¦ lr={log=[0,1]} ¦ n={int=[1,99999999999999999999]} ¦ lr={float=[nan,1]}
db.a=1,2 ¦ db={a=1},{b=2} ¦ lr=[1,2] ¦ lr=[] ¦ lr={range=[0,3]} ¦ lr={range=[nan,1,1]}
lr={linspace=[0,1,2.5]} ¦ lr={linspace=[0,1,3]} ¦ lr={logspace=[1e-300,1e300,3]} ¦ m.py:lr=1
lr=1979-05-27 ¦ track=1 ¦ lr.a=1 ¦ 'lr'=1 ¦ "a b"=1 ¦ lr =1 ¦ password=abc""",
    "lr=" + "[" * 2000,
    "n=" + "9" * 400,
    "name=" + "x" * 200_000,
    "name=\udc80",
    "name=\x1b[31m",
    "lr=1\n",
)
REFERENCES: Final = _texts(
    """latest ¦ latest~1 ¦ latest~-1 ¦ comp ¦ heal ¦ runn ¦ c ¦ session:x ¦ m.py::experiment_a
m.py::experiment_a[ ¦ m.py::x[a] ¦ latest~9 ¦ ~1 ¦ latest~ ¦ runs ¦ runs/m
m.py::experiment_a~1 ¦ experiment_a ¦ m.py::experiment_a[lr-0.1] ¦ : ¦ ./runs""",
    "latest~" + "9" * 40,
)
PLACES: Final = _texts(
    """m.py ¦ m.py:: ¦ m.py::experiment_a ¦ m.py::experiment_b ¦ none.py ¦ sub/x ¦ . ¦ .. ¦ x.zip
x.html ¦ x.csv ¦ runs ¦ params.toml ¦ expt.toml ¦ :: ¦ m.py[ ¦ runs/m ¦ /dev/null ¦ /nope/x
m.py::experiment_a[lr-1] ¦ experiment_a""",
    "",
)
ODD: Final = _texts(
    """- ¦ -- ¦ = ¦ ... ¦ [] ¦ %s ¦ {} ¦ $HOME ¦ ~ ¦ * ¦ 00:00 ¦ é""",
    "",
    " ",
    "\x1b[31m\n",
    "\udc80",
    "é" * 300,
    "x" * 200_000,
    "a\0b",
    "lr=a\0",
    "\0",
    "\u202e",
    "e\u0301",
    "'",
    '"',
    "\\",
)
VALUES: Final = _texts(
    r"""1 ¦ -1 ¦ 0 ¦ true ¦ 1.5 ¦ nan ¦ inf ¦ "" ¦ "x" ¦ [] ¦ [1] ¦ ["a", "b"] ¦ {} ¦ {a = 1}
1979-05-27 ¦ 9999999999999999999 ¦ "\u001b[31m" ¦ [[1], [2]] ¦ ["", ""] ¦ ["a\u0000b"]
"a\u0000b" ¦ ["-p"] ¦ ["--nope"] ¦ ["-n", "-1"] ¦ 00:00:00 ¦ 1979-05-27T00:00:00Z ¦ ["lr"]
[-1] ¦ ["../.."] ¦ [{a = [{}]}] ¦ "m.py" ¦ -0.0 ¦ {range = [0, 1, 0]} ¦ {from = 1}""",
    "9" * 400,
    '"' + "y" * 100_000 + '"',
    "[" * 120 + "]" * 120,
)
KINDS: Final = {
    "EXPR": EXPRESSIONS,
    "NAME=": ASSIGNMENTS,
    "N": NUMBERS,
    "WHEN": TIMES,
    "DAY": TIMES,
    "REF": REFERENCES,
    "ID": REFERENCES,
    "DIR": PLACES,
    "FILE": PLACES,
    "PATH": PLACES,
    "NODEID": PLACES,
    "SECONDS": NUMBERS,
    "X": NUMBERS,
    "DAYS": NUMBERS,
    "LIST": NUMBERS,
}
"""The first letters of a metavariable → what is plausible; names for any other."""
ALL: Final = (*NUMBERS, *NAMES, *EXPRESSIONS, *TIMES, *ASSIGNMENTS, *REFERENCES, *PLACES, *ODD)
RESERVED: Final = ("smoke", "variants.a.lr", "sweep.lr", "choices.db", "choices.db.x", "extends",
                   "zip", "repeat", "use", "marks", "search", "search.space.lr", "search.trials",
                   "search.maximize", "x y", "", "__x")  # fmt: skip
VARIABLES: Final = ("COLUMNS", "TERM", "NO_COLOR", "FORCE_COLOR", "CI", "EXPT_RANK", "EXPT_DEVICE",
                    "EXPT_START_METHOD", "MPLBACKEND", "TZ", "LC_ALL", "CUDA_VISIBLE_DEVICES",
                    "HOME", "TMPDIR", "PYTHONBREAKPOINT", "OMP_NUM_THREADS")  # fmt: skip
SOURCE: Final = """\
def experiment_a(lr: float = 0.1, n: int = 1, db: dict = {}, seed: int = 0):
    return {"a": lr}

def experiment_b(track, name: str = "x"):
    track("loss", 1)
    raise ValueError(name)
"""


@attrs.frozen
class Typed:
    """One thing that somebody does in a folder of archives: files, variables, words."""

    number: int
    files: dict[str, str]
    variables: dict[str, str]
    words: list[str]

    def __str__(self) -> str:
        files = {name: text[:200] for name, text in self.files.items() if text.strip()}
        return f"{self.number}: {[word[:60] for word in self.words]} {self.variables} {files}"

    def ask(self, place: Path) -> str | None:
        """What is said where the answer is a traceback of ours, or none in time."""
        for name, text in self.files.items():
            (place / name).write_text(text)
        said = place.parent / "said"
        child = os.fork()
        if child == 0:
            _answer(self, place, said)
        code = _wait(child)
        text = said.read_text("utf-8", "replace")
        if "--pdb" in self.words:  # the traceback of the experiment
            text = text.replace("Traceback", "")
        is_told = code is not None and 0 <= code != ExitCode.INTERNAL and "Traceback" not in text
        return None if is_told else f"exit code {code}\n{text[-1500:]}"


def _answer(typed: Typed, place: Path, said: Path) -> None:
    """In a fork: the command, and never back."""
    code = 70
    try:
        os.setsid()
        os.chdir(place)
        for number, name in enumerate((os.devnull, os.devnull, said)):
            os.dup2(
                os.open(
                    name, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
                ),
                number,
            )
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
        os.environ["PATH"] = str(place)  # nothing is opened
        for name, value in typed.variables.items():
            with contextlib.suppress(ValueError, UnicodeError):
                os.environ[name] = value
        try:
            code = main(typed.words)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 4
        sys.stderr.flush()
    finally:
        os._exit(code)


def _wait(child: int) -> int | None:
    """The exit code; None for a process that has to be killed."""
    end = time.monotonic() + LIMIT
    pause = 0.001
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child, signal.SIGKILL)
            return os.waitstatus_to_exitcode(status)
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


@cache
def options_of(verb: str) -> tuple[tuple[str, str], ...]:
    """What the help of `verb` lists: options and their metavariables, "" for a switch."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main([verb, "--help"])
    listed = re.findall(
        r"^  (?:-\w, )?(--?[a-z][a-z-]*)(?:, --[a-z-]+)*(?: (\S+))?", out.getvalue(), re.M
    )
    return tuple(sorted({(name, form) for name, form in listed if name not in ENDLESS}))


@cache
def keys_of_configuration(place: Path) -> tuple[str, ...]:
    """Every key of `expt.toml`, as the refusal of another one lists them."""
    found = []
    for head in ("", "notify.", "plots."):
        (place / "expt.toml").write_text(f"{head}nope = 1\n")
        try:
            read_configuration(place)
        except ConfigurationError as error:
            found += [head + key for key in str(error).rpartition(" may have: ")[2].split(", ")]
    (place / "expt.toml").unlink()
    return tuple(found)


def draw_typed(number: int, place: Path) -> Typed:
    chance = random.Random(number)
    files = {"m.py": SOURCE}
    keys = keys_of_configuration(place)
    if chance.random() < 0.3:
        in_project = chance.random() < 0.3
        table, file = ("tool.expt", "pyproject.toml") if in_project else ("", "expt.toml")
        files[file] = _draw_toml(chance, table, keys)
    if chance.random() < 0.2:
        files["params.toml"] = _draw_toml(chance, "expt", RESERVED)
    is_odd = chance.random() < 0.2
    variables = {chance.choice(VARIABLES): chance.choice(ALL)[:2000]} if is_odd else {}
    return Typed(number, files, variables, _draw_words(chance))


def _draw_words(chance: random.Random) -> list[str]:
    verb = chance.choice((*RUNNING, *VERBS))
    words = list(NEEDED.get(verb, ())) if chance.random() < 0.9 else []
    if verb in ("export", "import") and words:
        words[0] = chance.choice(FORMATS)
    if words and chance.random() < 0.2:
        place = chance.randrange(len(words))
        words[place] = chance.choice((*REFERENCES, *PLACES, *ODD))
    for _ in range(chance.randrange(4) if options_of(verb) else 0):
        words += _draw_option(chance, *chance.choice(options_of(verb)))
    if chance.random() < 0.15:
        words.append(chance.choice((*REFERENCES, *PLACES, *ODD)))
    if verb in RUNNING:
        words += [[], ["-n", "0"], ["-n", "0"]][chance.randrange(3)] if verb != "params" else []
    elif verb == "view":
        words += ["--port", "-1"]
    return [verb, *words] if verb != "run" or chance.random() < 0.5 else words


def _draw_option(chance: random.Random, option: str, form: str) -> list[str]:
    """An option as its help has it, and rarely in another form."""
    odd = chance.random() < 0.05
    if (form == "") is not odd:
        return [option]
    kind = next((texts for head, texts in KINDS.items() if form.startswith(head)), NAMES)
    text = chance.choice(kind if chance.random() < 0.85 else ALL)
    return [option, text] if chance.random() < 0.5 or len(option) == 2 else [f"{option}={text}"]


def _draw_toml(chance: random.Random, table: str, keys: tuple[str, ...]) -> str:
    lines = [f"[{table}]"] if table and chance.random() < 0.9 else []
    for _ in range(chance.randrange(3)):
        key = chance.choice(("lr", *keys))
        bare = re.fullmatch(r"[\w.]+", key)
        lines.append(f"{key if bare else repr(key)} = {chance.choice(VALUES)}")
    return "\n".join(lines) + "\n"


# What is asked at once


def ask_drawn(first: int, count: int) -> list[str]:
    """What was said to those of so many that were not answered."""
    for verb in VERBS:
        options_of(verb)
    failures = []
    with archives() as fresh_place:
        for number in range(first, first + count):
            place = fresh_place()
            typed = draw_typed(number, place)
            told = typed.ask(place)
            if told is not None:
                failures.append(f"{typed}\n{told}")
    return failures


def ask_told(asked: list[tuple[dict[str, str], dict[str, str], list[str]]]) -> list[str | None]:
    """What was said to each: files, variables, words."""
    with archives() as fresh_place:
        return [
            Typed(0, {"m.py": SOURCE, **files}, variables, words).ask(fresh_place())
            for files, variables, words in asked
        ]


def ask_configured() -> tuple[tuple[str, ...], list[str]]:
    """All keys, and what was said to each of `VALUES` of them that was not answered."""
    failures = []
    with archives() as fresh_place:
        place = fresh_place()
        keys = keys_of_configuration(place)
        for key in keys:
            for value in VALUES:
                files = {"expt.toml": f"{key} = {value}\n", "m.py": SOURCE}
                typed = Typed(0, files, {}, ["-n", "0"])
                told = typed.ask(place) if _is_accepted(typed, place) else None
                if told is not None:
                    failures.append(f"{typed}\n{told}")
    return keys, failures


def _is_accepted(typed: Typed, place: Path) -> bool:
    (place / "expt.toml").write_text(typed.files["expt.toml"])
    try:
        read_configuration(place)
    except ConfigurationError:
        return False
    return True


@contextlib.contextmanager
def archives() -> Iterator[Callable[[], Path]]:
    """What gives a folder with an archive root as it was made; only what differs is made anew."""
    with folder_in_memory() as folder:
        good, place = folder / "good", folder / "place"
        make_root(good)
        made = _stamps(good)

        def make() -> Path:
            found = _stamps(place / "runs")
            for name in found.keys() - made.keys():
                _remove(place / "runs" / name)
            if made != _stamps(place / "runs"):
                _remove(place)
                shutil.copytree(good, place / "runs")
            for other in place.iterdir():
                if other.name != "runs":
                    _remove(other)
            return place

        yield make


def _stamps(root: Path) -> dict[str, tuple[int, ...]]:
    """Whatever is below a folder, and what tells when it was changed."""
    stamps = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            place = os.path.join(folder, name)
            found = os.lstat(place)
            size = found.st_size if name in files else 0
            stamps[os.path.relpath(place, root)] = (found.st_mode, size, found.st_mtime_ns)
    return stamps


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)


def _write_answer(file: str, name: str, told: str) -> None:
    ask: Callable[..., Any] = {one.__name__: one for one in (ask_drawn, ask_told, ask_configured)}[
        name
    ]
    Path(file).write_text(json.dumps(ask(*json.loads(told))))


if __name__ == "__main__":
    _write_answer(*sys.argv[1:])
