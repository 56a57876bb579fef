"""What all archives of a session hold is made once, and once more where it is another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expt.ground.messages import SessionInfo
from expt.running.session_files import SessionFiles
from expt.tracking.recorder import open_recorder

if TYPE_CHECKING:
    from pathlib import Path


def test_code_is_masked_and_hashed_once_for_the_same_imports() -> None:
    files = SessionFiles(SessionInfo("s", {}, secrets=("correct horse battery",)))
    plain, secret = b"x = 1\n", b'y = "correct horse battery"\n'
    sources = {"a.py": ("a", plain), "b.py": ("b", secret), "x.csv": ("", b"1")}
    code = files.code(sources)
    assert code.files["a.py"].data is plain
    assert code.files["b.py"].data == b'y = "***"\n'
    assert code.masked == {"code/b.py"}
    assert code.sources == {
        path: (path.removesuffix(".py"), content.sha256) for path, content in code.files.items()
    }
    assert files.code(sources) is code
    more = files.code({**sources, "c.py": ("c", b"z = 1\n")})
    assert more.files.keys() == {"a.py", "b.py", "c.py"}
    assert more.files["b.py"] is code.files["b.py"]


def test_one_run_tries_how_scalars_are_written_and_the_others_make_no_file(tmp_path: Path) -> None:
    files = SessionFiles(SessionInfo("s", {"python": "3.11"}))
    first, second = (open_recorder(tmp_path / name, label=name) for name in "ab")
    assert b'"series_writer": "mapped"' in files.environment(first).data
    assert files.environment(second) is files.environment(first)
    assert (tmp_path / "a/scalars.bin").exists()
    assert not (tmp_path / "b/scalars.bin").exists()
    first.close()
    second.close()
