"""The next run does not notice what a run changed in its process, whatever it was."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from expt.running.isolation import STATE, preserved_state

if TYPE_CHECKING:
    from expt.testing import Sandbox

# kind → what a run does to it, and an expression of what a run sees of it
CHANGES = {
    "environment variables": (
        "os.environ['WILD'] = '1'; os.environ.pop('HOME', None)",
        "sorted(item for item in os.environ.items() if item[0] != 'EXPT_RUN')",  # of the run
    ),
    "time zone": (
        "os.environ['TZ'] = 'Asia/Tokyo'; time.tzset(); del os.environ['TZ']",
        "[time.strftime('%Z'), time.localtime(0).tm_gmtoff]",
    ),
    "working directory": ("os.chdir('/')", "os.getcwd()"),
    "umask": ("os.umask(0o777)", "(os.umask(0o022), os.umask(0o022))[0]"),
    "locale": ("locale.setlocale(locale.LC_CTYPE, 'C')", "locale.setlocale(locale.LC_ALL)"),
    "priority": ("os.nice(1)", "os.getpriority(os.PRIO_PROCESS, 0)"),
    "processors": (
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})",
        "sorted(os.sched_getaffinity(0))",
    ),
    "resource limits": (
        "resource.setrlimit(resource.RLIMIT_NOFILE,"
        " (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))",
        "resource.getrlimit(resource.RLIMIT_NOFILE)[0]",
    ),
    "signal handlers": (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); pipe = os.pipe();"
        " os.set_blocking(pipe[1], False); signal.set_wakeup_fd(pipe[1])",
        "[str(signal.getsignal(signal.SIGTERM)), signal.set_wakeup_fd(-1) != -1]",
    ),
    "signal mask": (
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGINT])",
        "len(signal.pthread_sigmask(signal.SIG_BLOCK, []))",
    ),
    "timers": (
        "signal.setitimer(signal.ITIMER_PROF, 1000)",
        "signal.getitimer(signal.ITIMER_PROF)[0] > 0",
    ),
    "watchdog": (
        "faulthandler.dump_traceback_later(0.3, repeat=True)",
        "[time.sleep(0.6 if faulthandler in WATCHED else 0), WATCHED.append(faulthandler),"
        " 'Timeout' in open(run.path / 'output.log').read()][2]",
    ),
    "sys.argv": (
        "sys.argv = ['x']; argv.append('y')",
        "[sys.argv[1:], argv[1:], sys.argv is argv]",
    ),
    "sys.path": ("sys.path.insert(0, '/wild')", "sys.path[0]"),
    "import hooks": (
        "sys.meta_path.insert(0, WILD); sys.dont_write_bytecode = not sys.dont_write_bytecode",
        "[len(sys.meta_path), sys.dont_write_bytecode]",
    ),
    "interpreter's limits": (
        "sys.setrecursionlimit(300); sys.set_int_max_str_digits(700);"
        " sys.setswitchinterval(0.5); threading.stack_size(1 << 20)",
        "[sys.getrecursionlimit(), sys.get_int_max_str_digits(), sys.getswitchinterval(),"
        " threading.stack_size()]",
    ),
    "hooks of the interpreter": (
        "sys.excepthook = sys.unraisablehook = sys.displayhook = threading.excepthook = print;"
        " sys.set_asyncgen_hooks(firstiter=print)",
        "[hook is print for hook in (sys.excepthook, sys.unraisablehook, sys.displayhook,"
        " threading.excepthook, sys.get_asyncgen_hooks().firstiter)]",
    ),
    "trace functions": (
        "threading.setprofile(WILD)",
        "threading.getprofile() is WILD if hasattr(threading, 'getprofile')"
        " else threading._profile_hook is WILD",
    ),
    "garbage collector": (
        "gc.disable(); gc.set_threshold(7)",
        "[gc.isenabled(), gc.get_threshold()]",
    ),
    "builtins": (
        "builtins.sorted = reversed; builtins.profile = 1; del builtins.exit",
        "[builtins.sorted is reversed, hasattr(builtins, 'profile'), hasattr(builtins, 'exit')]",
    ),
    "error handlers of codecs": (
        "codecs.register_error('replace', WILD)",
        "codecs.lookup_error('replace') is WILD",
    ),
    "logging": (
        "library = logging.getLogger('library'); library.setLevel(50); library.disabled = True;"
        " library.propagate = False; library.addHandler(logging.NullHandler());"
        " library.addFilter(print); logging.disable(60); logging.captureWarnings(True);"
        " logging.getLogger('new').addHandler(logging.NullHandler())",
        "[look_at('library'), look_at('new'), logging.root.manager.disable,"
        " logging._warnings_showwarning is None]",
    ),
    "warnings": (
        "warnings.simplefilter('error'); warnings.showwarning = print",
        "[len(warnings.filters), warnings.showwarning is print]",
    ),
    "random": (None, None),
    "decimal": (
        "decimal.getcontext().prec = 3; decimal.DefaultContext.prec = 4",
        "[decimal.getcontext().prec, decimal.DefaultContext.prec]",
    ),
    "socket timeout": ("socket.setdefaulttimeout(0.001)", "socket.getdefaulttimeout()"),
    "folder of temporary files": ("tempfile.tempdir = '/nowhere'", "tempfile.gettempdir()"),
    "start method": (
        "multiprocessing.set_start_method('spawn')",
        "multiprocessing.get_start_method(allow_none=True)",
    ),
    "event loop": (
        "asyncio.set_event_loop(asyncio.new_event_loop());"
        " asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())",
        "asyncio.events._event_loop_policy is None",
    ),
    "numpy": ("np.seterr(all='raise')", "np.geterr()['divide']"),
    "numpy.random": (
        "np.random.set_bit_generator(np.random.PCG64(1))",
        "type(np.random.get_bit_generator()).__name__",
    ),
    "matplotlib": (
        "import matplotlib.pyplot as plt; matplotlib.rcParams['figure.dpi'] = 7;"
        " plt.switch_backend('svg'); plt.figure();"
        " matplotlib.colormaps.register(matplotlib.colormaps['magma'], name='wild')",
        "[matplotlib.rcParams['figure.dpi'], 'wild' in matplotlib.colormaps, plt.get_backend(),"
        " plt._backend_mod is not None, plt.get_fignums()]",
    ),
}  # fmt: skip
# what the table does not hold: put back by other means
OTHERS = {
    "context variables": ("VARIABLE.set(1)", "VARIABLE.get(0)"),
    "standard streams": (
        "sys.stdout = sys.stderr = sys.__stdout__ = None; os.close(0); os.close(1); os.close(2)",
        "[sys.stdout is None, len(os.listdir('/dev/fd'))]",
    ),
}
HEADER = """
import asyncio, builtins, codecs, contextvars, decimal, faulthandler, gc, locale, logging
import multiprocessing, os, random, resource, signal, socket, sys, tempfile, threading, time
import warnings
from sys import argv
import matplotlib, numpy as np
import matplotlib.pyplot as plt

VARIABLE = contextvars.ContextVar("VARIABLE")
WATCHED = []

class WILD:
    find_spec = staticmethod(lambda *_: None)

def look_at(name):
    made = logging.getLogger(name)
    return [made.level, made.disabled, made.propagate, len(made.handlers), len(made.filters)]

logging.getLogger("library")
"""


def _experiments() -> str:
    text = HEADER
    for place, (change, look) in enumerate({**CHANGES, **OTHERS}.values()):
        if change is None:
            continue
        for moment, body in (("a", "pass"), ("b", change), ("c", "pass")):
            text += f"\ndef experiment_{place:02}_{moment}(results, run):\n"
            text += f"    {body}\n" if moment == "b" else ""
            text += f"    results['seen'] = {look}\n"
    return text


@pytest.fixture(scope="module")
def seen(shared_sandbox: Sandbox) -> dict[str, list[Any]]:
    """By kind: what a run saw before one that changes it, that one itself, and the next one."""
    shared_sandbox.write({"experiments/all.py": _experiments()})
    shared_sandbox.environ["HOME"] = str(shared_sandbox.root)
    done = shared_sandbox.expt("-q")
    assert done.exit_code == 0, done.stdout + done.stderr
    runs = shared_sandbox.runs()
    found = {run.experiment.partition("::")[2]: run.results["seen"] for run in runs}
    return {
        name: [found[f"experiment_{place:02}_{moment}"] for moment in "abc"]
        for place, (name, (change, _)) in enumerate({**CHANGES, **OTHERS}.items())
        if change is not None
    }


@pytest.mark.parametrize(
    "name", [name for name, (change, _) in (CHANGES | OTHERS).items() if change]
)
def test_what_a_run_changes_the_next_one_does_not_see(
    seen: dict[str, list[Any]], name: str
) -> None:
    """case: state-left, and every other kind of state."""
    before, within, after = seen[name]
    assert after == before
    assert within != before


def test_every_line_of_the_table_has_a_test() -> None:
    assert list(CHANGES) == [kind.name for kind in STATE]


def test_the_randomness_of_the_caller_goes_on() -> None:
    import random

    random.seed(1)
    np.random.seed(1)
    expected = random.random(), np.random.rand()
    random.seed(1)
    np.random.seed(1)
    with preserved_state():
        random.random()
        np.random.rand()
        np.seterr(all="raise")
        np.set_printoptions(precision=2)
    assert (random.random(), np.random.rand()) == expected
    assert np.geterr()["divide"] == "warn"
    assert np.get_printoptions()["precision"] == 8


def test_the_alarm_of_whoever_runs_us_goes_on() -> None:
    """With -n 0 that of --timeout holds for analyses and teardowns too, as with workers."""
    try:
        signal.setitimer(signal.ITIMER_REAL, 1000, 5)
        with preserved_state():
            signal.setitimer(signal.ITIMER_REAL, 0)
        left, interval = signal.getitimer(signal.ITIMER_REAL)
        assert 0 < left < 1000
        assert interval == 5
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def test_what_cannot_be_put_back_is_said_by_its_name() -> None:
    told: list[str] = []
    folder = os.getcwd()
    kept = os.chdir
    with preserved_state(told.append):
        os.chdir("/")
        os.chdir = lambda _: (_ for _ in ()).throw(PermissionError("not any more"))  # type: ignore
    os.chdir = kept
    os.chdir(folder)
    assert told == ["working directory (not any more)"]


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit, ValueError])
def test_state_is_put_back_whatever_is_raised(raised: type[BaseException]) -> None:
    limit = sys.getrecursionlimit()
    with contextlib.suppress(raised), preserved_state():
        sys.setrecursionlimit(limit + 7)
        raise raised
    assert sys.getrecursionlimit() == limit


def test_a_start_method_is_set_in_every_case(sandbox: Sandbox) -> None:
    """case: set-start-method-second-case"""
    sandbox.write(
        {
            "experiments/a.py": """
                import multiprocessing as mp

                def square(x):
                    return x * x

                def experiment_a(n: int = 2):
                    mp.set_start_method("spawn")
                    with mp.Pool(1) as pool:
                        return sum(pool.map(square, range(n)))
            """
        }
    )
    done = sandbox.expt("--sweep", "n=2,3")
    assert done.exit_code == 0, done.stdout
    assert [run.results["value"] for run in sandbox.runs()] == [5, 1]


def test_an_experiment_has_an_argv_of_its_own(sandbox: Sandbox) -> None:
    """case: argv-of-expt-seen-by-experiments"""
    sandbox.write(
        {
            "experiments/script.py": """
                import argparse, sys

                parser = argparse.ArgumentParser()
                parser.add_argument("-n", type=int, default=10)
                AT_IMPORT = parser.parse_args().n

                def experiment_a():
                    return {"n": [AT_IMPORT, parser.parse_args().n], "argv": sys.argv}

                def analysis_a(run):
                    run.note = sys.argv
            """
        }
    )
    script = str(sandbox.root / "experiments" / "script.py")
    for workers in ("0", "1", "2"):
        done = sandbox.expt("-n", workers)
        assert done.exit_code == 0, done.stdout + done.stderr
        assert sandbox.run().results == {"n": [10, 10], "argv": [script]}


def test_running_here_leaves_the_arguments_of_this_process(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": "def experiment_a(): ...\n",
            "call.py": """
                import sys
                import expt

                expt.run("experiments", options=["-n", "0", "--no-render"])
                print(sys.argv[1:])
            """,
        }
    )
    done = sandbox.python("call.py", "--mine")
    assert done.stdout.splitlines()[-1] == "['--mine']", done.stdout + done.stderr


def test_a_run_that_died_leaves_no_unfinished_files(sandbox: Sandbox) -> None:
    temporary = sandbox.root / "temporary"
    temporary.mkdir()
    sandbox.environ["TMPDIR"] = str(temporary)
    sandbox.write(
        {
            "experiments/a.py": """
                import os

                def experiment_a(archive, tmp_path):
                    (tmp_path / "big").write_text("x")
                    archive.save("kept.txt", "whole")
                    for folder in (archive.path, archive.path / "artifacts"):
                        (folder / "%tmp-1-1").write_text("half")
                    os._exit(3)
            """
        }
    )
    assert sandbox.expt().exit_code == 1
    names = [path.name for path in sandbox.run().path.rglob("*")]
    assert "kept.txt" in names
    assert [name for name in names if name.startswith("%tmp-")] == []
    assert list(temporary.glob("expt-*")) == []
