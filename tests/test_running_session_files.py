"""What all archives of a session hold is made once, and once more where it is another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expt.ground.messages import SessionInfo
from expt.running.session_files import SessionFiles
from expt.tracking.recorder import open_recorder

if TYPE_CHECKING:
    from pathlib import Path


def test_code_is_masked_and_hashed_once_for_the_same_bytes() -> None:
    files = SessionFiles(SessionInfo("s", {}, secrets=("correct horse battery",)))
    plain, secret = b"x = 1\n", b'y = "correct horse battery"\n'
    assert files.code("a.py", plain).data is plain
    assert files.code("b.py", secret).data == b'y = "***"\n'
    assert files.code("b.py", secret) is files.code("b.py", secret)
    assert files.code("b.py", b"z = 1\n").data == b"z = 1\n"


def test_one_run_tries_how_scalars_are_written_and_the_others_make_no_file(tmp_path: Path) -> None:
    files = SessionFiles(SessionInfo("s", {"python": "3.11"}))
    first, second = (open_recorder(tmp_path / name, label=name) for name in "ab")
    assert b'"series_writer": "mapped"' in files.environment(first).data
    assert files.environment(second) is files.environment(first)
    assert (tmp_path / "a/scalars.bin").exists()
    assert not (tmp_path / "b/scalars.bin").exists()
    first.close()
    second.close()
