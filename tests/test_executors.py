"""The contract that every executor passes, and what worker processes add to it."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import select
import signal
import sys
import threading
import time
from concurrent.futures import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from expt.executors.inline import InlineExecutor
from expt.executors.starting import ForkStarter
from expt.executors.workers import CLOSE, ExecutorBroken, WorkerExecutor
from expt.ground.errors import ExptError, UsageError, WorkerError
from expt.ground.messages import (
    Answer,
    Begin,
    Executor,
    Notice,
    RenderRequest,
    RunFinished,
    RunRendered,
    RunRequest,
    RunStarted,
)
from expt.ground.model import Case, Experiment, Outcome
from expt.ground.options import KeepingOptions, Options, RunningOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from expt.executors.death import Death
    from expt.executors.wire import Connection

CASE = Case(Experiment("a.py::experiment_x", "a.py", "experiment_x", 1), None, {}, {})
OPTIONS = Options(Path("/"), Path("/"), KeepingOptions(Path("/runs")))


def request(text: str) -> RenderRequest:
    """A request whose path tells the worker what to do."""
    return RenderRequest(text)


def work_on(text: str, report: Callable[[Any], None]) -> RunRendered:
    """What the workers of these tests do."""
    verb, _, rest = text.partition(" ")
    if verb == "tell":
        report(Notice(rest))
    elif verb == "refuse":
        raise UsageError(rest, "here", "do that")
    elif verb == "sleep":
        report(Notice("sleeping"))
        time.sleep(float(rest))
    elif verb == "meet":
        folder, _, count = rest.partition(" ")
        Path(folder, str(os.getpid())).touch()
        end = time.monotonic() + 60
        while len(os.listdir(folder)) < int(count) and time.monotonic() < end:
            time.sleep(0.01)
    elif verb == "die":
        os.kill(os.getpid(), int(rest))
    elif verb == "exit":
        os._exit(int(rest))
    elif verb == "start":
        report(RunStarted("case", "id", "/archive", os.getpid(), 0.0))
    elif verb == "lose":
        raise WorkerError("nobody knows what state this is in")
    elif verb == "claim":
        report(RunStarted("case", "id", "/archive", os.getpid(), 0.0))
        os.kill(os.getpid(), signal.SIGKILL)
    elif verb == "child":
        if os.fork() == 0:
            time.sleep(1000)
            os._exit(0)
    elif verb == "thread":
        threading.Thread(target=time.sleep, args=(1000,)).start()
    return RunRendered(f"{verb} by {os.getpid()}", (rest,))


def serve(connection: Connection, role: str) -> None:
    faulthandler.disable()  # pytest's would tell of the crashes that are asked for here
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with contextlib.suppress(EOFError):
        while (asked := connection.receive()) != CLOSE:
            if isinstance(asked, Begin):
                continue
            text = asked.case.id if isinstance(asked, RunRequest) else asked.path
            try:
                connection.send(Answer(work_on(text, connection.send)))
            except ExptError as error:
                connection.send(Answer(error=error))
            except KeyboardInterrupt:
                connection.send(Answer(RunRendered("interrupted", ())))


class Workplace:
    """The same work, here."""

    def __init__(self, report: Callable[[Any], None]) -> None:
        self._report = report
        self.closed = False

    def answer(self, asked: Any) -> Any:
        return work_on(asked.path, self._report)

    def close(self) -> None:
        self.closed = True


def bury(asked: Any, death: Death) -> RunRendered:
    return RunRendered("buried", (death.how, str(death.asked), str(death.started is not None)))


@contextlib.contextmanager
def open_workers(
    size: int = 1, serving: Any = serve, starter: Any = None, **running: Any
) -> Iterator[tuple[WorkerExecutor, list[Any]]]:
    events: list[Any] = []
    begin = Begin(attrs.evolve(OPTIONS, running=RunningOptions(**running)))
    executor = WorkerExecutor(
        starter or ForkStarter(serving),
        size=size,
        role="run",
        begin=lambda: begin,
        on_event=events.append,
        bury=bury,
    )
    try:
        yield executor, events
    except BaseException:  # nobody waits for what a test that failed has begun
        executor.interrupt(kill=True)
        raise
    finally:
        executor.shutdown(cancel_futures=True)


@pytest.fixture(params=["inline", "workers"])
def executor(request: pytest.FixtureRequest) -> Iterator[tuple[Executor, list[Any]]]:
    if request.param == "inline":
        events: list[Any] = []
        yield InlineExecutor(Workplace, events.append), events
        return
    with open_workers() as opened:
        yield opened


def test_a_reply_comes_back(executor: tuple[Executor, list[Any]]) -> None:
    future = executor[0].submit(request("echo words"))
    assert future.result(timeout=60).files == ("words",)


def test_replies_come_back_each_to_its_own_future(executor: tuple[Executor, list[Any]]) -> None:
    futures = [executor[0].submit(request(f"echo {n}")) for n in range(50)]
    assert [future.result(timeout=60).files for future in futures] == [(str(n),) for n in range(50)]


def test_a_mistake_is_raised_as_what_it_is(executor: tuple[Executor, list[Any]]) -> None:
    future = executor[0].submit(request("refuse something"))
    with pytest.raises(UsageError) as raised:
        future.result(timeout=60)
    assert str(raised.value) == "something\n  at here\n  do that"


def test_events_come_before_the_reply(executor: tuple[Executor, list[Any]]) -> None:
    executor[0].submit(request("tell news")).result(timeout=60)
    assert executor[1] == [Notice("news")]


def test_after_shutdown_everything_is_done(executor: tuple[Executor, list[Any]]) -> None:
    future = executor[0].submit(request("sleep 0.1"))
    executor[0].shutdown()
    assert future.done()


@pytest.mark.parametrize(
    ("end", "how"),
    [
        (f"die {int(signal.SIGKILL)}", "was killed by SIGKILL"),
        (f"die {int(signal.SIGSEGV)}", "was killed by SIGSEGV"),
        ("exit 0", "ended with exit code 0"),
        ("exit 7", "ended with exit code 7"),
    ],
)
def test_a_dead_worker_is_buried_and_replaced(end: str, how: str) -> None:
    with open_workers() as (executor, _):
        first = executor.submit(request("echo a")).result(timeout=60)
        dead = executor.submit(request(end)).result(timeout=60)
        after = executor.submit(request("echo b")).result(timeout=60)
    assert dead.files == (how, "None", "False")
    assert after.path != first.path


def test_what_a_worker_said_before_it_died_is_known() -> None:
    with open_workers() as (executor, events):
        dead = executor.submit(request("claim")).result(timeout=60)
    assert dead.files == ("was killed by SIGKILL", "None", "True")
    assert isinstance(events[0], RunStarted)


def test_what_a_worker_said_is_known_also_where_its_end_is_heard_of_first() -> None:
    ready, go = os.pipe()

    def waits(connection: Connection, role: str) -> None:
        with contextlib.suppress(EOFError):
            while (asked := connection.receive()) != CLOSE:
                if isinstance(asked, Begin):
                    continue
                if asked.path == "claim":
                    os.read(ready, 1)
                connection.send(Answer(work_on(asked.path, connection.send)))

    starter = ForkStarter(waits)

    def hear(event: Any) -> None:
        if isinstance(event, Notice):  # meanwhile the other one speaks, and dies
            os.write(go, b".")
            assert select.select([starter.fileno()], [], [], 60)[0]

    executor = WorkerExecutor(
        starter, size=2, role="run", begin=lambda: Begin(OPTIONS), on_event=hear, bury=bury
    )
    dead = executor.submit(request("claim"))
    while not dead.running():
        time.sleep(0.01)
    executor.submit(request("tell news")).result(timeout=60)
    assert dead.result(timeout=60).files == ("was killed by SIGKILL", "None", "True")
    executor.shutdown()
    os.close(ready)
    os.close(go)


def test_what_a_worker_said_of_an_earlier_request_is_not_said_of_the_next() -> None:
    with open_workers() as (executor, _):
        executor.submit(request("start")).result(timeout=60)
        dead = executor.submit(request("exit 3")).result(timeout=60)
    assert dead.files == ("ended with exit code 3", "None", "False")


def test_a_worker_whose_state_nobody_knows_gets_no_other_request() -> None:
    with open_workers() as (executor, _):
        first = executor.submit(request("echo a")).result(timeout=60)
        with pytest.raises(WorkerError):
            executor.submit(request("lose")).result(timeout=60)
        assert executor.submit(request("echo b")).result(timeout=60).path != first.path


def test_one_worker_lives_for_many_requests_and_isolation_gives_each_its_own() -> None:
    with open_workers() as (executor, _):
        paths = {executor.submit(request("echo x")).result(timeout=60).path for _ in range(5)}
    assert len(paths) == 1
    with open_workers(isolate=True) as (executor, _):
        paths = {executor.submit(request("echo x")).result(timeout=60).path for _ in range(3)}
    assert len(paths) == 3


def test_several_workers_work_at_once(tmp_path: Path) -> None:
    """Each of the three waits until the others have begun."""
    with open_workers(size=3) as (executor, _):
        futures = [executor.submit(request(f"meet {tmp_path} 3")) for _ in range(3)]
        assert len({future.result(timeout=90).path for future in futures}) == 3


def test_an_interrupt_cancels_the_queue_and_reaches_what_runs() -> None:
    with open_workers() as (executor, events):
        running = executor.submit(request("sleep 100"))
        queued = executor.submit(request("echo never"))
        while not events:  # an interrupt that comes before it works ends the worker instead
            time.sleep(0.01)
        executor.interrupt()
        assert running.result(timeout=60).path == "interrupted"
        assert queued.cancelled()


def test_a_kill_ends_what_does_not_listen() -> None:
    with open_workers() as (executor, _):
        running = executor.submit(request("sleep 60"))
        while not running.running():
            time.sleep(0.01)
        executor.interrupt(kill=True)
        assert running.result(timeout=60).files[:2] == ("was killed by SIGKILL", "interrupted")


def test_a_run_over_its_time_is_asked_to_end() -> None:
    def started_then_sleeps(connection: Connection, role: str) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        connection.receive()
        connection.send(RunStarted("case", "id", "/archive", os.getpid(), 0.0))
        time.sleep(60)

    with open_workers(serving=started_then_sleeps, timeout=0.2) as (executor, _):
        future = executor.submit(RunRequest(CASE))
        assert future.result(timeout=60).files == ("was killed by SIGINT", "timeout", "True")


@pytest.mark.parametrize("left_behind", ["child", "thread"])
def test_what_a_run_leaves_behind_does_not_hold_the_session(left_behind: str) -> None:
    """It would be held for longer than a test may take."""
    with open_workers() as (executor, _):
        executor.submit(request(left_behind)).result(timeout=60)


def test_a_users_object_cannot_travel() -> None:
    class Mine:
        pass

    Mine.__qualname__ = "Mine"
    import expt.executors.wire as wire

    with pytest.raises(WorkerError, match=r"holds a 'collections\.Counter'"):
        import collections

        wire.unpack(wire.pack(collections.Counter("a"))[8:])


def test_the_helper_dies_with_its_parent() -> None:
    read, write = os.pipe()
    parent = os.fork()
    if parent == 0:
        os.close(read)
        starter = ForkStarter(serve)
        pid, _ = starter.start("run")
        os.write(write, str(pid).encode())
        os._exit(0)
    os.close(write)
    pid = int(os.read(read, 32))
    os.close(read)
    os.waitpid(parent, 0)
    wait_until_gone(pid)


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and is_alive(pid):
        time.sleep(0.02)
    assert not is_alive(pid)


def test_starters_share_a_helper_and_each_is_closed_for_itself() -> None:
    starter = ForkStarter(serve)
    other = starter.another()
    with contextlib.ExitStack() as stack:
        pids = []
        for one in (starter, other):
            pid, connection = one.start("run")
            stack.callback(connection.close)
            pids.append(pid)
        starter.close()
        starter.close()
        wait_until_gone(pids[0])
        assert is_alive(pids[1])
        assert other.ended() == []
        other.close()
        wait_until_gone(pids[1])


@pytest.mark.skipif(sys.platform != "linux", reason="the system does it on Linux alone")
def test_a_worker_ends_when_its_helper_and_its_parent_are_killed_at_once() -> None:
    """It is in the middle of a request, and so is what it started."""
    read, write = os.pipe()
    parent = os.fork()
    if parent == 0:
        os.close(read)
        starter = ForkStarter(serve_a_child)
        pid, connection = starter.start("run")
        helper, child = connection.receive()
        os.write(write, f"{helper} {pid} {child}".encode())
        time.sleep(60)
        os._exit(0)
    os.close(write)
    helper, *left = map(int, os.read(read, 64).split())
    os.close(read)
    for pid in (helper, parent):
        os.kill(pid, signal.SIGSTOP)
    for pid in (helper, parent):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(parent, 0)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and any(map(is_alive, left)):
        time.sleep(0.02)
    assert not any(map(is_alive, left))


def serve_a_child(connection: Connection, role: str) -> None:
    child = os.fork()
    if child == 0:
        time.sleep(300)
        os._exit(0)
    connection.send((os.getppid(), child))
    time.sleep(300)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# What a worker may do to its connection, its helper and its parent


def garble(connection: Connection, role: str) -> None:
    """Answer, but to one request: write rubbish to the descriptor of the connection."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with contextlib.suppress(EOFError):
        while (asked := connection.receive()) != CLOSE:
            if isinstance(asked, Begin):
                continue
            verb, _, rest = asked.path.partition(" ")
            if verb == "write":
                os.write(connection.fileno(), bytes.fromhex(rest))
                time.sleep(60)
            elif verb == "close":
                os.close(connection.fileno())
                time.sleep(60)
            elif verb == "send":
                connection.send("no event")
                time.sleep(60)
            elif verb == "parent":
                os.kill(os.getppid(), int(rest))
            elif verb == "stop":
                connection.send(Notice("stops"))
                os.kill(os.getpid(), signal.SIGSTOP)
            connection.send(Answer(RunRendered("answered", ())))


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("workers", "one_worker"):
        monkeypatch.setattr(f"expt.executors.{module}.GRACE", 0.5)


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("write " + "ff" * 64, "sent what cannot be read, and was ended"),
        ("write " + "00" * 64, "sent what cannot be read, and was ended"),
        ("write 65787074ffffffff", "sent what cannot be read, and was ended"),
        ("write 657870740300000080056e", "sent what cannot be read, and was ended"),
        ("send", "sent what cannot be read, and was ended"),
        ("close", "closed its connection to the session, and was ended"),
    ],
)
def test_a_worker_that_cannot_be_heard_is_buried_and_its_neighbour_goes_on(
    text: str, how: str, short_grace: None
) -> None:
    """case: executor-hang, case: one-worker-fails-session"""
    with open_workers(2, serving=garble) as (executor, _):
        bad, good = executor.submit(request(text)), executor.submit(request("ok"))
        assert good.result(timeout=60).path == "answered"
        assert bad.result(timeout=60).files == (how, "None", "False")
        assert executor.submit(request("ok")).result(timeout=60).path == "answered"


def test_an_idle_worker_that_cannot_be_told_to_end_does_not_hold_the_session(
    short_grace: None,
) -> None:
    told, tells = os.pipe()

    def closes(connection: Connection, role: str) -> None:
        with contextlib.suppress(EOFError):
            while (asked := connection.receive()) != CLOSE:
                if isinstance(asked, Begin):
                    continue
                connection.send(Answer(RunRendered(asked.path, ())))
                if asked.path == "close":
                    os.close(connection.fileno())
                    os.write(tells, b".")
                    time.sleep(600)

    with open_workers(2, serving=closes) as (executor, _):
        executor.submit(request("close")).result(timeout=60)
        os.read(told, 1)
        executor.submit(request("ok")).result(timeout=60)  # and it has heard of the end before
    os.close(told)
    os.close(tells)


class SilentStarter(ForkStarter):
    """As where the helper is gone: whether a worker has ended must be asked."""

    def fileno(self) -> None:
        return None


def test_a_worker_has_ended_though_its_child_holds_the_connection_and_nobody_says_so() -> None:
    with open_workers(starter=SilentStarter(serve)) as (executor, _):
        executor.submit(request("child")).result(timeout=60)
        assert executor.submit(request("exit 3")).result(timeout=30).path == "buried"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_run_that_ends_the_helper_ends_nothing_else(number: int, short_grace: None) -> None:
    """case: helper-fork. The helper is a worker's parent: stopped, it answers nobody."""
    with open_workers(2, serving=garble, isolate=True) as (executor, _):
        first = executor.submit(request(f"parent {int(number)}"))
        assert first.result(timeout=60).path == "answered"


def test_a_stopped_worker_hears_that_it_is_to_end() -> None:
    with open_workers(serving=garble) as (executor, events):
        stopped = executor.submit(request("stop"))
        while not events:
            time.sleep(0.01)
        executor.interrupt()
        told = stopped.result(timeout=60).files[:2]
        assert told == ("ended with exit code 1", "interrupted")


def test_a_starter_that_is_refused_is_asked_again() -> None:
    """case: helper-fork. The system has no process to give twice, and then it has."""

    class Refused(ForkStarter):
        left = 2

        def start(self, role: str) -> tuple[int, Connection]:
            if self.left:
                self.left -= 1
                raise BlockingIOError(11, "Resource temporarily unavailable")
            return super().start(role)

    with open_workers(starter=Refused(serve)) as (executor, _):
        assert executor.submit(request("ok")).result(timeout=60).path.startswith("ok by")


def test_where_no_worker_can_be_started_a_request_is_buried_with_the_reason(
    short_grace: None,
) -> None:
    """case: helper-fork"""

    class Refused(ForkStarter):
        def start(self, role: str) -> tuple[int, Connection]:
            raise BlockingIOError(11, "Resource temporarily unavailable")

    with open_workers(starter=Refused(serve)) as (executor, _):
        how = "could not be started: Resource temporarily unavailable"
        assert executor.submit(request("ok")).result(timeout=60).files[0] == how


def test_a_fork_that_fails_in_the_helper_is_told_and_the_helper_goes_on() -> None:
    """case: helper-fork. The helper never climbs up into its parent's code."""
    real, asked = os.fork, []

    def fork() -> int:
        asked.append(1)
        if len(asked) == 2:  # the first makes the helper, whose own first is the second
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return real()

    os.fork = fork
    try:
        starter = ForkStarter(serve)
    finally:
        os.fork = real
    try:
        with pytest.raises(OSError, match="Resource temporarily unavailable"):
            starter.start("run")
        pid, connection = starter.start("run")
        assert is_alive(pid)
        connection.close()
    finally:
        starter.close()


def test_an_exception_in_the_executors_own_thread_answers_everybody() -> None:
    """case: executor-hang"""

    class Failing(ForkStarter):
        failing = False

        def ended(self) -> Any:
            if self.failing:
                raise RuntimeError("a bug")
            return super().ended()

    starter = Failing(serve)
    executor = WorkerExecutor(
        starter,
        size=1,
        role="run",
        begin=lambda: Begin(OPTIONS),
        on_event=lambda _: None,
        bury=bury,
    )
    running, waiting = executor.submit(request("sleep 60")), executor.submit(request("ok"))
    while not running.running():
        time.sleep(0.01)
    starter.failing = True
    executor.shutdown(wait=False)  # wakes it
    assert running.result(timeout=60).files[0] == "was ended, since the session itself failed"
    with pytest.raises(ExecutorBroken, match="RuntimeError: a bug"):
        waiting.result(timeout=60)
    with pytest.raises(ExecutorBroken):
        executor.submit(request("ok"))
    executor.shutdown()


@pytest.mark.parametrize(
    ("status", "follows"), [("completed", True), ("skipped", True), ("failed", False)]
)
def test_the_next_request_is_out_before_a_good_end_is_told_and_not_before_a_bad_one(
    status: Any, follows: bool
) -> None:
    """Who stops others for a failure does so before any of them begins."""

    allowed, allow = os.pipe()

    def run(connection: Connection, role: str) -> None:
        with contextlib.suppress(EOFError):
            while (asked := connection.receive()) != CLOSE:
                if not isinstance(asked, Begin):
                    os.read(allowed, 1)
                    connection.send(Answer(Outcome(asked.path, "id", "/archive", status, 0.0)))

    executor = WorkerExecutor(
        ForkStarter(run),
        size=1,
        role="run",
        begin=lambda: Begin(OPTIONS),
        on_event=lambda _: None,
        bury=bury,
    )
    seen: list[bool] = []
    first, second = executor.submit(request("a")), executor.submit(request("b"))
    first.add_done_callback(lambda _: seen.append(second.running()))
    first.add_done_callback(lambda _: second.cancel())
    os.write(allow, b"12")
    assert first.result(timeout=30).status == status
    wait({second}, timeout=30)
    assert (seen, second.cancelled()) == ([follows], not follows)
    executor.shutdown()
    os.close(allowed)
    os.close(allow)


def ends(case: str, status: Any = "completed", *, is_over: bool = True) -> RunFinished:
    return RunFinished(case, Outcome(case, "id", "/archive", status, 0.0), is_over)


@pytest.mark.parametrize(
    ("told", "is_given"),
    [
        (ends("a"), True),
        (ends("a", "skipped"), True),
        (ends("a", "failed"), False),
        (ends("a", is_over=False), False),
    ],
    ids=["completed", "skipped", "failed", "analysed"],
)
def test_a_run_that_is_over_but_for_its_manifest_has_the_next_request_already(
    told: RunFinished, is_given: bool
) -> None:
    """The worker waits for none; what others may be stopped for is heard first."""
    allowed, allow = os.pipe()

    def run(connection: Connection, role: str) -> None:
        with contextlib.suppress(EOFError):
            while (asked := connection.receive()) != CLOSE:
                if isinstance(asked, Begin):
                    continue
                os.read(allowed, 1)  # until both wait
                connection.send(told)
                following = []
                if is_given and asked.path == "a":  # it is here before the answer
                    following = [connection.receive()]
                for each in (asked, *following):
                    connection.send(Answer(RunRendered(each.path, ())))

    with open_workers(serving=run) as (executor, events):
        first, second = executor.submit(request("a")), executor.submit(request("b"))
        given: list[bool] = []
        first.add_done_callback(lambda _: given.append(second.running()))
        os.write(allow, b"12")
        assert [each.result(timeout=60).path for each in (first, second)] == ["a", "b"]
        assert given == [is_given]
        assert events[0] == told
    os.close(allowed)
    os.close(allow)


def given_ahead(connection: Connection, role: str) -> None:
    """A worker that is given a second request before it answers the first, and then waits."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError):
        while (asked := connection.receive()) != CLOSE:
            if isinstance(asked, Begin):
                continue
            if asked.path == "a":
                os.read(int(role), 1)  # until the second one waits
                connection.send(ends("a"))
                second = connection.receive()
                connection.send(Notice(f"{os.getpid()}"))
                os.read(int(role), 1)  # until the test says so
                connection.send(Answer(RunRendered("a", ())))
                signal.signal(signal.SIGINT, signal.default_int_handler)
                try:
                    connection.send(RunStarted("b", "id", "/archive", os.getpid(), 0.0))
                    time.sleep(100)
                except KeyboardInterrupt:
                    connection.send(Answer(RunRendered(second.path, ("interrupted",))))
            else:
                connection.send(Answer(RunRendered(f"{asked.path} by {os.getpid()}", ())))


@contextlib.contextmanager
def ahead_of_its_end() -> Iterator[tuple[WorkerExecutor, int, int, list[Any]]]:
    """An executor whose only worker has two requests; its process, what lets it answer, futures."""
    waits, go = os.pipe()

    def serving(connection: Connection, role: str) -> None:
        given_ahead(connection, str(waits))

    try:
        with open_workers(serving=serving) as (executor, events):
            futures = [executor.submit(request(text)) for text in "ab"]
            os.write(go, b".")
            while len(events) < 2:
                time.sleep(0.01)
            yield executor, int(events[1].text), go, futures
    finally:
        os.close(waits)
        os.close(go)


def test_what_a_worker_was_given_ahead_goes_to_another_where_it_dies() -> None:
    with ahead_of_its_end() as (_, pid, _, (first, second)):
        os.kill(pid, signal.SIGKILL)
        assert first.result(timeout=60).path == "buried"
        text, by = second.result(timeout=60).path.split(" by ")
        assert (text, int(by) != pid) == ("b", True)


def test_what_a_worker_was_given_ahead_is_interrupted_with_it() -> None:
    with ahead_of_its_end() as (executor, _, go, (first, second)):
        executor.interrupt()
        os.write(go, b".")
        assert first.result(timeout=60).path == "a"
        assert second.result(timeout=60).files == ("interrupted",)


def test_what_a_worker_was_given_ahead_dies_with_it_where_it_is_killed() -> None:
    with ahead_of_its_end() as (executor, _, _, (first, second)):
        executor.interrupt(kill=True)
        for future in (first, second):
            assert future.result(timeout=60).files[1] == "interrupted"
        assert second.result().files[2] == "False"  # it had not begun


def test_what_every_request_needs_is_sent_to_a_worker_once() -> None:
    def counts(connection: Connection, role: str) -> None:
        begun = 0
        with contextlib.suppress(EOFError):
            while (asked := connection.receive()) != CLOSE:
                if isinstance(asked, Begin):
                    begun += 1
                elif asked.path == "die":
                    os._exit(0)
                else:
                    connection.send(Answer(RunRendered(str(begun), ())))

    with open_workers(serving=counts) as (executor, _):
        said = [executor.submit(request("ok")).result(timeout=60).path for _ in range(3)]
        executor.submit(request("die")).result(timeout=60)
        said.append(executor.submit(request("ok")).result(timeout=60).path)
    assert said == ["1", "1", "1", "1"]


def test_an_interrupt_before_the_run_began_reaches_it_when_it_begins() -> None:
    """A worker that still imports hears nothing: what it begins then would run to its end."""
    ready, go = os.pipe()

    def late(connection: Connection, role: str) -> None:
        with contextlib.suppress(EOFError):
            while (asked := connection.receive()) != CLOSE:
                if isinstance(asked, Begin):
                    continue
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                connection.send(Notice("deaf"))
                os.read(ready, 1)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                said = "slept"
                try:
                    connection.send(RunStarted("a", "1", "/runs/a", os.getpid(), 0.0))
                    time.sleep(100)
                except KeyboardInterrupt:  # may come while the start is still being told
                    said = "interrupted"
                connection.send(Answer(RunRendered("", (said,))))

    with open_workers(serving=late) as (executor, events):
        future = executor.submit(request("ok"))
        while not events:
            time.sleep(0.01)
        executor.interrupt()
        os.write(go, b".")
        assert future.result(timeout=60).files == ("interrupted",)
    os.close(ready)
    os.close(go)


def test_an_idle_worker_is_closed_and_another_started_when_it_is_needed() -> None:
    begin = Begin(OPTIONS)
    executor = WorkerExecutor(
        ForkStarter(serve),
        size=2,
        role="run",
        begin=lambda: begin,
        on_event=lambda _: None,
        bury=bury,
        idle=0.2,
    )
    try:
        first = executor.submit(request("echo a")).result(timeout=60).path
        deadline = time.monotonic() + 60
        while is_alive(int(first.split()[-1])) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert executor.submit(request("echo a")).result(timeout=60).path != first
    finally:
        executor.shutdown()
