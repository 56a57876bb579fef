"""Sends each run at its end to an MLflow server or a W&B project, beside its archive.

Off unless the configuration says so:

    [tool.expt.mirror]
    mlflow = "http://127.0.0.1:5000"
    wandb = "ENTITY/PROJECT"
    timeout = 10                          # seconds that the end of a session waits at most

A process of its own sends, so that nothing of it delays or fails a run. The archive is the truth:
what was not sent in time is told, with the command that sends it later.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import string
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final, TextIO
from urllib.parse import urlsplit

from expt.ground.errors import ConfigurationError, ReadingError
from expt.ground.hookspecs import hook
from expt.ground.messages import RunFinished
from expt.ground.processes import kill_group, start_apart
from expt.ground.screen import Screen
from expt.ground.text import counted
from expt.ground.value_classes import frozen
from expt.reading.references import load_archive

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence

    from expt.ground.messages import Event
    from expt.ground.model import Outcome
    from expt.ground.options import Options

_PATIENCE: Final = 10.0
_NAMED: Final = 12  # runs in a command


@frozen
class MirrorSettings:
    """`[tool.expt.mirror]`: the destination of each format, and how long an end waits."""

    destinations: Mapping[str, str]
    timeout: float = _PATIENCE


def read_mirror_settings(options: Options) -> MirrorSettings:
    """What the configuration says, variables of the environment in their places.

    Raises `ConfigurationError` for a variable that is not there.
    """
    table: Mapping[str, Any] = options.configuration.get("mirror", {})
    destinations = {}
    for name, text in table.items():
        if name == "timeout":
            continue
        try:
            destination = string.Template(text).substitute(os.environ)
        except (KeyError, ValueError) as error:
            what = f"'{name}' names a variable that the environment does not have: {error}"
            raise ConfigurationError(what, "[tool.expt.mirror]") from None
        if name == "wandb":
            destination = f"wandb://{destination}"
        elif "://" not in destination:
            destination = str(options.root / destination)
        destinations[name] = destination
    return MirrorSettings(destinations, float(table.get("timeout", _PATIENCE)))


class Mirror:
    """The plugin: one process for each destination, started with the first run that ends."""

    def __init__(self, stream: TextIO | None, options: Options) -> None:
        self._settings = read_mirror_settings(options)
        self._screen = Screen(stream)
        self._skips = options.values.smoke or options.keeping.scratch or options.nowhere is not None
        self._quiet = options.telling.verbosity < 0
        self._couriers: dict[str, _Courier] = {}
        self._sent: set[str] = set()

    @hook
    def expt_event_received(self, event: Event) -> None:
        if isinstance(event, RunFinished):
            self._hand_over(event.outcome)

    @hook(trylast=True)  # when the terminal has said its last
    def expt_session_finished(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            self._hand_over(outcome)
        limit = time.monotonic() + self._settings.timeout
        for courier in self._couriers.values():
            courier.end(max(limit - time.monotonic(), 0))
            courier.tell(self._screen, quiet=self._quiet)

    def _hand_over(self, outcome: Outcome) -> None:
        if self._skips or not outcome.path or outcome.status == "skipped":
            return
        if outcome.path in self._sent:
            return
        self._sent.add(outcome.path)
        for name, destination in self._settings.destinations.items():
            if name not in self._couriers:
                self._couriers[name] = _Courier(name, destination)
            self._couriers[name].send(outcome.path, outcome.run_id)


class _Courier:
    """One sending process, and what it has said. Nothing here waits but `end`."""

    def __init__(self, name: str, destination: str) -> None:
        self._name = name
        self._destination = destination
        self._ids: dict[str, str] = {}
        self._answers: dict[str, str | None] = {}
        self._paths: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._broken = ""
        try:
            words = [sys.executable, "-P", "-m", "expt.exchange.mirroring", name, destination]
            self._process: subprocess.Popen[str] | None = start_apart(words, talks=True)
        except OSError as error:
            self._process = None
            self._broken = f"its process cannot be started: {error.strerror}"
            return
        threading.Thread(target=self._write, name="expt-mirror", daemon=True).start()
        self._reader = threading.Thread(target=self._read, name="expt-mirror", daemon=True)
        self._reader.start()

    def send(self, path: str, run_id: str) -> None:
        self._ids[path] = run_id
        self._paths.put(path)

    def end(self, patience: float) -> None:
        """Wait for what is on its way, for so many seconds at most; then nothing is left of it."""
        if self._process is None:
            return
        self._paths.put(None)
        self._reader.join(patience)
        if self._reader.is_alive():
            self._broken = f"it took longer than {patience:.3g} seconds"
            kill_group(self._process.pid)
            self._reader.join(1)
        self._process.wait()

    def tell(self, screen: Screen, *, quiet: bool) -> None:
        """What was sent; what was not, why, and the command that sends it; that also if `quiet`."""
        unsent = [path for path in self._ids if self._answers.get(path, "") is not None]
        place = _without_credentials(self._destination)
        count = len(self._ids) - len(unsent)
        if count and not quiet:
            screen.line(f"{counted(count, 'run')} sent to {self._name} at {place}")
        if not unsent:
            return
        reasons = [self._answers[path] for path in unsent if path in self._answers]
        why = next((reason for reason in reasons if reason), self._broken or "its process ended")
        told = f"{counted(len(unsent), 'run')} not sent to {self._name} at {place}: {why}"
        screen.line(("notice: ", "yellow"), told)
        screen.line(f"  later: expt export {self._name} {self._words_for(unsent)} -o {place}")

    def _words_for(self, paths: Sequence[str]) -> str:
        """Words that name the runs in a command: what was sent before may be sent again."""
        if len(paths) > _NAMED:
            with contextlib.suppress(ReadingError):
                return f"--session {load_archive(paths[0]).lineage['session']}"
        return " ".join(self._ids[path] for path in paths)

    def _write(self) -> None:
        assert self._process is not None  # noqa: S101 - the thread is started with it
        stream = self._process.stdin
        assert stream is not None  # noqa: S101
        try:
            while (path := self._paths.get()) is not None:
                stream.write(f"{path}\n")
                stream.flush()
            stream.close()
        except (OSError, ValueError):
            pass  # it has died: what it did not answer was not sent

    def _read(self) -> None:
        assert self._process is not None  # noqa: S101
        stream = self._process.stdout
        assert stream is not None  # noqa: S101
        for line in stream:
            try:
                answer = json.loads(line)
                self._answers[answer["path"]] = answer["failure"]
            except (ValueError, LookupError, TypeError):
                continue


def _without_credentials(destination: str) -> str:
    try:
        parts = urlsplit(destination)
        if "@" in parts.netloc:
            return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    except ValueError:
        pass
    return destination
