"""Whatever happens to a run, what it tracked is there, the session goes on, the archive is true.

From outside, class by class: ends of a run, what a run leaves behind, values, names, pictures,
places, what is typed, damaged archives.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from expt.ground.files import TEMPORARY_PREFIX
from expt.reading.finding import find_runs
from expt.testing import Done, Sandbox

NAMES = [
    "a/b", "../x", "/etc/passwd", "..", ".", "", "a\0b", "a\nb", "n" * 300, "😀", "é", "e\u0301",
    "Loss", "loss", "CON", "com1.png", "[red]", "[/nope]", "\x1b[31mred", "<script>",
    "'\"\"\"'''\\",
    "{x}", "$(ls)", " lead", "trail.", "\ud800", "--x", "\u202e", "\r\n", "index.json",
]  # fmt: skip
"""Texts that somebody may call a series, a result or a file."""

TWO = "def experiment_one(a: int = 1, b: int = 2): ...\n"
MANY = "{range=[0,10000]}"
ONE = "def experiment_one(track): track('x', 1.0); return 1\n"


def outcomes(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """`run.json` of every run, by the experiment's name without `experiment_`."""
    records = [json.loads(path.read_text()) for path in sandbox.root.glob("runs/**/run.json")]
    return {record["experiment"].rpartition("experiment_")[2]: record for record in records}


def run_in_shell(sandbox: Sandbox, line: str, cwd: Path | None = None) -> Done:
    """A line of the shell in which `expt` is the command: for redirections."""
    script = f'expt() {{ "{sys.executable}" -m expt "$@"; }}; {line}'
    environ = {
        name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ
    }
    done = subprocess.run(
        ["bash", "-c", script], cwd=cwd or sandbox.root, env=environ, timeout=60, check=False,
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


# Ends of a run


def test_whatever_is_raised_fails_its_run_alone(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                import sys, threading

                ODD = "[red]\\x1b[31m\\ud800"

                class Mute(Exception):
                    def __str__(self): raise RuntimeError

                class Exits(Exception):
                    def __str__(self): raise SystemExit(3)

                class Interrupts(Exception):
                    def __str__(self): raise KeyboardInterrupt

                class Text(str): pass

                class Subclass(Exception):
                    def __str__(self): return Text("a subclass")

                class Unpicklable(Exception):
                    def __init__(self, a, b):
                        super().__init__("a lock")
                        self.lock = threading.Lock()

                class Untouchable(Exception):
                    def __getattribute__(self, name): raise RuntimeError("hands off")

                def fall(n): return fall(n + 1)

                def experiment_mute(track): track("x", 1); raise Mute
                def experiment_exits(track): track("x", 1); raise Exits
                def experiment_interrupts(track): track("x", 1); raise Interrupts
                def experiment_subclass(track): track("x", 1); raise Subclass
                def experiment_unpicklable(track): track("x", 1); raise Unpicklable(1, 2)
                def experiment_untouchable(track): track("x", 1); raise Untouchable
                def experiment_recursion(track): track("x", 1); fall(0)
                def experiment_memory(track): track("x", 1); bytearray(1 << 60)
                def experiment_zero(track): track("x", 1); sys.exit(0)
                def experiment_generator(track): track("x", 1); raise GeneratorExit
                def experiment_surrogate(track): track("x", 1); raise ValueError(ODD)
                def experiment_last(track): track("x", 1); return 1
            """
        }
    )
    done = sandbox.expt()
    assert done.exit_code == 1, done.stderr
    assert "\x1b" not in done.stdout
    records = outcomes(sandbox)
    assert {name: record["status"] for name, record in records.items()} == {
        **dict.fromkeys(records, "failed"),
        "last": "completed",
    }
    assert {record["series"]["x"]["last"] for record in records.values()} == {1}
    told = {name: record["error"] for name, record in records.items() if record["error"]}
    assert len(told) == 11
    assert {name: error["message"] for name, error in told.items() if name in EXPECTED} == EXPECTED


EXPECTED = {
    "mute": "<str() of this exception raised RuntimeError>",
    "exits": "<str() of this exception raised SystemExit>",
    "interrupts": "<str() of this exception raised KeyboardInterrupt>",
    "subclass": "a subclass",
    "unpicklable": "a lock",
    "untouchable": "hands off",
    "zero": "0",
    "surrogate": "[red]\x1b[31m\ud800",
}


def test_a_process_that_ends_in_a_run_is_told_by_its_signal_or_code(sandbox: Sandbox) -> None:
    ways = {
        "kill": ("os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
        "group": ("os.killpg(0, 9)", "was killed by SIGKILL"),
        "segfault": ("ctypes.string_at(0)", "was killed by SIGSEGV"),
        "abort": ("os.abort()", "was killed by SIGABRT"),
        "quiet": ("os._exit(0)", "ended with exit code 0"),
        "term": ("os.kill(os.getpid(), 15)", "was killed by SIGTERM"),
        "user": ("os.kill(os.getpid(), signal.SIGUSR1)", "was killed by SIGUSR1"),
        "unrecorded": (
            "os.unlink(archive.path / 'run.json'); os._exit(7)",
            "ended with exit code 7",
        ),
    }
    body = "import ctypes, os, signal\n" + "".join(
        f"def experiment_{name}(track, archive): track('x', 1); {way}\n"
        for name, (way, _) in ways.items()
    )
    sandbox.write({"experiments/a.py": body + "def experiment_last(track): track('x', 1)\n"})
    assert sandbox.expt("-n", "2").exit_code == 1
    records = outcomes(sandbox)
    assert records.pop("last")["status"] == "completed"
    assert {name: record["error"]["message"] for name, record in records.items()} == {
        name: f"the worker {how}" for name, (_, how) in ways.items()
    }
    assert {(r["status"], r["series"]["x"]["last"]) for r in records.values()} == {("failed", 1)}


@pytest.mark.parametrize("moment", ["os.mkdir", "open"])
def test_a_kill_around_the_claim_of_a_folder_leaves_one_archive(
    sandbox: Sandbox, moment: str
) -> None:
    """The folder is announced before it is made: else an empty one is left beside the outcome."""
    sandbox.write(
        {
            "experiments/a.py": f"""
                import os, sys

                def kill(event, args):
                    folder = "runs/a/experiment_a"
                    if event != {moment!r} or os.path.lexists("killed"):
                        return
                    is_claimed = os.path.isdir(folder) and len(os.listdir(folder)) == 1
                    if is_claimed or folder + "/" in str(args[0]):
                        os.symlink("it", "killed")
                        os.kill(os.getpid(), 9)

                sys.addaudithook(kill)

                def experiment_a(track, n: int): return n
                """
        }
    )
    done = sandbox.expt("--sweep", "n=1,2")
    assert done.exit_code == 1, done.stdout + done.stderr
    found = find_runs(sandbox.root / "runs")
    assert not found.damaged
    assert sorted(run.status for run in found) == ["completed", "failed"]
    assert len(list((sandbox.root / "runs/a/experiment_a").iterdir())) == 2
    (failed,) = [run for run in found if run.status == "failed"]
    assert failed.error is not None and "SIGKILL" in failed.error.message
    assert failed.environment["python"] and failed.params["n"] == 1


def test_a_kill_between_any_two_writes_leaves_only_what_was_tracked(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                import os, threading, time

                def kill_later(seconds):
                    time.sleep(seconds)
                    os.kill(os.getpid(), 9)

                def experiment_dies(track, archive, delay: float):
                    threading.Thread(target=kill_later, args=(delay,), daemon=True).start()
                    for i in range(100):
                        track("x", i)
                    track("text", "whole")
                    archive.save("saved", {"a": 1})
                    return {"value": 1}
            """
        }
    )
    delays = ",".join(f"{0.0004 * i * i:.5f}" for i in range(12))
    sandbox.expt("-n", "2", "--sweep", f"delay={delays}")
    runs = sandbox.runs()
    assert len(runs) == 12
    assert {run.status for run in runs} <= {"failed", "completed"}
    for run in runs:
        values = run.series["x"].values.tolist() if "x" in run.series else []
        assert values == list(range(len(values)))
        assert run.results in ({}, {"value": 1})
        assert run.status == "failed" or (len(values), run.results) == (100, {"value": 1})
        assert not list(run.path.rglob(f"{TEMPORARY_PREFIX}*"))


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("import sys; sys.exit(0)", "'experiments/a.py' cannot be imported: SystemExit: 0"),
        ("import os; os._exit(0)", "the process that imports experiments ended with exit code 0"),
        (
            "import os; os.kill(os.getpid(), 9)",
            "the process that imports experiments was killed by SIGKILL",
        ),
        ("raise KeyboardInterrupt", "KeyboardInterrupt was raised"),
        (
            "import time; time.sleep(1000)",
            "the process that imports experiments took longer than --plan-timeout 3",
        ),
        (
            "class B(BaseException):\n    def __str__(self): raise SystemExit\nraise B",
            "'experiments/a.py' cannot be imported: B: <str() of this exception raised SystemExit>",
        ),
    ],
)  # fmt: skip
def test_a_module_that_ends_or_hangs_at_import_is_named(
    sandbox: Sandbox, line: str, error: str
) -> None:
    sandbox.write({"experiments/a.py": f"{line}\n{ONE}"})
    done = sandbox.expt("--plan-timeout", "3" if "sleep" in line else "50")
    assert done.exit_code == 4
    first, place, *_ = done.stderr.splitlines()
    assert first == f"error: {error}"
    assert place.startswith("  at experiments/a.py")
    assert not (sandbox.root / "runs").exists()


def test_a_hang_at_import_in_this_process_is_ended_and_named(sandbox: Sandbox) -> None:
    """sibling of case: timeout-ignored-with-n0"""
    sandbox.write({"experiments/a.py": f"import time; time.sleep(1000)\n{ONE}"})
    done = sandbox.expt("--plan-timeout", "1", "-n", "0")
    assert done.exit_code == 4
    assert done.stderr == (
        "error: the process that imports experiments took longer than --plan-timeout 1\n"
        "  at experiments/a.py\n  while importing this file; nothing was run\n"
    )


@pytest.mark.parametrize("workers", ["0", "1"])
def test_what_does_not_hang_at_import_is_run_where_that_is_asked(
    sandbox: Sandbox, workers: str
) -> None:
    sandbox.write({"experiments/a.py": f"import time; time.sleep(1000)\n{ONE}"})
    sandbox.write({"experiments/b.py": ONE})
    words = ("--continue-on-collection-errors", "--plan-timeout", "3", "-n", workers)
    done = sandbox.expt(*words, timeout=60)
    assert done.exit_code == 1
    assert [run.experiment.partition("::")[0] for run in sandbox.runs()] == ["experiments/b.py"]
    assert "at experiments/a.py" in done.stderr


def test_a_hang_that_swallows_exceptions_is_ended(sandbox: Sandbox) -> None:
    body = "import time\nwhile True:\n    try: time.sleep(9)\n    except BaseException: pass\n"
    sandbox.write({"experiments/a.py": f"{body}{ONE}"})
    done = sandbox.expt("--plan-timeout", "0.2")
    assert done.exit_code == 4
    assert "took longer than --plan-timeout 0.2" in done.stderr


def test_a_fork_at_import_makes_no_second_run(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": f"import os; os.fork()\n{ONE}"})
    assert sandbox.expt().exit_code == 0
    assert len(sandbox.runs()) == 1


def test_threads_and_children_without_end_do_not_hold_the_session(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                import subprocess, threading, time

                def experiment_busy(track, results):
                    threading.Thread(target=time.sleep, args=(1000,)).start()
                    child = subprocess.Popen(["sleep", "1000"])
                    results["pid"] = child.pid
            """
        }
    )
    assert sandbox.expt().exit_code == 0
    child = Path(f"/proc/{sandbox.run().results['pid']}/cmdline")
    assert not child.exists() or b"sleep" not in child.read_bytes()


def test_teardowns_that_raise_fail_the_run_and_are_all_called(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                from expt import provider

                @provider
                def first(results):
                    yield 1
                    results["torn"] = "first"

                @provider
                def second(first):
                    yield 2
                    raise SystemExit("second")

                def experiment_a(track, second): track("x", second)
                def experiment_b(track): track("x", 1)
            """
        }
    )
    assert sandbox.expt().exit_code == 1
    records = outcomes(sandbox)
    assert records["a"]["status"] == "failed"
    assert records["a"]["error"]["message"] == "second"
    assert records["a"]["results"] == {"torn": "first"}
    assert records["b"]["status"] == "completed"


def test_tracking_from_threads_and_after_the_end(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                import threading

                KEPT = []

                def experiment_a(track):
                    def work(own):
                        for i in range(500):
                            track("shared", i)
                            track(f"own{own}", i)
                    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
                    [thread.start() for thread in threads]
                    [thread.join() for thread in threads]
                    KEPT.append(track)

                def experiment_b(results):
                    try:
                        KEPT[0]("shared", 1)
                    except RuntimeError as error:
                        results["late"] = str(error)
            """
        }
    )
    assert sandbox.expt().exit_code == 0
    b, a = sandbox.runs()
    assert sorted(a.series["shared"].values.tolist()) == sorted(list(range(500)) * 8)
    assert all(a.series[f"own{n}"].values.tolist() == list(range(500)) for n in range(8))
    assert b.results == {"late": f"the run '{a.id}' has ended; 'shared' was not tracked"}


def test_an_interrupt_of_what_follows_a_run_does_not_change_how_it_ended(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": "def experiment_one(): return 1\n",
            "experiments/conftest.py": """
                import expt

                @expt.hook
                def expt_run_finished(run, case, outcome):
                    raise KeyboardInterrupt
            """,
        }
    )
    done = sandbox.expt()
    assert (done.exit_code, sandbox.run().status) == (0, "completed")
    assert "notice: what follows the run ended early: KeyboardInterrupt()" in done.stdout


# What a run leaves behind


def test_the_next_run_sees_what_a_first_run_would_see(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                import logging, os, random, signal, sys, warnings
                import numpy as np
                import matplotlib

                def look():
                    umask = os.umask(0)
                    os.umask(umask)
                    return {
                        "cwd": os.getcwd(), "environ": len(os.environ), "umask": umask,
                        "handler": str(signal.getsignal(signal.SIGTERM)),
                        "handlers": len(logging.getLogger().handlers),
                        "level": logging.getLogger().level,
                        "random": random.random(), "numpy": float(np.random.rand()),
                        "limit": sys.getrecursionlimit(), "errors": np.geterr()["divide"],
                        "dpi": matplotlib.rcParams["figure.dpi"],
                        "path": sys.path, "warnings": len(warnings.filters),
                        "hook": repr(sys.excepthook),
                        "descriptors": len(os.listdir("/dev/fd")),
                    }

                def experiment_a(track, results):
                    track("x", 1.0)
                    results.update(look())

                def experiment_b():
                    os.chdir("/")
                    os.environ.clear()
                    os.umask(0o777)
                    signal.signal(signal.SIGTERM, signal.SIG_IGN)
                    signal.setitimer(signal.ITIMER_REAL, 0.3)
                    logging.basicConfig(level=1, force=True)
                    sys.setrecursionlimit(200)
                    np.seterr(all="raise")
                    matplotlib.rcParams["figure.dpi"] = 7
                    sys.path.clear()
                    warnings.simplefilter("error")
                    sys.excepthook = None
                    sys.stdout = sys.stderr = sys.__stdout__ = None
                    for number in (0, 1, 2):
                        os.close(number)

                def experiment_c(track, results):
                    import time
                    print("heard")
                    track("x", 1.0)
                    results.update(look())
                    time.sleep(0.5)
            """
        }
    )
    done = sandbox.expt("-p", "seed=1", "--no-render", render=True)  # it has imported matplotlib
    assert done.exit_code == 0, done.stdout
    c, _, a = sandbox.runs()
    assert dict(c.results) == dict(a.results)
    assert c.log == "heard\n"


# Values


TRACKED = {
    "nan": ("math.nan", math.nan),
    "inf": ("-math.inf", -math.inf),
    "negative_zero": ("-0.0", -0.0),
    "long": ("2**63", float(2**63)),
    "last_int": ("2**63 - 1", 2**63 - 1),
    "decimal": ("decimal.Decimal('0.5')", 0.5),
    "fraction": ("fractions.Fraction(1, 2)", 0.5),
    "half": ("np.float16(0.1)", 0.0999755859375),
    "single": ("np.float32(0.1)", 0.10000000149011612),
    "int8": ("np.int8(-1)", -1),
    "zero_d": ("np.array(1.5)", 1.5),
    "one": ("np.array([2.5])", 2.5),
    "bool": ("np.bool_(True)", 1),
    "longdouble": ("np.longdouble('0.5')", 0.5),
}
EXACTLY = "that neither float64 nor int64 holds exactly; float(value) rounds it"
NO_KIND = "has no kind; tracked can be"
REFUSED = {
    "past_int": ("-2**63 - 1", f"a number of type 'int' {EXACTLY}"),
    "huge": ("10**400", f"a number of type 'int' {EXACTLY}"),
    "tenth": ("decimal.Decimal('0.1')", f"a number of type 'decimal.Decimal' {EXACTLY}"),
    "third": ("fractions.Fraction(1, 3)", f"a number of type 'fractions.Fraction' {EXACTLY}"),
    "complex": ("1j", f"a value of type 'complex' {NO_KIND}"),
    "bytes": ("b'x'", f"a value of type 'bytes' {NO_KIND}"),
    "date": ("dt.date(2020, 1, 1)", f"a value of type 'datetime.date' {NO_KIND}"),
    "object": ("object()", f"a value of type 'object' {NO_KIND}"),
    "none": ("None", f"a value of type 'NoneType' {NO_KIND}"),
    "masked": ("np.ma.masked", f"a value of type 'numpy.ma.core.MaskedConstant' {NO_KIND}"),
    "objects": ("np.array([object()])", "an array of objects, which only pickle could store"),
    "endless": ("ENDLESS", "value is nested too deep, or holds itself"),
    "digits": ("{'a': 10**5000}", "value.a is an int of more than 4,300 digits"),
}
HEADER = """
import datetime as dt, decimal, fractions, math
import numpy as np
ENDLESS = []
ENDLESS.append(ENDLESS)
"""


def as_source(table: dict[str, tuple[str, Any]]) -> str:
    return "{" + ", ".join(f"{name!r}: {source}" for name, (source, _) in table.items()) + "}"


@pytest.mark.inline
def test_a_number_is_tracked_exactly_or_refused_by_name_and_type(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": f"""{HEADER}
def experiment_a(track, results):
    for name, value in {as_source(TRACKED)}.items():
        track(name, value)
    for name, value in {as_source(REFUSED)}.items():
        try:
            track(name, value)
        except (TypeError, ValueError) as error:
            results[name] = str(error)
"""
        }
    )
    done = sandbox.expt()
    assert done.exit_code == 0, done.stdout
    run = sandbox.run()
    assert {name: repr(run.series[name].last) for name in TRACKED} == {
        name: repr(expected) for name, (_, expected) in TRACKED.items()
    }
    assert set(run.series) == set(TRACKED)
    for name, (_, words) in REFUSED.items():
        assert run.results[name].startswith(f"'{name}' was not tracked: {words}")


@pytest.mark.inline
def test_what_is_returned_is_never_refused(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": f"""{HEADER}
def experiment_returns(): return {as_source(TRACKED | REFUSED)}
def experiment_odd_names(): return {{"": 1, None: 2, (1, 2): 3, "a\\0b": 4, "../x": np.ones(2)}}
def experiment_sets(results):
    values = {{"odd": 1j, "masked": np.ma.masked, "endless": ENDLESS, "digits": 10**5000}}
    for name, value in values.items():
        try: results[name] = value
        except TypeError as error: results[name] = str(error)
    results["long"] = 10**400
"""
        }
    )
    done = sandbox.expt()
    assert done.exit_code == 0, done.stdout
    records = outcomes(sandbox)
    returned = records["returns"]["results"]
    assert set(returned) == TRACKED.keys() | REFUSED.keys()
    assert returned["past_int"] == -(2**63) - 1
    assert returned["masked"] == {"$path": "artifacts/results/masked.npz"}
    assert returned["complex"] == "1j"
    assert records["odd_names"]["results"] == {
        "": 1, "None": 2, "(1, 2)": 3, "a\0b": 4, "../x": {"$path": "artifacts/results/.%2E/x.npy"},
    }  # fmt: skip
    assert records["sets"]["results"]["long"] == 10**400
    told = "; track it, or keep it with archive.save"
    assert records["sets"]["results"]["endless"] == (
        f"results['endless'] is nested too deep, or holds itself{told}"
    )
    assert records["sets"]["results"]["odd"] == (
        "results['odd'] is of type 'complex', which JSON cannot hold" + told
    )
    assert records["sets"]["results"]["masked"] == {"$path": "artifacts/results/masked.npz"}


# Names


@pytest.mark.inline
def test_any_text_names_a_series_a_result_and_an_artifact(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": f"""
                NAMES = {NAMES!r}

                def experiment_a(track, results, archive):
                    for i, name in enumerate(NAMES):
                        track(name, i)
                        results[name] = name
                        if name:
                            archive.save(name, b"%d" % i)
                    for name in (1, None, b"x"):
                        try: track(name, 1)
                        except TypeError as error: print(error)
                def experiment_b(track):
                    for name in NAMES[:8]:
                        track(name, __import__("numpy").zeros((2, 3), "uint8"))
            """
        }
    )
    done = sandbox.expt("experiments/", "--no-render")
    assert done.exit_code == 0, done.stdout
    pictures, run = sandbox.runs()
    assert {name: run.series[name].last for name in NAMES} == {n: i for i, n in enumerate(NAMES)}
    assert dict(run.results) == {name: name for name in NAMES}
    assert len({run.artifacts[name].path for name in NAMES[:5]}) == 5
    assert all(pictures.series[name].last.shape == (2, 3) for name in NAMES[:8])
    assert run.log.count("the name of a series must be a text") == 3
    names = {path.relative_to(sandbox.root).parts[0] for path in sandbox.root.rglob("*")}
    assert names == {"experiments", "runs"}
    for shown in (done, sandbox.expt("show"), sandbox.expt("show", run.id)):
        assert shown.exit_code == 0, shown.stderr
        assert "\x1b" not in shown.stdout
        assert "\u202e" not in shown.stdout
    script = sandbox.python(run.path / "analysis.py")
    assert script.exit_code == 0, script.stderr


def test_a_thousand_names_need_few_open_files(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                import resource

                def experiment_a(track):
                    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
                    for i in range(1000):
                        track(f"n{i}", i)
                        if i < 100:
                            track(f"t{i}", "text")
                    for i in range(10_000):
                        print(i)
            """
        }
    )
    done = sandbox.expt()
    assert done.exit_code == 0, done.stdout
    run = sandbox.run()
    assert len(run.series) == 1100
    assert run.series["n999"].last == 999
    assert run.log.splitlines()[-1] == "9999"


# Pictures


def test_pictures_of_every_shape_are_kept_exactly_and_drawn(sandbox: Sandbox) -> None:
    import numpy as np

    sandbox.write(
        {
            "experiments/a.py": """
                import numpy as np

                def experiment_a(track):
                    rng = np.random.default_rng(0)
                    for shape in [(4, 4), (5, 7), (4, 4, 3), (9, 3, 4)]:
                        track("changing", rng.integers(0, 255, shape, dtype=np.uint8))
                    for i in range(2):
                        track("one", np.full((1, 1), i, np.uint8))
                        track("odd", np.full((31, 17, 3), i, np.uint8))
                        holes = np.full((4, 4), 0.5)
                        holes[0] = np.nan
                        track.image("holes", holes)
                        track("array", holes)
                    for name, value in {"empty": np.zeros((0, 4), "uint8"), "odd": 1.0}.items():
                        try: track(name, value)
                        except Exception as error: print(error)
            """
        }
    )
    done = sandbox.expt("experiments/", render=True)
    assert done.exit_code == 0, done.stdout
    run = sandbox.run()
    rng = np.random.default_rng(0)
    for kept, shape in zip(
        run.series["changing"].values, [(4, 4), (5, 7), (4, 4, 3), (9, 3, 4)], strict=True
    ):
        assert (np.asarray(kept) == rng.integers(0, 255, shape, dtype=np.uint8)).all()
    assert np.asarray(run.series["holes"].last)[0].tolist() == [0, 0, 0, 0]
    assert "'odd' was not tracked: the series is of kind 'image'" in run.log
    drawn = {path.name for path in (run.path / "plots").iterdir()}
    assert drawn >= {"changing.mp4", "one.mp4", "odd.mp4", "holes.mp4", "array.png"}


# Places


def test_what_keeps_an_archive_from_being_written_fails_that_run_alone(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                import os, shutil

                def experiment_a_own(track, archive): track("x", 1); shutil.rmtree(archive.path)
                def experiment_b_all(track, archive): track("x", 1); shutil.rmtree("runs")
                def experiment_c_record(archive):
                    (archive.path / "run.json").unlink()
                    (archive.path / "run.json").mkdir()
                def experiment_d_dies(archive): shutil.rmtree(archive.path); os._exit(1)
                def experiment_e_file(): shutil.rmtree("runs"); open("runs", "w").close()
                def experiment_f_none(track): track("x", 1)
            """
        }
    )
    done = sandbox.expt()
    assert done.exit_code == 1
    assert "Traceback" not in done.stderr
    told = [line.split("  ") for line in done.lines if line.startswith("[")]
    assert [line[0] for line in told] == [f"[{n}/6] failed" for n in range(1, 7)]
    assert told[5][2] == "ExptError: no archive can be made: Not a directory"


def test_a_run_after_a_lost_archive_is_whole(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                import shutil

                def experiment_a(track, archive): track("x", 1); shutil.rmtree(archive.path)
                def experiment_b(track): track("x", 1)
            """
        }
    )
    assert sandbox.expt().exit_code == 1
    (run,) = sandbox.runs(k="experiment_b")
    assert (run.status, run.series["x"].last) == ("completed", 1)
    assert [lost.status for lost in sandbox.runs(k="experiment_a")] == ["failed"]


@pytest.mark.parametrize("place", ["file", "dangling", "loop"])
@pytest.mark.inline
def test_a_root_of_archives_that_is_none_is_told_before_anything_runs(
    sandbox: Sandbox, place: str
) -> None:
    sandbox.write({"experiments/a.py": "open('ran', 'w')\n" + ONE})
    runs = sandbox.root / "runs"
    if place == "file":
        runs.touch()
    else:
        runs.symlink_to("runs" if place == "loop" else sandbox.root / "gone" / "x")
    done = sandbox.expt()
    assert done.exit_code == 4
    assert done.stderr.startswith("error: no archive can be made: ")
    assert f"at {runs}\n  '--runs DIR' puts the archives elsewhere\n" in done.stderr


def test_a_full_disk_fails_the_run_and_keeps_what_was_tracked(sandbox: Sandbox) -> None:
    runs = sandbox.root / "runs"
    runs.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", runs], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount")
    sandbox.write(
        {
            "experiments/a.py": """
                def experiment_a(track, archive):
                    track("x", 1)
                    with open(archive.path / "fill", "wb", buffering=0) as file:
                        try:
                            while True: file.write(bytes(65536))
                        except OSError: pass
                    for i in range(10_000): track(f"n{i}", i)
                def experiment_b(track): track("x", 1)
            """
        }
    )
    try:
        done = sandbox.expt()
        assert done.exit_code == 1
        assert "2 failed" in done.stdout
        assert "No space left on device" in done.stdout
        assert "Traceback" not in done.stderr
        (first,) = sandbox.runs(k="experiment_a")
        assert first.status in ("failed", "lost")
        assert first.series["x"].last == 1
    finally:
        subprocess.run(["umount", "-l", runs], check=True)


CLOSING = """
    import os, sys
    from expt.__main__ import main

    name = sys.argv.pop(1)
    os.close(["stdin", "stdout", "stderr"].index(name))
    setattr(sys, name, None)  # as Python does where it is closed at the start
    setattr(sys, f"__{name}__", None)
    main()
    """


@pytest.mark.parametrize("closed", ["stdout", "stderr", "stdin", "<&- >&- 2>&-", ">/dev/full"])
def test_closed_standard_streams_change_no_run(sandbox: Sandbox, closed: str) -> None:
    body = ONE + "def experiment_two(): print('heard'); import os; os.system('echo below')\n"
    sandbox.write({"experiments/a.py": body, "closing.py": CLOSING})
    if closed.startswith("std"):
        done = sandbox.python("closing.py", closed, "experiments", "--no-render")
    else:
        done = run_in_shell(sandbox, f"expt experiments --no-render {closed}")
    assert done.exit_code == 0, done.stderr
    two, one = sandbox.runs()
    assert (one.status, two.log) == ("completed", "heard\nbelow\n")


@pytest.mark.parametrize(
    ("line", "exit_code", "error"),
    [
        ("expt --co >&-", 4, "error: the output cannot be written: it is closed\n"),
        (
            "expt --co >/dev/full",
            4,
            "error: the output cannot be written: No space left on device\n",
        ),
        (
            "mkdir gone && cd gone && rmdir ../gone && expt show",
            4,
            "error: the working directory is gone\n  'cd' to one that exists\n",
        ),
    ],
)  # fmt: skip
def test_a_place_to_write_or_to_stand_that_is_gone_is_an_error_in_words(
    sandbox: Sandbox, line: str, exit_code: int, error: str
) -> None:
    sandbox.write({"experiments/a.py": ONE})
    done = run_in_shell(sandbox, line)
    assert (done.exit_code, done.stderr) == (exit_code, error)


@pytest.mark.inline
def test_odd_names_of_files_and_folders(sandbox: Sandbox) -> None:
    places = [b"\xc3\xbc b\tc/a\nb.py", b"[red].py", b"quo'te\"/x.py", b"\xff.py"]
    for place in places:
        path = os.fsencode(sandbox.root) + b"/experiments/" + place
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(ONE)
        except OSError:
            pytest.skip("the file system has no such names")
    done = sandbox.expt()
    assert done.exit_code == 0, done.stderr
    assert len(sandbox.runs()) == len(places)
    heads = [line for line in sandbox.expt("show").lines if "::experiment_one  1 run" in line]
    assert len(heads) == len(places)
    for run in sandbox.runs():
        compile((run.path / "analysis.py").read_bytes(), "analysis.py", "exec")


@pytest.mark.inline
def test_a_hostile_git_configuration_runs_nothing_and_tells_nothing(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": ONE, ".gitattributes": "* filter=x diff=x\n"})

    def git(*words: str) -> None:
        subprocess.run(["git", *words], cwd=sandbox.root, check=True, capture_output=True)

    git("init", "-q")
    git("add", "-A")
    git("-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x")
    git("config", "remote.origin.url", "https://user:hunter2@example.org/x/y")
    for key in (
        "core.fsmonitor", "diff.external", "diff.x.textconv", "diff.x.command", "filter.x.clean",
        "core.pager", "core.hooksPath",
    ):  # fmt: skip
        git("config", key, f"touch {sandbox.root}/PWNED; cat")
    sandbox.write({"experiments/a.py": ONE + "# changed\n", "more.txt": "more\n"})
    assert sandbox.expt().exit_code == 0
    assert not (sandbox.root / "PWNED").exists()
    run = sandbox.run()
    assert "+# changed" in (run.path / "code/uncommitted.patch").read_text()
    assert not [path for path in run.path.rglob("*.*") if b"hunter2" in path.read_bytes()]


@pytest.mark.inline
def test_no_git_at_all(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": ONE})
    sandbox.environ["PATH"] = str(sandbox.root)
    assert sandbox.expt().exit_code == 0
    assert sandbox.run().status == "completed"


def test_sessions_at_once_under_a_frozen_clock_share_nothing(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": ONE,
            "site/sitecustomize.py": """
                import datetime

                class Frozen(datetime.datetime):
                    @classmethod
                    def now(cls, tz=None):
                        return cls(2026, 1, 1, tzinfo=tz)

                datetime.datetime = Frozen
            """,
        }
    )
    sandbox.environ["PYTHONPATH"] = os.pathsep.join(
        [str(sandbox.root / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    processes = [sandbox.start("experiments/", "-n", "0") for _ in range(2)]
    for process in processes:
        process.communicate(timeout=100)
    assert [process.returncode for process in processes] == [0] * 2
    folders = list((sandbox.root / "runs/a/experiment_one").iterdir())
    assert {folder.name[:20] for folder in folders} == {"2026-01-01_00-00-00_"}
    assert len(sandbox.runs(status="completed")) == len(folders) == 2


# What is typed, and what stands in files


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (Path.mkdir, "this is a folder, where a TOML file is expected\n  at {}\n"),
        (os.mkfifo, "this is no regular file, where a TOML file is expected\n  at {}\n"),
        (
            lambda path: path.symlink_to(path.with_name("gone")),
            "this file cannot be read: No such file or directory\n  at {}\n",
        ),
        (
            lambda path: path.write_bytes(b"a = '\xff'"),
            "this file is not UTF-8: byte 0xff\n  at {}:1\n  save it as UTF-8\n",
        ),
        (
            lambda path: path.write_text("a = " + "[" * 5000 + "]" * 5000),
            "values are nested more than 100 deep\n  at {}\n",
        ),
        (
            lambda path: path.write_text("a = " + "9" * 5000),
            "a number has more than 4300 digits\n  at {}:1\n  write it as text, in quotes\n",
        ),
    ],
    ids=["folder", "fifo", "dangling", "latin", "nested", "digits"],
)  # fmt: skip
@pytest.mark.inline
def test_a_params_toml_that_is_none_is_told_with_its_place(
    sandbox: Sandbox, make: Any, error: str
) -> None:
    sandbox.write({"experiments/a.py": "def experiment_one(a: int = 1): ...\n"})
    make(sandbox.root / "experiments/params.toml")
    done = sandbox.expt()
    assert (done.exit_code, done.stderr) == (4, "error: " + error.format("experiments/params.toml"))
    assert not (sandbox.root / "runs").exists()


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
@pytest.mark.inline
def test_a_conftest_that_is_no_file_is_not_waited_for(sandbox: Sandbox, make: Any) -> None:
    sandbox.write({"experiments/a.py": ONE})
    make(sandbox.root / "experiments/conftest.py")
    done = sandbox.expt()
    assert done.exit_code == 4
    assert done.stderr == (
        "error: this is no file, where Python source is expected\n  at experiments/conftest.py\n"
    )


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, ["--sweep", "a={range=[0,100000000]}"]),
        ({"experiments/params.toml": "[expt.sweep]\na = {range=[0,100000000]}\n"}, []),
        ({"experiments/a.py": f"import expt\n@expt.sweep(a=range(10**8))\n{TWO}"}, []),
        (
            {"experiments/params.toml": f"[expt.sweep]\na = {MANY}\nb = {MANY}\n"},
            [],
        ),
    ],
    ids=["typed", "file", "decorator", "product"],
)  # fmt: skip
@pytest.mark.inline
def test_a_grid_of_a_hundred_million_is_refused_before_it_is_expanded(
    sandbox: Sandbox, files: dict[str, str], words: list[str]
) -> None:
    sandbox.write({"experiments/a.py": TWO, **files})
    done = sandbox.expt(*words)
    assert done.exit_code == 4
    assert done.stderr.startswith(
        "error: the plan has 100,000,000 cases, and no more than 10,000 are allowed\n"
    )


@pytest.mark.inline
def test_what_is_typed_is_never_evaluated(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": "def experiment_one(a='x'): return a\n"})
    text = "__import__('os').mkdir('evaluated')"
    assert sandbox.expt("-p", f"a={text}").exit_code == 0
    assert sandbox.run().results == {"value": text}
    for words in (["-k", text], ["show", "--where", text], ["--sweep", f"a={text}"]):
        sandbox.expt(*words)
    assert not (sandbox.root / "evaluated").exists()


def test_secrets_are_in_no_file_that_expt_writes(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/params.toml": 'api_key = "${MY_KEY}"\n',
            "experiments/a.py": """
                import os, sys
                import expt

                # hunter2
                def experiment_a(api_key: str, token: expt.Secret, log, max_tokens: int = 5):
                    print(api_key, token)
                    os.system(f"echo {api_key}")
                    log.info(token)
                    raise ValueError(f"{api_key} {token} {max_tokens}")

                def experiment_b(api_key: str):
                    print(api_key, flush=True)
                    os._exit(1)
            """,
        }
    )
    sandbox.environ.update(MY_KEY="hunter2", OPENAI_API_KEY="hunter4")
    done = sandbox.expt("-p", "token=hunter3", "-v", render=True)
    assert done.exit_code == 1
    assert sandbox.expt("show", "latest").exit_code == 0
    files = [path for path in (sandbox.root / "runs").rglob("*") if path.is_file()]
    assert [path for path in files if b"hunter" in path.read_bytes()] == []
    assert "hunter" not in done.stdout + done.stderr
    assert outcomes(sandbox)["a"]["error"]["message"] == "*** *** 5"


# Damaged archives among good ones


@pytest.mark.inline
def test_a_damaged_archive_is_named_and_the_others_are_shown(sandbox: Sandbox) -> None:
    sandbox.write(
        {"experiments/a.py": "def experiment_one(track, a: int): track('x', a); return a\n"}
    )
    sandbox.expt("--sweep", "a=0,1,2,3,4,5,6,7,8,9,10,11,12")
    runs = sorted(sandbox.runs(), key=lambda run: run.params["a"])
    records = [run.path / "run.json" for run in runs]
    records[0].write_bytes(b"")
    records[1].write_bytes(records[1].read_bytes()[:50])
    records[2].unlink()
    os.utime(records[2].parent, (0, 0))  # a younger one is about to get its record
    records[3].write_text(json.dumps({**json.loads(records[3].read_text()), "format": 99}))
    records[4].write_text("[" * 100_000)
    records[5].unlink()
    os.mkfifo(records[5])
    records[6].unlink()
    records[6].symlink_to("/etc/passwd")
    shutil.rmtree(runs[7].path / "series")
    (runs[7].path / "series").symlink_to("/etc")
    (runs[8].path / "series/scalars.bin").write_bytes(b"torn")
    (runs[9].path / "output.log").unlink()
    (runs[9].path / "output.log").symlink_to("/etc/passwd")
    (runs[10].path / "artifacts").symlink_to("/etc")
    done = sandbox.expt("show", "--json")
    assert done.exit_code == 0, done.stderr
    shown = {row["params"]["a"] for row in done.json()}
    assert shown == {7, 8, 9, 10, 11, 12}
    assert done.stderr.count("warning: ") == 7
    for run in runs[7:]:
        detail = sandbox.expt("show", run.path)
        assert detail.exit_code == 0, detail.stderr
        assert "root:" not in detail.stdout
    assert sandbox.expt("-p", "a=1").exit_code == 0


def test_a_run_whose_owner_is_gone_is_lost_wherever_it_is_read(sandbox: Sandbox) -> None:
    sandbox.write(
        {"experiments/a.py": "import time\ndef experiment_a(track): track('x', 1); time.sleep(9)\n"}
    )
    process = sandbox.start("experiments/")
    deadline = time.monotonic() + 60
    while not any("x" in run.series for run in sandbox.runs()) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    while sandbox.run().status == "running" and time.monotonic() < deadline:
        time.sleep(0.02)
    run = sandbox.run()
    assert (run.status, run.series["x"].last) == ("lost", 1)
    (shown,) = sandbox.expt("show", "--status", "lost", "--json").json()
    assert (shown["status"], shown["last"]) == ("lost", {"x": 1})
