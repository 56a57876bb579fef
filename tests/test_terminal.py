"""What a person sees while a session works, on a terminal and in a pipe."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import termios
import textwrap
import threading
import time
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from expt.ground.messages import (
    ModuleImporting,
    Notice,
    ProviderMaking,
    RunFinished,
    RunProgressed,
    RunRendered,
    RunStarted,
)
from expt.ground.model import Case, ErrorInfo, Origin, Outcome, Plan, Status
from expt.ground.model import Experiment as Found
from expt.ground.options import KeepingOptions, Options, SelectionOptions
from expt.terminal.live import LiveView
from expt.terminal.plugin import Terminal
from expt.tracking.recorder import open_recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

TRAIN = Found("experiments/mnist.py::experiment_train", "experiments/mnist.py", "…", 3)
TRACEBACK = """\
Traceback (most recent call last):
  File "{root}/experiments/mnist.py", line 12, in experiment_train
    step(lr)
    ~~~~^^^^
  File "{root}/helpers.py", line 3, in step
    raise ValueError("boom [red]\\x1b")
ValueError: boom [red]\x1b
"""


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(
        tmp_path,
        tmp_path,
        KeepingOptions(tmp_path / "runs"),
        SelectionOptions((tmp_path,)),
    )


def change(options: Options, **changes: Any) -> Options:
    """`options` with fields changed: its own, or those of whichever group has them."""
    own = {name: changes.pop(name) for name in ("configuration", "cwd") if name in changes}
    options = attrs.evolve(options, **own)
    for group in ("selection", "values", "running", "keeping", "telling"):
        part = getattr(options, group)
        names = {field.name for field in attrs.fields(type(part))}
        given = {name: changes.pop(name) for name in [*changes] if name in names}
        options = attrs.evolve(options, **{group: attrs.evolve(part, **given)})
    assert not changes
    return options


def make_cases(count: int) -> tuple[Case, ...]:
    return tuple(
        Case(
            TRAIN,
            f"seed-{seed}",
            {"seed": seed},
            {"seed": (Origin("sweep", "--sweep seed=…", seed), Origin("default", "a.py:1", 0))},
        )
        for seed in range(count)
    )


class Play:
    """A session that is played to the hooks of a terminal."""

    def __init__(self, options: Options, stream: Any, environ: dict[str, str]) -> None:
        self.options = options
        self.terminal = Terminal(stream, options, environ)
        self.outcomes: list[Outcome] = []

    def plan(self, *cases: Case, warnings: Sequence[str] = (), notes: Sequence[str] = ()) -> None:
        self.terminal.expt_collection_finished([TRAIN], 0)
        self.terminal.expt_plan_finished(Plan(cases, tuple(warnings), tuple(notes)))

    def start(self, case: Case, number: int = 0) -> RunStarted:
        started = RunStarted(case.id, f"{number:04d}abcdef", str(self.path(number)), 1, 0.0)
        self.terminal.expt_event_received(started)
        return started

    def path(self, number: int = 0) -> Path:
        return self.options.keeping.runs / "mnist" / "experiment_train" / f"2026_{number:04d}abcdef"

    def outcome(self, case: Case, number: int = 0, status: Status = "completed") -> Outcome:
        root = str(self.options.root)
        text = TRACEBACK.format(root=root)
        error = {
            "failed": ErrorInfo("ValueError", "boom [red]\x1b", text),
            "interrupted": ErrorInfo("KeyboardInterrupt", ""),
        }.get(status)
        notices = ("skipped: no GPU",) if status == "skipped" else ()
        results = {"accuracy": 0.98123, "name": "[/nope]"} if status == "completed" else {}
        outcome = Outcome(
            case.id,
            f"{number:04d}abcdef",
            str(self.path(number)),
            status,
            1.25,
            results,
            error,
            notices,
        )
        self.outcomes.append(outcome)
        return outcome

    def run(self, case: Case, number: int = 0, status: Status = "completed") -> None:
        self.start(case, number)
        self.terminal.expt_event_received(RunFinished(case.id, self.outcome(case, number, status)))

    def tell(self, event: Any) -> None:
        self.terminal.expt_event_received(event)

    def finish(self, exit_code: int = 0) -> None:
        self.terminal.expt_session_finished(self.options, self.outcomes, exit_code)


def piped(options: Options, **changes: Any) -> tuple[Play, io.StringIO]:
    stream = io.StringIO()
    return Play(change(options, **changes), stream, {}), stream


def text_of(stream: io.StringIO) -> str:
    """What was written, with the time that the session took as `…`."""
    return without_time(stream.getvalue())


def without_time(text: str) -> str:
    return re.sub(r" in \d[\d.]*m?s(?=\n|   )", " in …", text)


# In a pipe


def test_a_session_in_a_pipe_is_a_line_a_run_and_a_summary(options: Options) -> None:
    play, stream = piped(options, workers=2)
    cases = make_cases(4)
    play.terminal.expt_collection_finished([TRAIN], 2)
    play.terminal.expt_plan_finished(Plan(cases, ("nothing takes 'lrr'\n  at p.toml:9",), ("n",)))
    play.run(cases[0], 0)
    play.tell(RunProgressed(cases[1].id, 3, 10))
    play.run(cases[1], 1, "failed")
    play.run(cases[2], 2, "skipped")
    play.tell(RunRendered(str(play.path(0)), ("loss.png",), ("no video: [x]\x1b",)))
    play.finish(1)
    assert (
        text_of(stream)
        == f"""\
found 3 experiments, selected 1
planned 4 cases on 2 workers
note: n
warning: nothing takes 'lrr'
  at p.toml:9
[1/4] completed  experiments/mnist.py::experiment_train[seed-0]  1.2s  \
accuracy=0.9812 name=[/nope]  runs/mnist/experiment_train/2026_0000abcdef
[2/4] failed  experiments/mnist.py::experiment_train[seed-1]  1.2s  \
ValueError: boom [red]\\x1b  runs/mnist/experiment_train/2026_0001abcdef
[3/4] skipped  experiments/mnist.py::experiment_train[seed-2]  1.2s  \
no GPU  runs/mnist/experiment_train/2026_0002abcdef

✗ experiments/mnist.py::experiment_train[seed-1]  0001abcdef
Traceback (most recent call last):
  File "{options.root}/experiments/mnist.py", line 12, in experiment_train
    step(lr)
    ~~~~^^^^
  File "{options.root}/helpers.py", line 3, in step
    raise ValueError("boom [red]\\x1b")
ValueError: boom [red]\\x1b

notice: no video: [x]\\x1b (experiments/mnist.py::experiment_train[seed-0])

1 completed, 1 failed, 1 skipped, 1 not started, 2 deselected, 1 warning, 1 notice in …
3 archives in runs/mnist/experiment_train
next: expt show --session latest  ·  expt show 0001abcdef
"""
    )


def test_one_run_is_told_with_its_whole_path(options: Options) -> None:
    play, stream = piped(options)
    case = Case(TRAIN, None, {}, {})
    play.plan(case)
    play.run(case)
    play.finish()
    assert (
        text_of(stream)
        == """\
found 1 experiment
completed  experiments/mnist.py::experiment_train  1.2s  accuracy=0.9812 name=[/nope]  \
runs/mnist/experiment_train/2026_0000abcdef
1 completed in …
archive in runs/mnist/experiment_train/2026_0000abcdef
next: expt show 0000abcdef
"""
    )


def test_what_fails_alike_is_told_once(options: Options) -> None:
    play, stream = piped(options, traceback="short")
    cases = make_cases(6)
    play.plan(*cases)
    for number, case in enumerate(cases):
        play.run(case, number, "failed")
    play.finish(1)
    name = "experiments/mnist.py::experiment_train"
    assert (
        text_of(stream).partition("\n\n")[2]
        == f"""\
✗ {name}[seed-0]  0000abcdef
experiments/mnist.py:12: in experiment_train
    step(lr)
helpers.py:3: in step
    raise ValueError("boom [red]\\x1b")
ValueError: boom [red]\\x1b
the same in seed-1, seed-2, seed-3 and 2 more

6 failed in …
6 archives in runs/mnist/experiment_train
next: expt show --session latest  ·  expt show 0000abcdef
"""
    )


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("line", "F\nhelpers.py:3: ValueError: boom [red]\\x1b\n\n1 failed in …\n"),
        ("no", "F\n1 failed in …\n"),
    ],
)
def test_shorter_tracebacks(options: Options, style: str, expected: str) -> None:
    play, stream = piped(options, traceback=style, verbosity=-1)
    case = Case(TRAIN, None, {}, {})
    play.plan(case)
    play.run(case, 0, "failed")
    play.finish(1)
    assert text_of(stream) == expected


@pytest.mark.parametrize(("style", "frames"), [("auto", 12), ("long", 60), ("short", 60)])
def test_auto_leaves_out_the_middle_of_a_long_stack(
    options: Options, style: str, frames: int
) -> None:
    frame = '  File "/lib/deep.py", line {}, in f{}\n    f()\n'
    text = "Traceback (most recent call last):\n"
    text += "".join(frame.format(number, number) for number in range(60)) + "KeyError: 'x'\n"
    play, stream = piped(options, traceback=style, verbosity=-2)
    case = Case(TRAIN, None, {}, {})
    play.plan(case)
    failed = attrs.evolve(play.outcome(case, 0, "failed"), error=ErrorInfo("KeyError", "'x'", text))
    play.outcomes = [failed]
    play.finish(1)
    assert stream.getvalue().count("deep.py") == frames
    assert ("  … 48 frames left out; --tb=long shows them\n" in stream.getvalue()) == (
        style == "auto"
    )
    assert stream.getvalue().endswith("KeyError: 'x'\n")


def test_a_failure_without_a_traceback_is_its_message(options: Options) -> None:
    play, stream = piped(options, verbosity=-2)
    case = Case(TRAIN, None, {}, {})
    play.plan(case)
    error = ErrorInfo("WorkerDied", "the worker was killed by SIGKILL")
    play.outcomes = [attrs.evolve(play.outcome(case, 0, "failed"), error=error)]
    play.finish(1)
    assert stream.getvalue() == (
        "✗ experiments/mnist.py::experiment_train  0000abcdef\n"
        "WorkerDied: the worker was killed by SIGKILL\n"
    )


def test_quiet_moves_and_is_one_line_and_very_quiet_is_nothing(options: Options) -> None:
    for verbosity, expected in ((-1, ".\n1 completed in …\n"), (-2, "")):
        play, stream = piped(options, verbosity=verbosity)
        case = Case(TRAIN, None, {}, {})
        play.plan(case, warnings=(), notes=("a note",))
        play.run(case)
        play.finish()
        assert text_of(stream) == expected


def test_verbose_shows_every_value_with_its_origin_when_a_run_starts(options: Options) -> None:
    play, stream = piped(options, verbosity=1)
    (case,) = make_cases(1)
    play.plan(case)
    play.start(case)
    assert (
        stream.getvalue()
        == """\
found 1 experiment
running experiments/mnist.py::experiment_train[seed-0]
    seed    0  --sweep seed=…
      over  0  default a.py:1
"""
    )


def test_durations_lists_the_slowest(options: Options) -> None:
    play, stream = piped(options, durations=2)
    cases = make_cases(3)
    play.plan(*cases)
    play.outcomes = [
        attrs.evolve(play.outcome(case, number), duration=float(number))
        for number, case in enumerate(cases)
    ]
    play.finish()
    assert """

slowest 2 of 3 runs
  2.0s  experiments/mnist.py::experiment_train[seed-2]
  1.0s  experiments/mnist.py::experiment_train[seed-1]

3 completed in …
""" in text_of(stream)


def test_an_interrupted_session_says_how_many_did_not_start(options: Options) -> None:
    play, stream = piped(options)
    cases = make_cases(5)
    play.plan(*cases)
    play.run(cases[0], 0)
    play.start(cases[1], 1)
    play.tell(Notice("interrupted: waiting for 1 run; press Ctrl-C again to kill it"))
    play.tell(RunFinished(cases[1].id, play.outcome(cases[1], 1, "interrupted")))
    play.finish(2)
    ending = text_of(stream).splitlines()[3:]
    assert ending == [
        "notice: interrupted: waiting for 1 run; press Ctrl-C again to kill it",
        (
            "[2/5] interrupted  experiments/mnist.py::experiment_train[seed-1]  1.2s  "
            "runs/mnist/experiment_train/2026_0001abcdef"
        ),
        "1 completed, 1 interrupted, 3 not started in …",
        "2 archives in runs/mnist/experiment_train",
        "next: expt show --session latest  ·  expt show 0001abcdef",
    ]


def test_cases_skipped_before_a_run_are_counted_by_reason(options: Options) -> None:
    play, stream = piped(options)
    cases = make_cases(3)
    play.plan(*cases)
    play.outcomes = [
        Outcome(case.id, "", "", "skipped", 0.0, notices=("skipped: completed already",))
        for case in cases
    ]
    play.finish()
    assert text_of(stream).splitlines()[2:] == [
        "skipped 3: completed already",
        "3 skipped in …",
    ]


def test_the_next_command_finds_the_run_from_here(options: Options, tmp_path: Path) -> None:
    elsewhere = tmp_path / "my runs"
    for changes, expected in (
        ({}, "0000abcdef"),
        ({"smoke": True}, "runs/mnist/experiment_train/2026_0000abcdef"),
        ({"runs": elsewhere}, "'my runs/mnist/experiment_train/2026_0000abcdef'"),
        ({"runs": elsewhere, "configuration": {"runs": "my runs"}}, "0000abcdef"),
    ):
        play, stream = piped(options, **changes)
        case = Case(TRAIN, None, {}, {})
        play.plan(case)
        play.run(case)
        play.finish()
        assert stream.getvalue().endswith(f"next: expt show {expected}\n")


def test_an_interrupt_while_planning_says_that_nothing_ran(options: Options) -> None:
    play, stream = piped(options)
    play.finish(2)
    assert stream.getvalue() == "interrupted before anything ran\n"


def test_a_mistake_before_the_plan_is_left_to_the_command_line(options: Options) -> None:
    play, stream = piped(options)
    play.finish(4)
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (
            {"keyword": "mnits and not big"},
            (
                "nothing selected: 2 found, 2 deselected\n  at -k mnits and not big\n"
                "  did you mean 'mnist' or 'mnist.py'?\n"
            ),
        ),
        (
            {"keyword": "zzz", "marks": "slwo"},
            (
                "nothing selected: 2 found, 2 deselected\n  at -k zzz -m slwo\n"
                "  did you mean 'slow'?\n"
            ),
        ),
        (
            {"deselect": ("experiments",)},
            (
                "nothing selected: 2 found, 2 deselected\n  at --deselect experiments\n"
                "  experiments: experiments/mnist.py::experiment_train,"
                " experiments/mnist.py::experiment_b\n"
            ),
        ),
    ],
)
def test_nothing_selected_tells_what_there_is(
    options: Options, tmp_path: Path, asked: dict[str, Any], expected: str
) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mnist.py").write_text(
        "import expt\ndef experiment_train(): ...\n@expt.mark.slow\ndef experiment_b(): ...\n"
    )
    play, stream = piped(options, **asked)
    play.terminal.expt_collection_finished([], 2)
    play.terminal.expt_plan_finished(Plan(()))
    play.finish(5)
    assert stream.getvalue() == "found 2 experiments, selected 0\n" + expected


def test_nothing_found_tells_what_an_experiment_is(options: Options, tmp_path: Path) -> None:
    play, stream = piped(options, paths=(tmp_path / "empty",))
    (tmp_path / "empty").mkdir()
    play.terminal.expt_collection_finished([], 0)
    play.terminal.expt_plan_finished(Plan(()))
    play.finish(5)
    assert stream.getvalue() == (
        "found 0 experiments\n"
        "there is no experiment in empty\n"
        "  an experiment is a function 'experiment_…' in a .py file; 'expt new' writes one\n"
    )


def test_colour_can_be_forced_into_a_pipe_but_no_cursor_moves(options: Options) -> None:
    stream = io.StringIO()
    play = Play(options, stream, {"FORCE_COLOR": "1"})
    case = Case(TRAIN, None, {}, {})
    play.plan(case)
    play.run(case)
    play.finish()
    assert "\x1b[32mcompleted\x1b[0m  experiments" in stream.getvalue()
    assert set(re.findall(r"\x1b\[[\d;]*(.)", stream.getvalue())) == {"m"}


def test_a_pipe_that_closes_ends_nothing(options: Options) -> None:
    play, stream = piped(options)
    case = Case(TRAIN, None, {}, {})
    play.plan(case)
    stream.close()
    play.run(case)
    play.finish()


def test_a_run_is_told_at_the_same_cost_however_many_there_are(options: Options) -> None:
    """Counted in calls of functions."""

    def calls_of(count: int) -> int:
        play, stream = piped(options)
        cases = make_cases(count)
        play.plan(*cases)
        calls = 0

        def note(frame: Any, event: str, argument: Any) -> None:
            nonlocal calls
            calls += 1

        sys.setprofile(note)
        try:
            for number, case in enumerate(cases):
                play.run(case, number)
        finally:
            sys.setprofile(None)
        play.finish()
        assert stream.getvalue().count("completed") == count + 1
        return calls

    assert calls_of(400) < 1.1 * 2 * calls_of(200)


def test_a_pipe_never_waits_for_rich() -> None:
    code = """
        import sys, pathlib
        from expt.ground.model import *
        from expt.ground.options import *
        from expt.terminal.plugin import Terminal
        here = pathlib.Path.cwd()
        options = Options(here, here, KeepingOptions(here / "runs"))
        terminal = Terminal(sys.stdout, options, {})
        found = Experiment("a.py::experiment_a", "a.py", "experiment_a", 1)
        cases = tuple(Case(found, f"lr-{n}", {"lr": n}, {}, {"lr": n}) for n in (1, 2))
        terminal.expt_collection_finished([found], 0)
        terminal.expt_plan_finished(Plan(cases))
        outcomes = [Outcome(case.id, "", "", "completed", 1.0, {"x": 1.5}) for case in cases]
        terminal.expt_session_finished(options, outcomes, 0)
        print("rich" in sys.modules, "numpy" in sys.modules)
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("\nFalse False\n"), done.stdout


# The output of runs, for -s


def test_output_appears_and_its_tail_is_never_lost(options: Options) -> None:
    play, stream = piped(options, capture=False)
    cases = make_cases(2)
    play.plan(*cases)
    play.start(cases[0], 0)
    play.path(0).mkdir(parents=True)
    log = play.path(0) / "output.log"
    log.write_bytes("naïve\r50%\r".encode()[:-9])
    wait_for(lambda: "na" in stream.getvalue())
    log.write_bytes("naïve\r100%".encode())
    play.tell(RunFinished(cases[0].id, play.outcome(cases[0], 0)))
    with log.open("ab") as file:
        file.write(b"an analysis, after the end\n")
    play.finish()
    assert (
        stream.getvalue().partition("in ")[0]
        == """\
found 1 experiment
planned 2 cases
running experiments/mnist.py::experiment_train[seed-0]
naïve\r100%
[1/2] completed  experiments/mnist.py::experiment_train[seed-0]  1.2s  \
accuracy=0.9812 name=[/nope]  runs/mnist/experiment_train/2026_0000abcdef
an analysis, after the end
1 completed, 1 not started """
    )


def test_output_of_several_workers_is_told_apart(options: Options) -> None:
    play, stream = piped(options, capture=False, workers=2)
    cases = make_cases(2)
    play.plan(*cases)
    for number, case in enumerate(cases):
        play.path(number).mkdir(parents=True)
        (play.path(number) / "output.log").write_text(f"one {number}\n 10%\r100%\nno newline")
        play.start(case, number)
    for number, case in enumerate(cases):
        play.tell(RunFinished(case.id, play.outcome(case, number)))
    play.finish()
    lines = [line for line in stream.getvalue().splitlines() if " | " in line]
    assert sorted(lines) == sorted(
        f"experiment…eriment_train[seed-{number}] | {text}"
        for number in range(2)
        for text in (f"one {number}", "100%", "no newline")
    )


# On a terminal


class Emulator:
    """As much of a terminal as rich uses: what stands on the screen in the end."""

    TOKEN = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])|\x1b\]8;[^\x1b]*\x1b\\|\r|\n|[^\x1b]", re.DOTALL)

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.lines = [""]
        self.row = self.column = 0

    def feed(self, text: str) -> None:
        for match in self.TOKEN.finditer(text):
            token, number, what = match[0], match[1], match[2]
            if what == "A":
                self.row -= int(number or 1)
                assert self.row >= max(0, len(self.lines) - self.height), "above the screen"
            elif what == "K":
                self.lines[self.row] = ""
            elif token == "\r":
                self.column = 0
            elif token == "\n":
                self._go_down()
            elif not token.startswith("\x1b"):
                self._put(token)
            else:
                assert what in (None, "m", "h", "l"), token

    def _go_down(self) -> None:
        self.row, self.column = self.row + 1, 0
        if self.row == len(self.lines):
            self.lines.append("")

    def _put(self, character: str) -> None:
        if self.column == self.width:
            self._go_down()
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[: self.column] + character + line[self.column + 1 :]
        self.column += 1

    @property
    def screen(self) -> list[str]:
        return self.lines[-self.height :]


class Window:
    """A real pseudo-terminal and what was written to it."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (height, width))
        self.stream = open(slave, "w", encoding="utf-8")  # noqa: SIM115
        self._written = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while data := os.read(self._master, 65536):
                self._written += data
        except OSError:  # the other end is closed
            pass

    @property
    def written(self) -> str:
        return bytes(self._written).decode("utf-8", "ignore").replace("\r\n", "\n")

    def screen(self) -> str:
        emulator = Emulator(self.width, self.height)
        emulator.feed(self.written)
        return "\n".join(line.rstrip() for line in emulator.screen)

    def close(self) -> None:
        self.stream.close()
        self._reader.join(60)
        os.close(self._master)


@pytest.fixture
def window() -> Iterator[Window]:
    opened = Window(80, 24)
    yield opened
    opened.close()


def wait_for(condition: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def comes_to(shown: Callable[[], str], wanted: str, seconds: float = 60) -> str:
    """What is shown, as soon as it is what is wanted: a screen may be seen half drawn."""
    deadline = time.monotonic() + seconds
    while (seen := shown()) != wanted and time.monotonic() < deadline:
        time.sleep(0.01)
    return seen


def test_a_terminal_shows_runs_while_they_go_on(options: Options, window: Window) -> None:
    play = Play(options, window.stream, {"TERM": "xterm"})
    cases = [attrs.evolve(case, axes={"seed": n}) for n, case in enumerate(make_cases(2))]
    play.plan(*cases)
    recorder = open_recorder(play.path() / "series", label=cases[0].id)
    recorder.track(loss=0.51234, text="not shown", n=3)
    play.start(cases[0])
    play.tell(RunProgressed(cases[0].id, 0, 10))
    time.sleep(0.1)
    play.tell(RunProgressed(cases[0].id, 4, 10))
    wanted = """\
found 1 experiment
planned 2 cases
╭─ experiments/mnist.py::experiment_train ─────────────────────────────────────╮
│ * seed=0 1s ━━━━━━╺━━━━━━━━━ 4/10 1s                                         │
│             loss 0.5123  n 3                                                 │
╰──────────────────────────────────────────────────────────────────────────────╯
━━━━━━━━━━━━━━━━ 0/2  elapsed 1s"""

    def shown() -> str:
        return re.sub("[⠁-⣿]", "*", re.sub(r"\d+s", "1s", window.screen()))

    assert comes_to(shown, wanted) == wanted
    recorder.close()
    play.tell(RunFinished(cases[0].id, play.outcome(cases[0])))
    play.finish()
    wanted = """\
found 1 experiment
planned 2 cases
✓ seed=0    1.2s  accuracy=0.9812 name=[/nope]
1 completed, 1 not started in …
archive in runs/mnist/experiment_train/2026_0000abcdef
next: expt show 0000abcdef
"""
    assert comes_to(lambda: without_time(window.screen().rstrip() + "\n"), wanted) == wanted
    assert window.written.count("\x1b[?25h") == 1  # the cursor is back


def test_what_a_run_waits_for_is_said(options: Options, window: Window) -> None:
    play = Play(options, window.stream, {"TERM": "xterm"})
    cases = make_cases(2)
    play.plan(*cases)
    play.start(cases[0])
    play.tell(ProviderMaking(cases[0].id, "data\x1b"))
    wait_for(lambda: "making provider data\\x1b (session)…" in window.screen())
    play.tell(ProviderMaking(cases[0].id, "data\x1b", 5.0))
    wait_for(lambda: "making" not in window.screen())
    play.finish()


def test_several_experiments_are_told_apart_without_what_they_share(
    options: Options, window: Window
) -> None:
    play = Play(options, window.stream, {"TERM": "xterm"})
    names = ("a.py::experiment_one", "deeper/b.py::experiment_two")
    cases = [
        Case(Found(f"experiments/vision/{name}", "", "", 1), "lr-0.1", {}, {}, {"lr": 0.1})
        for name in names
    ]
    play.plan(*cases)
    for number, case in enumerate(cases):
        play.run(case, number)
    play.finish()
    wait_for(lambda: "next:" in window.screen())
    assert [line.split("  ")[0] for line in window.screen().splitlines()[2:4]] == [
        "✓ a.py::experiment_one lr=0.1",
        "✓ deeper/b.py::experiment_two lr=0.1",
    ]


def test_a_failure_on_a_terminal_shows_archived_code_and_folds_libraries(
    options: Options, window: Window
) -> None:
    text = TRACEBACK.format(root=options.root).replace(
        "ValueError: boom",
        '  File "/usr/lib/python3.11/site-packages/numpy/linalg/_l.py", line 3, in solve\n'
        "    raise\nValueError: boom",
    )
    play = Play(options, window.stream, {"TERM": "xterm", "NO_COLOR": "1"})
    (case,) = make_cases(1)
    play.plan(case)
    code = play.path() / "code/experiments/mnist.py"
    code.parent.mkdir(parents=True)
    long = "    step(lr)  # as it ran, and no part of a long line is left out of what is shown\n"
    code.write_text("\n" * 10 + "    # before [red]\x1b\n" + long)
    (play.path() / "output.log").write_text("".join(f"batch {n}\x1b[2J\n" for n in range(41)))
    failed = attrs.evolve(
        play.outcome(case, 0, "failed"), error=ErrorInfo("ValueError", "boom", text)
    )
    play.start(case)
    play.tell(RunFinished(case.id, failed))
    play.outcomes = [failed]
    play.finish(1)
    wait_for(lambda: "next:" in window.screen())
    lines = window.screen().splitlines()
    start = lines.index("✗ experiments/mnist.py::experiment_train  0000abcdef  seed=0")
    assert lines[start + 1 : start + 19] == [
        "╭───────────────────── Traceback (most recent call last) ──────────────────────╮",
        "│ experiments/mnist.py:12 in experiment_train                                  │",
        "│   11     # before [red]\\x1b                                                  │",
        "│ ❱ 12     step(lr)  # as it ran, and no part of a long line is left out of    │",
        "│      what is shown                                                           │",
        "│ helpers.py:3 in step                                                         │",
        '│     raise ValueError("boom [red]\\x1b")                                       │',
        "│ …  1 frame in numpy/linalg                                                   │",
        "╰──────────────────────────────────────────────────────────────────────────────╯",
        "ValueError: boom [red]\\x1b",
        "── output, the last 5 of 41 lines · runs/mnist/experiment_train/2026_0000abcdef/",
        "output.log",
        *(f"batch {number}\\x1b[2J" for number in range(36, 41)),
        "",
    ]


def test_a_sweep_ends_in_a_table_by_swept_values(options: Options) -> None:
    play, stream = piped(options)
    cases = [
        Case(TRAIN, f"lr-{lr}-seed-{seed}", {}, {}, {"lr": lr, "hidden": [64, 32], "seed": seed})
        for lr in (0.1, 1.0)
        for seed in (0, 1)
    ]
    play.plan(*cases)
    for number, case in enumerate(cases):
        status: Status = "failed" if number == 3 else "completed"
        value = 0.9 + number / 100
        outcome = attrs.evolve(play.outcome(case, number, status), results={"accuracy": value})
        play.start(case, number)
        play.tell(RunFinished(case.id, outcome))
        play.outcomes[number] = outcome
    (options.keeping.runs / ".sessions/s1").mkdir(parents=True)
    (options.keeping.runs / ".sessions/s1/loss.png").touch()
    play.terminal.expt_session_started("s1")
    play.finish(1)
    assert (
        text_of(stream).partition("1 failed in …")[2]
        == """\
   by lr × hidden, mean ± std over 2 seeds

 lr  hidden       n         accuracy
0.1  64×32        2  0.9050 ± 0.0071
  1  64×32   1 of 2           0.9200

best 0002abcdef accuracy=0.92  lr=1 hidden=64×32 seed=0
curves  runs/.sessions/s1/loss.png
4 archives in runs/mnist/experiment_train
next: expt show --session latest  ·  expt show 0003abcdef
"""
    )


def test_values_of_a_sweep_that_are_alike_are_not_averaged(options: Options) -> None:
    """Neither numbers with the same first digits nor long texts with the same ends."""
    play, stream = piped(options)
    long = "a" * 50
    axes = [
        {"t": t, "text": f"{long}{middle}{long}"}
        for t, middle in ((2.26911, "x"), (2.26912, "x"), (2.26912, "y"))
    ]
    cases = [Case(TRAIN, f"case{n}", {}, {}, each) for n, each in enumerate(axes)]
    play.plan(*cases)
    for number, case in enumerate(cases):
        outcome = attrs.evolve(play.outcome(case, number, "completed"), results={"v": number})
        play.start(case, number)
        play.tell(RunFinished(case.id, outcome))
        play.outcomes[number] = outcome
    play.finish(0)
    table = text_of(stream).partition("by t × text\n\n")[2].splitlines()[:4]
    cut = f"{'a' * 24}…{'a' * 24}"
    assert [line.split(maxsplit=1) for line in table] == [
        ["t", f"{'text':{len(cut) + 4}}  v"],
        ["2.26911", f"{cut} (1)  0"],
        ["2.26912", f"{cut} (1)  1"],
        ["2.26912", f"{cut} (2)  2"],
    ]


def test_the_time_left_knows_what_was_set_up() -> None:
    """Ten equal cases after a set-up of 5 s: within 30 % from the third case on."""
    cases = make_cases(10)
    view = LiveView(0.0, renders=False, workers=1)
    view.take_plan(Plan(cases))
    now, each, total = 0.0, 2.0, 25.0
    for number, case in enumerate(cases):
        view.take_in(RunStarted(case.id, "", "", 1, 0.0), now)
        if number == 0:
            view.take_in(ProviderMaking(case.id, "data"), now)
            now += 5
            view.take_in(ProviderMaking(case.id, "data", 5.0), now)
        for _ in range(4):
            if number >= 2:
                left = view.seconds_left(now)
                assert left == pytest.approx(total - now, rel=0.3)
            now += each / 4
        view.take_in(RunFinished(case.id, Outcome(case.id, "", "", "completed", each)), now)
    assert view.seconds_left(now) == 0


def test_unlike_experiments_take_unlike_times() -> None:
    slow = Found("slow.py::experiment_slow", "slow.py", "…", 1)
    cases = [*make_cases(4), *(Case(slow, f"n-{n}", {}, {}) for n in range(4))]
    view = LiveView(0.0, renders=False, workers=2)
    view.take_plan(Plan(tuple(cases)))
    for case, seconds in ((cases[0], 1.0), (cases[4], 100.0)):
        view.take_in(RunStarted(case.id, "", "", 1, 0.0), 0.0)
        view.take_in(RunFinished(case.id, Outcome(case.id, "", "", "completed", 0.0)), seconds)
    assert view.seconds_left(100.0) == pytest.approx((3 * 1 + 3 * 100) / 2)


def test_fifty_workers_show_what_fits(options: Options, window: Window) -> None:
    play = Play(change(options, workers=50), window.stream, {"TERM": "xterm"})
    cases = make_cases(50)
    play.plan(*cases)
    for number, case in enumerate(cases):
        play.start(case, number)

    def shown() -> str:
        lines = window.screen().splitlines()
        seen = [re.findall(r"seed-\d+|\+ \d+ more", line) for line in lines]
        return " ".join(word for words in seen for word in words)

    wanted = "".join(f"seed-{number} " for number in range(42, 50)) + "+ 42 more"
    assert comes_to(shown, wanted) == wanted
    for number, case in enumerate(cases):
        play.tell(RunFinished(case.id, play.outcome(case, number)))
    play.finish()
    wait_for(lambda: "next:" in window.screen())
    assert "╭" not in window.screen()
    assert re.sub(r"\x1b\[[\d;]*m|\x1b\]8;.*?\x1b\\", "", window.written).count("✓ seed") == 50


def test_importing_and_rendering_are_shown_while_they_last(
    options: Options, window: Window
) -> None:
    play = Play(options, window.stream, {"TERM": "xterm", "NO_COLOR": "1"})
    play.terminal.expt_collection_finished([TRAIN], 0)
    play.tell(ModuleImporting("experiments/mnist.py\x1b"))
    wait_for(lambda: "importing experiments/mnist.py\\x1b" in window.screen())
    (case,) = make_cases(1)
    play.terminal.expt_plan_finished(Plan((case,)))
    play.run(case)
    wait_for(lambda: "rendering pictures: 0 of 1 archives" in window.screen())
    assert "importing" not in window.screen()
    play.tell(RunRendered(str(play.path()), ("loss.png",)))
    play.finish()
    wait_for(lambda: "next:" in window.screen())
    assert "rendering pictures" not in window.screen()


def test_a_narrowed_window_leaves_no_rest_of_the_region(options: Options) -> None:
    window = Window(80, 24)
    play = Play(options, window.stream, {"TERM": "xterm"})
    cases = make_cases(2)
    play.plan(*cases)
    play.start(cases[0])
    wait_for(lambda: "╰" in window.screen() and "0/2" in window.screen())
    before = len(window.written)
    termios.tcsetwinsize(window.stream.fileno(), (24, 40))
    # three rows of 80 columns have become six; the last one was shorter than the window is now
    wait_for(lambda: any(part.count("\x1b[1A") == 6 for part in window.written[before:].split("╭")))
    play.finish()
    window.close()


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"TERM": "xterm", "CI": "true"}])
def test_no_live_lines_on_a_dumb_terminal_or_in_a_build(
    options: Options, window: Window, environ: dict[str, str]
) -> None:
    play = Play(options, window.stream, environ)
    cases = make_cases(2)
    play.plan(*cases)
    play.start(cases[0])
    time.sleep(0.4)
    play.finish()
    wait_for(lambda: "not started" in window.written)
    assert not re.search(r"\x1b\[[\d;]*[A-HJK]", window.written)


def test_inline_runs_may_redirect_the_descriptor(options: Options, tmp_path: Path) -> None:
    with (tmp_path / "screen").open("w") as stream:
        play = Play(change(options, workers=0), stream, {})
        kept = os.dup(stream.fileno())
        with (tmp_path / "output.log").open("w") as log:
            os.dup2(log.fileno(), stream.fileno())
        play.plan(Case(TRAIN, None, {}, {}))
        os.dup2(kept, stream.fileno())
        os.close(kept)
    assert (tmp_path / "screen").read_text() == "found 1 experiment\n"
