"""A project in a temporary folder, and the `expt` command in it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any, Final

import pytest

from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from expt.reading.run import Run
    from expt.reading.runs import Runs

_DEFAULT_TIMEOUT: Final = 60.0


@frozen
class Done:
    """How one command ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[str]:
        """The lines of stdout."""
        return self.stdout.splitlines()

    def json(self) -> Any:
        """stdout as JSON."""
        return json.loads(self.stdout)


class Sandbox:
    """A project in a temporary folder, and the `expt` command in it.

    The command is a process of its own with a clean environment: no variable of the test run
    but those given to `environ` reaches it, beyond what a process needs.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ: dict[str, str] = {}

    def write(self, files: Mapping[str, str | bytes]) -> Sandbox:
        """Write files by relative path; texts are dedented."""
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                text = textwrap.dedent(content).lstrip("\n")
                path.write_text(text, encoding="utf-8", errors="surrogatepass")
        return self

    def expt(
        self,
        *words: str | Path,
        timeout: float = _DEFAULT_TIMEOUT,
        cwd: Path | str | None = None,
        render: bool = False,
    ) -> Done:
        """Run `expt WORDS`, without pictures unless `render`, and wait for its end."""
        process = self.start(*words, cwd=cwd, render=render)
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:  # of a test's own limit, too
            end_now(process)
            raise
        return Done(process.returncode, out, err)

    def start(
        self, *words: str | Path, cwd: Path | str | None = None, render: bool = False
    ) -> subprocess.Popen[str]:
        """Start `expt WORDS` and return its process, for tests that kill it."""
        return subprocess.Popen(
            [sys.executable, "-m", "expt", *self._words(words, render)],
            cwd=self.root / (cwd or "."),
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="backslashreplace",
        )

    def python(self, script: str | Path, *words: str, cwd: Path | str | None = None) -> Done:
        """Run a Python file in the sandbox."""
        done = subprocess.run(
            [sys.executable, str(script), *words],
            cwd=self.root / (cwd or "."),
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="backslashreplace",
            timeout=_DEFAULT_TIMEOUT,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def run(self, reference: str = "latest") -> Run:
        """One archived run of the sandbox."""
        from expt.reading.references import load_run

        return load_run(reference, self.root / "runs")

    def runs(self, **selection: Any) -> Runs:
        """The archived runs of the sandbox, newest first."""
        from expt.reading.finding import find_runs

        return find_runs(self.root / "runs", **selection)

    def record(self, reference: str = "latest") -> dict[str, Any]:
        """`run.json` of one run, as it stands in the file."""
        path = self.run(reference).path / "run.json"
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return record

    def _words(self, words: Sequence[str | Path], render: bool) -> list[str]:
        told = [str(word) for word in words]
        return [*told, "--no-render"] if self._runs(words) and not render else told

    def _runs(self, words: Sequence[str | Path]) -> bool:
        """Whether these words are of a session, and of no other verb."""
        first = str(words[0]) if words else ""
        is_verb = first not in _RUN and _A_VERB.fullmatch(first) is not None
        return not is_verb or (self.root / first).exists()

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        return {**kept, "COLUMNS": "120", "NO_COLOR": "1", **self.environ}


def end_now(process: subprocess.Popen[str]) -> None:
    """End a command's process now, whoever has inherited its pipes."""
    process.kill()
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


_RUN: Final = ("run", "rerun")
_A_VERB: Final = re.compile(r"[A-Za-z][\w-]*")
_KEPT_VARIABLES: Final = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "SYSTEMROOT"),
    *("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS"),
)


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """An empty project in a temporary folder."""
    root = tmp_path / "project"
    root.mkdir()
    return Sandbox(root)
