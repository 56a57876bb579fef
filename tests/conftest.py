"""The sandbox of `expt.testing`, whose commands start warm."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

import pytest
from warm_start import WarmProcess, may_start_warm

from expt.testing import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class WarmSandbox(Sandbox):
    """A sandbox whose commands are forked from a process that has done the imports."""

    def start(self, *words: str | Path, cwd: Path | str | None = None, render: bool = False) -> Any:
        environment = self._environment()
        if not may_start_warm(environment):
            return super().start(*words, cwd=cwd, render=render)
        place = str((self.root / (cwd or ".")).resolve())
        return WarmProcess(self._words(words, render), place, environment)


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """An empty project in a temporary folder."""
    root = tmp_path / "project"
    root.mkdir()
    return WarmSandbox(root)


@pytest.fixture(scope="module")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """A project that the tests of one module share: run once, and looked at by all of them."""
    return WarmSandbox(tmp_path_factory.mktemp("project"))


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
