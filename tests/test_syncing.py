"""What the disk refuses to keep is said, with the archive, and in the exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
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
            "site/sitecustomize.py": REFUSING.format(error=error),
            "experiments/e.py": "def experiment_e(track): track('loss', 1.0)",
        }
    )
    sandbox.environ["PYTHONPATH"] = str(sandbox.root / "site")
    done = sandbox.expt("experiments")
    assert done.exit_code == code, done.stdout
    assert sandbox.run().status == "completed"
    assert done.stdout.count(f"{sandbox.run().path} may not be on the disk: {told}") == bool(told)
