"""What the disk refuses to keep is said, with the archive, and in the exit code."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from expt.ground.messages import RunStarted
from expt.sessions.syncing import Syncer

if TYPE_CHECKING:
    from pathlib import Path

    from expt.testing import Sandbox

REFUSING = """
    import errno, os

    def fsync(descriptor):
        raise OSError(errno.{error}, os.strerror(errno.{error}))

    os.fsync = fsync
"""


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [("EIO", 1, "Input/output error"), ("ENOSPC", 1, "No space left on device"), ("EINVAL", 0, "")],
)
def test_an_archive_that_may_not_be_on_the_disk_is_a_notice(
    sandbox: Sandbox, error: str, code: int, told: str
) -> None:
    """case: fsync-silent. What a file system cannot sync at all is no failure."""
    sandbox.write(
        {
            "refusing.py": REFUSING.format(error=error),
            "experiments/e.py": "def experiment_e(track): track('loss', 1.0)",
        }
    )
    done = sandbox.expt("experiments", "--plugin", "refusing.py")
    assert done.exit_code == code, done.stdout
    assert sandbox.run().status == "completed"
    assert done.stdout.count(f"{sandbox.run().path} may not be on the disk: {told}") == bool(told)


def test_what_was_written_since_the_last_time_is_synced_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("expt.sessions.syncing._INTERVAL", 3600.0)
    monkeypatch.setattr("expt.sessions.syncing.sync_archive", lambda path, _: synced.append(path))
    syncer = Syncer(lambda _: None)
    syncer.hear(RunStarted("a", "1", str(tmp_path), os.getpid(), 0.0))
    syncer.close()
    assert synced == [tmp_path]


def test_a_run_that_goes_on_is_touched_for_readers_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("expt.sessions.syncing.BEAT", 0.1)
    archive = tmp_path / "run"
    archive.mkdir()
    (archive / "run.json").write_text("{}")
    os.utime(archive / "run.json", (0, 0))
    syncer = Syncer(lambda _: None)
    syncer.hear(RunStarted("a", "1", str(archive), os.getpid(), 0.0))
    deadline = time.monotonic() + 60
    while (archive / "run.json").stat().st_mtime == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    syncer.close()
    assert (archive / "run.json").stat().st_mtime > 0
