"""The code that an archive keeps: what was imported, without secrets and data, up to a size."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING

import pytest

from expt.archive.kept_code import FILE_CAP, keep_code
from expt.archive.manifest import Content
from expt.archive.writer import Archive
from expt.ground.layout import CODE_CAP

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive.claim(tmp_path, "a", dt.datetime(2026, 11, 26))


def test_the_code_lies_at_its_paths_with_its_digests(archive: Archive) -> None:
    sources = {"experiments/a b/x.py": b"x\r\n\xff", "conftest.py": b"", "_outside/p/m.py": b"1"}
    kept = keep_code(sources)
    archive.write_code(kept)
    for path, content in sources.items():
        assert (archive.path / "code" / path).read_bytes() == content
    assert kept["conftest.py"].sha256 == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


def test_what_the_archive_has_already_is_not_written_again(archive: Archive) -> None:
    """A file that changed since is not what the run imported first."""
    archive.write_code(keep_code({"a.py": b"1"}))
    archive.write_code(keep_code({"a.py": b"2", "b.py": b"3"}))
    assert (archive.path / "code/a.py").read_bytes() == b"1"
    assert (archive.path / "code/b.py").read_bytes() == b"3"


@pytest.mark.parametrize(
    "path",
    [
        *("../a.py", "/etc/a.py", "a/../../b.py", "C:\\a.py", "a\0.py"),
        *(".env", "deep/.env.local", "keys/server.PEM", "id_rsa", "x.zip", "x.csv", "w.npy"),
    ],
)
def test_the_code_takes_no_secrets_no_data_and_nothing_outside(archive: Archive, path: str) -> None:
    kept = keep_code({path: b"x", "a.py": b"y"})
    archive.write_code(kept)
    assert kept.keys() == {"a.py"}
    assert [place.name for place in archive.path.rglob("*")] == ["code", "a.py"]


def test_the_code_has_a_size_cap() -> None:
    many = {"huge.py": b"x" * (FILE_CAP + 1)}
    many |= {f"m{number}.py": b"x" * FILE_CAP for number in range(CODE_CAP // FILE_CAP + 2)}
    assert [*keep_code(many)] == [f"m{number}.py" for number in range(CODE_CAP // FILE_CAP)]


def test_code_without_secrets_matches_its_digest() -> None:
    content = b'api_key = "sesame"  # \xff\n'
    kept = keep_code(
        {"params.toml": content},
        lambda path, text: Content.of(text.replace(b"sesame", b"***")),
    )
    without = b'api_key = "***"  # \xff\n'
    assert kept == {"params.toml": Content(without, hashlib.sha256(without).hexdigest())}
