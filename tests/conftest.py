"""The sandbox of `expt.testing`, whose commands start warm."""

from __future__ import annotations

import faulthandler
import gc
import itertools
import os
import re
import threading
from functools import partial
from math import inf
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import pytest
from covered_forks import cover_forks
from warm_start import (
    WarmProcess,
    connect,
    may_start_warm,
    own_servers,
    places,
    start_workers_warm,
)

from expt.testing import Done, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


class WarmSandbox(Sandbox):
    """A sandbox whose commands are forked from a process that has done the imports.

    With `inline` the runs of a session are in its own process, where its words say nothing of
    workers: two processes fewer, for half of the price. With `engines` it has imported them too.
    """

    engines = False

    def __init__(self, root: Path, *, inline: bool = False) -> None:
        super().__init__(root)
        self.inline = inline and not os.environ.get("EXPT_COLD_TESTS")

    def start(self, *words: str | Path, cwd: Path | str | None = None, render: bool = False) -> Any:
        environment = self._environment()
        if not may_start_warm(environment):
            return super().start(*words, cwd=cwd, render=render)
        place = str((self.root / (cwd or ".")).resolve())
        told = self._words(words, render)
        return WarmProcess(told, place, environment, draws=render, engines=self.engines)

    def _words(self, words: Sequence[str | Path], render: bool) -> list[str]:
        told = super()._words(words, render)
        of_workers = any(word.startswith(_OF_WORKERS) for word in told)
        return [*told, "-n", "0"] if self.inline and self._runs(words) and not of_workers else told

    def python(self, script: str | Path, *words: str, cwd: Path | str | None = None) -> Done:
        environment = self._environment()
        if not may_start_warm(environment):
            return super().python(script, *words, cwd=cwd)
        place = str((self.root / (cwd or ".")).resolve())
        told = [str(script), *words]
        process = WarmProcess(told, place, environment, draws=True, python=True)
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
        return Done(process.wait(), out, err)


_OF_WORKERS: Final = ("-n", "--pdb", "--executor", "--isolate", "--devices")


@pytest.hookimpl(trylast=True)  # once coverage has begun
def pytest_sessionstart(session: pytest.Session) -> None:
    cover_forks()
    if hasattr(session.config, "workerinput"):
        places.append(Path(session.config.workerinput["servers"]))
    if not os.environ.get("EXPT_COLD_TESTS"):
        start_workers_warm(partial(connect, "plain"))
    _leave_controller_in_forks(session.config)
    threading.Thread(target=_end_what_hangs, args=(os.dup(2),), daemon=True).start()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """The processes of `pytest -n` share the servers that commands are forked from."""
    node.workerinput["servers"] = str(own_servers().place)


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """What is collected stays: the collector need not look through it, now and after each test."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], SELDOM)
    gc.enable()


SELDOM: Final = 100
"""Collections of the middle generation before one of all: the little that is garbage can wait."""


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """What is left is looked through once: pytest does so five times more."""
    gc.collect()
    gc.freeze()


# What hangs

HANGS: Final = 330.0
"""Seconds in which a part of a test has ended: above the limit of each."""

limits = {"test": inf}
"""When this process ends, if the part of a test that runs does not."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    limits["test"] = monotonic() + HANGS


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    limits["test"] = monotonic() + HANGS


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    limits["test"] = monotonic() + HANGS


def pytest_runtest_logfinish() -> None:
    limits["test"] = inf


def _end_what_hangs(stderr: int) -> None:
    """End this process, with a traceback of each thread, if a test stands still.

    The limit of `pytest-timeout` is one signal, which code under test may block, handle or take for
    an error of its own; there is none for what follows a failure, a second try included. xdist
    tells which test a process ended with, and starts another one.
    """
    while True:
        sleep(1)
        if monotonic() > limits["test"]:
            faulthandler.dump_traceback(stderr)
            os._exit(1)


def _leave_controller_in_forks(config: pytest.Config) -> None:
    """Have forks of this process close the pipes to xdist's controller.

    It learns by their ends that a process has died, and would wait for the last of its forks.
    """
    for plugin in config.pluginmanager.get_plugins():
        if type(plugin).__name__ == "WorkerInteractor":
            pipes = plugin.channel.gateway._io
            ends = (pipes.infile.fileno(), pipes.outfile.fileno())
            os.register_at_fork(after_in_child=partial(_lead_nowhere, ends))


def _lead_nowhere(descriptors: Iterable[int]) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(null, descriptor, inheritable=False)
    os.close(null)


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A folder of the test's own, as pytest's is, without a link to the newest that each renews.

    An ext4 without a journal looks for each new place past all that were just deleted.
    """
    name = re.sub(r"\W", "_", request.node.name)[:30]
    return tmp_path_factory.mktemp(f"{next(_folders)}-{name}", numbered=False)


_folders: Final = itertools.count()


@pytest.fixture
def sandbox(tmp_path: Path, request: pytest.FixtureRequest) -> Sandbox:
    """An empty project in a temporary folder."""
    root = tmp_path / "project"
    root.mkdir()
    return WarmSandbox(root, inline=_is_inline(request))


@pytest.fixture(scope="module")
def new_sandbox(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Callable[[], Sandbox]:
    """What makes projects that some tests of one module share: run once, looked at by all of them.

    A test of many cases is one session of many experiments so, and each case a test of its own.
    """
    inline = _is_inline(request)
    return lambda: WarmSandbox(tmp_path_factory.mktemp("project"), inline=inline)


@pytest.fixture(scope="module")
def shared_sandbox(new_sandbox: Callable[[], Sandbox]) -> Sandbox:
    """The project that all tests of one module share."""
    return new_sandbox()


def _is_inline(request: pytest.FixtureRequest) -> bool:
    """Whether what is tested is the same wherever the runs are: the nearest mark says so."""
    mark = request.node.get_closest_marker("inline")
    return mark is not None and mark.args != (False,)


# Side by side

_CONTRACT = "test_executor_contract.py"
FIRST = (
    *(f"{_CONTRACT}::TestSlurm", "test_page.py", "test_slurm_jobs.py", "test_examples.py"),
    *(f"{_CONTRACT}::TestExecutorlib", "test_docs.py", f"{_CONTRACT}::TestDask"),
    *("test_typing.py", f"{_CONTRACT}::TestLoky", "test_in_pytest.py", _CONTRACT),
    "test_damage.py",
)
"""What takes longest, by how its node ids begin: begun last, it would be waited for alone. Engines'
tests wait for most of their time: each stands between some that compute."""
SLOW = frozenset(begins.partition("::")[0] for begins in FIRST)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first; the order is otherwise that of the files."""
    items.sort(key=_place_of)
    few = os.environ.get("EXPT_FEW_TESTS")
    if few:
        items[:] = _few(items, int(few))


def _place_of(item: pytest.Item) -> int:
    node_id = item.nodeid.removeprefix("tests/")
    found = (place for place, begins in enumerate(FIRST) if node_id.startswith(begins))
    return next(found, len(FIRST)) if item.path.name in SLOW else len(FIRST)


def _few(items: list[pytest.Item], most: int) -> list[pytest.Item]:
    """So many functions of each module that does not take long, each with one set of values."""
    functions: dict[str, dict[str, pytest.Item]] = {}
    for item in items:
        if item.path.name not in SLOW:
            function = item.nodeid.partition("[")[0]
            functions.setdefault(item.path.name, {}).setdefault(function, item)
    return [item for found in functions.values() for item in list(found.values())[:most]]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """For `-n auto`: more than there are processors, since tests wait for half of their time."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ or not hasattr(os, "sched_getaffinity"):
        return None
    processors = len(os.sched_getaffinity(0))
    return processors + min(2 * processors, 4)  # each has collected all tests, and takes memory


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Modules and classes stay whole, so that what their tests share is made once."""
    if config.getoption("dist") != "load":
        return None
    from xdist.scheduler import LoadScopeScheduling

    config.option.loadscopereorder = False
    return LoadScopeScheduling(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(call: pytest.CallInfo[Any]) -> None:
    """Give each entry of a traceback a line, so that a failure is reported and not fatal.

    What a signal or a garbage collection raises may come from an instruction without a line, for
    which pytest's report ends with a `TypeError` that ends the session.
    """
    if call.excinfo is not None:
        for error in _chain(call.excinfo.value, set()):
            error.__traceback__ = _with_lines(error.__traceback__)
        call.excinfo = pytest.ExceptionInfo.from_exception(call.excinfo.value)


def _chain(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    if error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        for other in (error.__cause__, error.__context__, *getattr(error, "exceptions", ())):
            yield from _chain(other, seen)


def _with_lines(entry: TracebackType | None) -> TracebackType | None:
    if entry is None:
        return None
    line: int | None = entry.tb_lineno
    line = entry.tb_frame.f_code.co_firstlineno if line is None else line
    return TracebackType(_with_lines(entry.tb_next), entry.tb_frame, entry.tb_lasti, line)
