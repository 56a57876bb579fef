"""The sandbox of `expt.testing`, whose commands start warm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from warm_start import WarmProcess, may_start_warm

from expt.testing import Sandbox

if TYPE_CHECKING:
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
