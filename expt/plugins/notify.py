"""Tells somebody that a session has ended: the terminal's bell, a message to a web address.

Off unless the configuration says so:

    [tool.expt.notify]
    bell = true
    webhook = "https://hooks.example.org/T0/${HOOK_TOKEN}"

What is sent names experiments and counts; values, results, messages of errors and the command line
stay here, since any of them may hold a secret.
"""

from __future__ import annotations

import json
import os
import platform
import string
import sys
import threading
import urllib.parse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from expt.ground.errors import ConfigurationError, suggestion
from expt.ground.hookspecs import hook
from expt.ground.processes import start_apart
from expt.ground.screen import Screen
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence

    from expt.ground.model import Outcome
    from expt.ground.options import Options

_PATIENCE: Final = 0.2  # seconds that the end of a session waits at most
_NAMED: Final = 20  # failed experiments that a message lists


@frozen
class NotifySettings:
    """`[tool.expt.notify]`."""

    bell: bool = False
    webhook: str | None = None


def read_settings(options: Options) -> NotifySettings:
    """Check what the configuration says. Raises `ConfigurationError`."""
    table = options.configuration.get("notify", {})
    at = "[tool.expt.notify]"
    if not isinstance(table, dict):
        raise ConfigurationError("'notify' must be a table", at, "bell = true, webhook = 'https…'")
    for name in sorted(set(table) - {"bell", "webhook"}):
        hint = suggestion(name, ("bell", "webhook"), "keys")
        raise ConfigurationError(f"'notify' has no key '{name}'", at, hint)
    if not isinstance(table.get("bell", False), bool):
        raise ConfigurationError("'bell' must be true or false", at)
    return NotifySettings(table.get("bell", False), _address(table.get("webhook"), at))


def _address(text: Any, at: str) -> str | None:
    """The address with `${NAME}` read from the environment, so that no file need hold a token."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise ConfigurationError("'webhook' must be a text", at)
    try:
        address = string.Template(text).substitute(os.environ)
    except KeyError as error:
        raise ConfigurationError(
            f"the environment has no variable {error} for 'webhook'", at
        ) from error
    except ValueError as error:
        raise ConfigurationError("'webhook' has a '$' that names no variable", at) from error
    try:
        scheme = urllib.parse.urlsplit(address).scheme
    except ValueError as error:  # a bracket that does not close, say
        raise ConfigurationError(f"'webhook' is no address: {error}", at) from error
    if scheme not in ("http", "https"):
        raise ConfigurationError("'webhook' must begin with 'https://' or 'http://'", at)
    return address


class Notify:
    """The plugin. A message that cannot be delivered is a line on `stream`, never a failure.

    The message is delivered by a process of its own, which may outlive the session: the end waits
    for `patience` seconds to tell what went wrong at once, and for nothing else.
    """

    def __init__(
        self, stream: TextIO | None, options: Options, *, patience: float = _PATIENCE
    ) -> None:
        self._settings = read_settings(options)
        self._screen = Screen(stream)
        self._patience = patience
        self._delivery: subprocess.Popen[str] | None = None

    @hook
    def expt_session_started(self) -> None:
        if self._settings.webhook is not None:
            words = [sys.executable, "-I", str(Path(__file__).with_name("delivery.py"))]
            self._delivery = start_apart(words, talks=True)  # now, so that it is ready at the end

    @hook(trylast=True)  # when the terminal has said its last
    def expt_session_finished(
        self, options: Options, outcomes: Sequence[Outcome], exit_code: int
    ) -> None:
        if self._settings.bell and self._screen.terminal:
            self._screen.write("\a")
        if self._settings.webhook is not None and self._delivery is not None:
            content = message(options, outcomes, exit_code)
            self._deliver(self._delivery, self._settings.webhook, content)

    def _deliver(
        self, delivery: subprocess.Popen[str], address: str, content: Mapping[str, Any]
    ) -> None:
        failures: list[str] = []

        def hand_over() -> None:
            failures.append(delivery.communicate(json.dumps([address, content]) + "\n")[0])

        thread = threading.Thread(target=hand_over, name="expt-notify", daemon=True)
        thread.start()
        thread.join(self._patience)
        if any(failures):
            host = urllib.parse.urlsplit(address).hostname
            told = f"the webhook at {host} was not told: {failures[0]}"
            self._screen.line(("notice: ", "yellow"), told)


def message(options: Options, outcomes: Sequence[Outcome], exit_code: int) -> dict[str, Any]:
    """What is sent: `text` for chat programs, the rest for programs."""
    counts = Counter(outcome.status for outcome in outcomes)
    told = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    failed = [
        {"experiment": outcome.case_id.partition("[")[0], "run": outcome.run_id}
        for outcome in outcomes
        if outcome.status == "failed"
    ]
    return {
        "text": f"expt in {options.root.name} on {platform.node()}: {told or 'nothing ran'}",
        "exit_code": int(exit_code),
        "counts": dict(counts),
        "failed": failed[:_NAMED],
    }
