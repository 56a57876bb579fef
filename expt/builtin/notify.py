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
import threading
import urllib.parse
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, TextIO

import attrs

from expt.errors import ConfigurationError, did_you_mean
from expt.hookspecs import hook
from expt.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from expt.model import Options, Outcome

_TIMEOUT: Final = 5.0  # seconds for one answer of the network
_PATIENCE: Final = 1.0  # seconds that the end of a session waits at most
_NAMED: Final = 20  # failed experiments that a message lists


@attrs.frozen
class Settings:
    """`[tool.expt.notify]`."""

    bell: bool = False
    webhook: str | None = None


def read_settings(options: Options) -> Settings:
    """Check what the configuration says. Raises `ConfigurationError`."""
    table = options.configuration.get("notify", {})
    at = "[tool.expt.notify]"
    if not isinstance(table, dict):
        raise ConfigurationError("'notify' must be a table", at, "bell = true, webhook = 'https…'")
    for name in sorted(set(table) - {"bell", "webhook"}):
        hint = did_you_mean(name, ("bell", "webhook")) or "keys: bell, webhook"
        raise ConfigurationError(f"'notify' has no key '{name}'", at, hint)
    if not isinstance(table.get("bell", False), bool):
        raise ConfigurationError("'bell' must be true or false", at)
    return Settings(table.get("bell", False), _address(table.get("webhook"), at))


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
    if urllib.parse.urlsplit(address).scheme not in ("http", "https"):
        raise ConfigurationError("'webhook' must begin with 'https://' or 'http://'", at)
    return address


class Notify:
    """The plugin. A message that cannot be delivered is a line on `stream`, never a failure."""

    def __init__(self, stream: TextIO | None, options: Options) -> None:
        self._settings = read_settings(options)
        self._screen = Screen(stream)

    @hook(trylast=True)  # when the terminal has said its last
    def expt_session_finished(
        self, options: Options, outcomes: Sequence[Outcome], exit_code: int
    ) -> None:
        if self._settings.bell and self._screen.terminal:
            self._screen.write("\a")
        if self._settings.webhook is not None:
            self._deliver(self._settings.webhook, message(options, outcomes, exit_code))

    def _deliver(self, address: str, content: Mapping[str, Any]) -> None:
        failures: list[str] = []
        thread = threading.Thread(
            target=_post, args=(address, content, failures.append), name="expt-notify", daemon=True
        )
        thread.start()
        thread.join(_PATIENCE)
        if failures:
            host = urllib.parse.urlsplit(address).hostname
            self._screen.write(f"notice: the webhook at {host} was not told: {failures[0]}\n")


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


def _post(address: str, content: Mapping[str, Any], fail: Callable[[str], None]) -> None:
    # Slow to import (http, ssl, email), and only where a webhook is set
    import urllib.error
    import urllib.request

    request = urllib.request.Request(  # noqa: S310 - the scheme was checked
        address,
        json.dumps(content).encode(),
        {"Content-Type": "application/json", "User-Agent": "expt"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT):  # noqa: S310
            pass
    except urllib.error.HTTPError as error:
        fail(f"it answered {error.code} {error.reason}")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        fail(str(reason) or type(error).__name__)
