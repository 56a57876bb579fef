"""Commands that start warm: forked from a process that has imported expt and numpy already.

    test ── words, folder, environment, pipes ──► server ── fork ──► expt …
      ◄── pid, exit status ─────────────────────────┘

A command of its own process spends four fifths of its time on imports. Forked from a server that
has done them once it is the same process otherwise: its own folder, environment, streams, signals
and exit. What Python reads before the first line (PYTHON…, the locale, thread limits) cannot be
given to a fork, more places of modules aside, and starts cold. `EXPT_COLD_TESTS=1` starts all of
them cold. A Python file starts warm likewise, where it is to be run and not what it imports, and
so does pytest, from a server that has loaded its plugins. So do workers that would be interpreters
of their own, as those of `expt.run` and of an engine's nodes are, where their environment has
neither `EXPT_START_METHOD` nor `EXPT_COLD_TESTS`: they are no children of what starts them, which
the server takes the place of where that dies, and nobody learns what a dead one had used.
"""

from __future__ import annotations

import atexit
import builtins
import contextlib
import fcntl
import functools
import gc
import importlib.metadata
import io
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MODULES: Final = (
    "_strptime",
    "cattrs",
    "difflib",
    "numpy.random",
    "statistics",
    "tomli_w",
    "expt.__main__",
    "expt.cli.command_line",
    "expt.cli.main",
    "expt.cli.show",
    "expt.cli.show.detail",
    "expt.cli.show.listing",
    "expt.cli.show.machine",
    "expt.ground.configuration",
    "expt.planning.planner",
    "expt.plugins.notify",
    "expt.reading.series.tracked",
    "expt.rendering.renderer",
    "expt.rendering.script",
    "expt.running.case",
    "expt.running.rivals",
    "expt.running.session_files",
    "expt.running.surroundings",
    "expt.sessions.looking_back",
    "expt.sessions.session",
    "expt.sessions.serving",
    "expt.sessions.shipping",
    "expt.terminal.plugin",
)
DRAWING: Final = (
    "matplotlib.pyplot",
    "matplotlib.backends.backend_agg",
    "PIL.PngImagePlugin",
    "expt.drawing.overview",
    "expt.drawing.pictures",
    "expt.drawing.quick_text",
    "expt.drawing.sheets",
    "expt.rendering.videos",
)
"""For commands that draw; to the others these would cost more than they spare."""
_IN_PYTEST: Final = ("expt.in_pytest.collecting", "expt.in_pytest.items")
_OPTIONAL: Final = ("distributed", "executorlib", "loky", "submitit")
_ENGINES: Final = (
    *("cloudpickle", "concurrent.futures.process", "multiprocessing.spawn", *_OPTIONAL),
    *("expt.executors.engines.engine_executor", "expt.sessions.engine_home"),
)
_THREADS: Final = ("OMP_", "OPENBLAS_", "MKL_")
_COLD: Final = ("PYTHON", "LANG", "LC_", *_THREADS, "MPL")
_NO_BYTECODE: Final = "PYTHONDONTWRITEBYTECODE"
_PLACES: Final = "PYTHONPATH"
LIMIT: Final = 100.0
"""Seconds that are waited for what nobody gives a limit."""

PLUGIN: Final = (
    {}
    if importlib.metadata.entry_points(group="pytest11", name="expt")
    else {"PYTEST_PLUGINS": "expt.in_pytest"}
)
"""What a process of pytest needs to know `--expt` where expt is used and not installed."""


def may_start_warm(environment: dict[str, str], usual: Mapping[str, str] = os.environ) -> bool:
    """Whether a fork can have this environment, where the server has the `usual` one."""
    told_at_start = any(
        name.startswith(_COLD) and usual.get(name) != value and name not in (_NO_BYTECODE, _PLACES)
        for name, value in environment.items()
    )
    customized = any(Path(place, "sitecustomize.py").exists() for place in _places(environment))
    return not (os.environ.get("EXPT_COLD_TESTS") or told_at_start or customized)


def _places(environment: Mapping[str, str]) -> list[str]:
    """Where modules are looked for, of what the process of tests does not look at."""
    known = os.environ.get(_PLACES, "").split(os.pathsep)
    told = environment.get(_PLACES, "").split(os.pathsep)
    return [place for place in told if place and place not in known]


class Servers:
    """Where the servers are that commands are forked from: they end with whoever made the place.

    A process of tests has one of each kind; those of `pytest -n` share them.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.place = Path(self._folder.name)
        self._life = _listen(self.place / LIFE)

    def close(self) -> None:
        self._life.close()
        self._folder.cleanup()


LIFE: Final = "life"
"""The socket that servers are connected to as long as they are needed."""

places: Final[list[Path]] = []
"""Where the servers are that this process shares with others, if it does."""


@functools.cache
def own_servers() -> Servers:
    """Those that end with this process."""
    servers = Servers()
    atexit.register(servers.close)
    return servers


_started: Final[list[subprocess.Popen[bytes]]] = []


def connect(kind: str) -> socket.socket:
    """A connection to the server of this kind, which is started where none is, or none any more."""
    place = _place()
    with contextlib.suppress(OSError):
        return _connected(place / kind)
    with _locked(place / f"{kind}.pid") as file:
        with contextlib.suppress(OSError):  # another process of tests has started it meanwhile
            return _connected(place / kind)
        (place / kind).unlink(missing_ok=True)
        file.truncate(0)
        print(_start(place, kind), file=file, flush=True)
        return _connected(place / kind)


def _start(place: Path, kind: str) -> int:
    """Start a server, and wait until it listens; its pid."""
    ours, theirs = socket.socketpair()
    words = [sys.executable, __file__, str(place), kind, str(theirs.fileno())]
    with ours, theirs:
        ours.settimeout(LIMIT)
        passed = [theirs.fileno()]
        _started.append(subprocess.Popen(words, pass_fds=passed, stdin=subprocess.DEVNULL))
        theirs.close()
        ours.recv(1)
    return _started[-1].pid


def _end(kind: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        os.kill(int((_place() / f"{kind}.pid").read_text()), signal.SIGKILL)


def _place() -> Path:
    return places[0] if places else own_servers().place


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[IO[str]]:
    with open(path, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _connected(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(LIMIT)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        raise
    return connection


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    return listener


class Forked:
    """A process that a server has forked for us, as `subprocess.Popen` tells of it."""

    def __init__(
        self, server: socket.socket, asked: dict[str, Any], descriptors: list[int]
    ) -> None:
        self.returncode: int | None = None
        self._server = server
        self._answers = server.makefile("r")
        told = json.dumps(asked).encode()
        try:
            socket.send_fds(server, [len(told).to_bytes(4, "little")], descriptors)
            server.sendall(told)
            self.pid = int(self._answers.readline())
        except BaseException:
            self._answers.close()
            server.close()
            raise

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float = LIMIT) -> int:
        if self.returncode is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._server, selectors.EVENT_READ)
                if not selector.select(timeout):
                    raise subprocess.TimeoutExpired("expt", timeout)
            self.returncode = os.waitstatus_to_exitcode(int(self._answers.readline()))
            self._answers.close()
            self._server.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class WarmProcess(Forked):
    """A command that was started warm, as `subprocess.Popen` of a text with two pipes.

    With `merged` what it writes to stderr comes with what it writes to stdout; with a `terminal`
    (its descriptor) both are shown there. What `draws` has imported what pictures take, and what
    has `engines` their libraries. The words are those of `expt`, or of `python`.
    """

    def __init__(
        self,
        words: list[str],
        cwd: str,
        environment: dict[str, str],
        *,
        merged: bool = False,
        terminal: int | None = None,
        draws: bool = False,
        engines: bool = False,
        python: bool = False,
    ) -> None:
        is_pytest = python and words[:2] == ["-m", "pytest"]
        kind = "pytest" if is_pytest else "engines" if engines else "draws" if draws else "plain"
        server = connect(kind)
        out, their_out = os.pipe()
        err, their_err = os.pipe()
        self.stdout, self.stderr = _open_text(out), _open_text(err)
        asked = {"words": words, "cwd": cwd, "environment": environment, "python": python}
        ends = [their_out, their_out if merged else their_err]
        try:
            super().__init__(server, asked, ends if terminal is None else [terminal, terminal])
        except BaseException as error:
            if isinstance(error, TimeoutError):  # it stands still: the next one asks another
                _end(kind)
            for opened in (self.stdout, self.stderr):
                opened.close()
            raise
        finally:
            os.close(their_out)
            os.close(their_err)

    def communicate(self, timeout: float = LIMIT) -> tuple[str, str]:
        limit = time.monotonic() + timeout
        found = {self.stdout: b"", self.stderr: b""}
        with selectors.DefaultSelector() as selector:
            for stream in found:
                selector.register(stream, selectors.EVENT_READ)
            while selector.get_map():
                left = limit - time.monotonic()
                ready = selector.select(left) if left > 0 else []
                if not ready:
                    raise subprocess.TimeoutExpired("expt", timeout)
                for key, _ in ready:
                    piece = os.read(key.fd, 65536)
                    found[key.fileobj] += piece  # type: ignore[index]
                    if not piece:
                        selector.unregister(key.fileobj)
        self.wait(max(0.1, limit - time.monotonic()))
        out, err = (text.decode("utf-8", "backslashreplace") for text in found.values())
        for stream in found:
            stream.close()
        return out, err


def start_workers_warm(connect: Callable[[], socket.socket]) -> None:
    """Have workers that would be interpreters of their own forked by a server, from now on.

    Not by one that has pytest, which no worker has; where no other one is, they start cold.
    """
    usual = dict(os.environ)

    class Popen(subprocess.Popen):  # type: ignore[type-arg]
        def __new__(cls, *told: Any, **settings: Any) -> Any:
            is_worker = isinstance(told[0], list) and told[0][1:3] == _WORKER if told else False
            if is_worker and may_work_warm(settings["env"], usual):
                with contextlib.suppress(OSError):  # the server is gone, or a stream is closed
                    return start(told[0][3:], **settings)
            return super().__new__(cls)

    def start(
        words: list[str], *, env: dict[str, str], cwd: Path | None, pass_fds: list[int], **_: Any
    ) -> Forked:
        asked = {"words": words, "cwd": str(cwd or os.getcwd()), "environment": env, "python": True}
        return Forked(connect(), asked, [1, 2, *pass_fds])

    subprocess.Popen = Popen  # type: ignore[misc]


def may_work_warm(environment: dict[str, str], usual: Mapping[str, str]) -> bool:
    """Whether a worker may be forked, whose threads are as many as the server has."""
    told = {name: value for name, value in environment.items() if not name.startswith(_THREADS)}
    return not _COLD_WORKERS & environment.keys() and may_start_warm(told, usual)


_WORKER: Final = ["-m", "expt.sessions.serving"]
_COLD_WORKERS: Final = {"EXPT_START_METHOD", "EXPT_COLD_TESTS"}


def run_warm(
    words: list[str], cwd: Path, environment: dict[str, str], **settings: bool
) -> subprocess.CompletedProcess[str]:
    """A command, started warm and waited for, as `subprocess.run` tells of it."""
    process = WarmProcess(words, str(cwd), environment, **settings)
    try:
        out, err = process.communicate(timeout=LIMIT)
    finally:
        process.kill()
    return subprocess.CompletedProcess(words, process.wait(), out, err)


def run_on_terminal(
    words: list[str], cwd: Path, environment: dict[str, str], *, columns: int = 0
) -> tuple[int, str]:
    """How a command ends, started warm, and what it shows on a terminal of so many columns."""
    import pty
    import termios

    leader, follower = pty.openpty()
    if columns:
        termios.tcsetwinsize(follower, (40, columns))
    try:
        process = WarmProcess(words, str(cwd), environment, terminal=follower)
    finally:
        os.close(follower)
    shown = b""
    with contextlib.suppress(OSError):  # nobody has the terminal any more
        while part := os.read(leader, 65536):
            shown += part
    os.close(leader)
    process.communicate()
    return process.wait(), shown.decode()


def _open_text(descriptor: int, mode: str = "r", errors: str = "backslashreplace") -> Any:
    owned = mode == "r"
    return os.fdopen(descriptor, mode, encoding="utf-8", errors=errors, closefd=owned)


# The server's side


def serve(place: Path, kind: str, started: int) -> None:
    """Fork a command for each connection, and tell how it ended, until the tests are gone."""
    from importlib import import_module

    from covered_forks import cover_forks  # not above: a pool's processes import this file, alone

    if kind == "pytest":
        load_pytest()
    more = {"draws": DRAWING, "engines": _ENGINES, "pytest": _IN_PYTEST}.get(kind, ())
    for name in (*MODULES, *more):
        with contextlib.suppress(ImportError if name in _OPTIONAL else ()):
            import_module(name)
    arguments = import_module("expt.cli.arguments")
    parser = arguments.make_run_parser({}, lambda _: None)
    parser.parse_known_intermixed_args(["a.py"])  # argparse's expressions are compiled here
    import_module("expt.plugins.manager").find_entry_points()  # kept of each folder as it is now
    cover_forks()
    gc.freeze()  # or the first collection of each fork copies the pages of all that is here
    for number in _NOT_OURS:
        signal.signal(number, signal.SIG_IGN)
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    tests = _connected(place / LIFE)
    listener = _listen(place / kind)
    os.write(started, b".")
    os.close(started)
    asking: dict[int, socket.socket] = {}
    owned: dict[socket.socket, int] = {}
    start_workers_warm(lambda: _connected(place / ("plain" if kind == "pytest" else kind)))
    ours = (listener.fileno(), tests.fileno(), woken, wake)
    while True:
        heard, _, _ = select.select([*ours[:3], *owned], [], [])
        if tests.fileno() in heard:
            os._exit(0)
        if woken in heard:
            os.read(woken, 4096)
            tell_ends(asking)
        for connection in [each for each in owned if each in heard or each.fileno() < 0]:
            pid = owned.pop(connection)
            if asking.get(pid) is connection:  # who started it is gone: Linux would kill it
                os.kill(pid, signal.SIGKILL)
        if listener.fileno() in heard:
            connection, _ = listener.accept()
            pid, is_worker = begin(connection, asking, ours)
            if is_worker:
                owned[connection] = pid


def load_pytest() -> None:
    """Import pytest and its plugins as it does itself: what they assert is rewritten."""
    import pytest

    os.environ |= PLUGIN
    with tempfile.TemporaryDirectory() as empty, contextlib.redirect_stdout(io.StringIO()):
        told = pytest.main([empty, f"--rootdir={empty}", "-pno:cacheprovider", "-pno:cov"])
    assert told == pytest.ExitCode.NO_TESTS_COLLECTED


_NOT_OURS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def begin(
    connection: socket.socket, asking: dict[int, socket.socket], ours: tuple[int, ...]
) -> tuple[int, bool]:
    """Fork the command or the worker that a connection asks for, and tell its pid."""
    length, descriptors, _, _ = socket.recv_fds(connection, 4, 3)
    told = b""
    while len(told) < int.from_bytes(length, "little"):
        piece = connection.recv(65536)
        if not piece:
            break  # whoever asked is gone: the fork ends of it
        told += piece
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        for number in (*_NOT_OURS, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        for opened in (connection, *asking.values()):
            opened.close()
        for descriptor in ours:
            os.close(descriptor)  # the listener's too, which is never used again
        become(json.loads(told), *descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    asking[pid] = connection
    with contextlib.suppress(OSError):
        connection.sendall(f"{pid}\n".encode())
    return pid, len(descriptors) == 3


def tell_ends(asking: dict[int, socket.socket]) -> None:
    """Tell those who asked for commands that have ended how they ended."""
    while asking:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with asking.pop(pid) as connection, contextlib.suppress(OSError):
            connection.sendall(f"{status}\n".encode())


def become(asked: dict[str, Any], out: int, err: int, *worker: int) -> None:
    """Be what `python -m expt WORDS` is, or `python WORDS`, or a worker's, to the end."""
    import threading

    os.dup2(out, 1)
    os.dup2(err, 2)
    for descriptor in (out, err):
        if descriptor > 2:
            os.close(descriptor)
    os.chdir(asked["cwd"])
    told = asked["environment"]
    sys.path[1:1] = _places(told)
    for name in os.environ.keys() - told:
        del os.environ[name]
    os.environ.update({n: value for n, value in told.items() if os.environ.get(n) != value})
    time.tzset()
    sys.dont_write_bytecode = _NO_BYTECODE in os.environ
    words = asked["words"]
    sys.argv = words if asked["python"] else ["expt", *words]
    sys.path[0] = asked["cwd"]
    sys.stdout = _open_text(1, "w", "strict")
    sys.stderr = _open_text(2, "w")
    sys.stderr.reconfigure(line_buffering=True)
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr
    signal.signal(signal.SIGINT, signal.default_int_handler)
    code: Any = 0
    try:
        if worker:
            run_worker(worker[0], words[1])
        elif asked["python"]:
            run_python(words)
        else:
            from expt import __main__ as command

            sys.modules["__main__"] = command  # which a pool's processes do not import
            command.main()
    except SystemExit as error:
        code = error.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException as error:
        entry = error.__traceback__
        while entry is not None and entry.tb_frame.f_code.co_filename == __file__:
            entry = entry.tb_next
        sys.excepthook(type(error), error.with_traceback(entry), entry)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def run_worker(descriptor: int, role: str) -> None:
    """Be `python -m expt.sessions.serving FD ROLE`."""
    from expt.sessions import serving

    os.setpgid(0, 0)
    sys.modules["__main__"] = serving
    sys.argv = [str(serving.__file__), str(descriptor), role]
    serving.main(sys.argv[1:])


def run_python(words: list[str]) -> None:
    """Be `python -c CODE …`, `python -m pytest …` or `python FILE …`."""
    if words[0] == "-m":
        import runpy

        del words[0]
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        return
    main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    file = "<string>"
    if words[0] == "-c":
        source: str | bytes = words.pop(1)
        sys.path[0] = ""
    else:
        file = main.__file__ = words[0]
        source = Path(file).read_bytes()
        sys.path[0] = str(Path(file).resolve().parent)
    sys.modules["__main__"] = main
    exec(compile(source, file, "exec"), main.__dict__)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
