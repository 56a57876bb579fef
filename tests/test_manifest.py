"""A manifest lists the evidence of an archive, and finds whatever is not as it was."""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from expt.archive.kept_code import keep_code
from expt.archive.manifest import Deviation, check_manifest, write_manifest
from expt.archive.writer import Archive
from expt.ground.errors import DamagedArchive

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    for name, content in {
        "run.json": "{}",
        "series/scalars.bin": "\0" * 64,
        "code/experiments/a.py": "x = 1",
        "artifacts/%2E/b.txt": "b",
        "plots/loss.png": "a picture",
        "analysis.py": "a script",
        "labels.json": "{}",
        "artifacts/%tmp-1-2": "half",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    write_manifest(tmp_path)
    return tmp_path


def test_it_lists_size_and_digest_of_all_evidence_and_of_no_rendering(archive: Path) -> None:
    files = json.loads((archive / "manifest.json").read_text())["files"]
    assert sorted(files) == [
        "artifacts/%2E/b.txt",
        "code/experiments/a.py",
        "run.json",
        "series/scalars.bin",
    ]
    assert files["run.json"] == {"size": 2, "sha256": hashlib.sha256(b"{}").hexdigest()}
    assert check_manifest(archive) == []


def test_an_empty_file_has_the_hash_of_nothing(archive: Path) -> None:
    (archive / "output.log").touch()
    write_manifest(archive)
    files = json.loads((archive / "manifest.json").read_text())["files"]
    assert files["output.log"] == {"size": 0, "sha256": hashlib.sha256(b"").hexdigest()}
    assert check_manifest(archive) == []
    (archive / "output.log").write_text("x")
    assert check_manifest(archive) == [Deviation("output.log", "changed")]


def test_one_flipped_bit_is_found_and_named(archive: Path) -> None:
    path = archive / "series/scalars.bin"
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    assert check_manifest(archive) == [Deviation("series/scalars.bin", "changed")]


def test_what_is_missing_added_or_a_link_is_told(archive: Path) -> None:
    (archive / "run.json").unlink()
    (archive / "run.json").symlink_to("analysis.py")
    (archive / "code/experiments/a.py").unlink()
    (archive / "code/more.py").write_text("y = 2")
    assert check_manifest(archive) == [
        Deviation("code/experiments/a.py", "missing"),
        Deviation("code/more.py", "added"),
        Deviation("run.json", "missing"),
    ]


def test_what_the_disk_does_not_give_is_told_and_the_rest_is_compared(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (archive / "code/added.py").write_text("")
    open_any = os.open

    def refuse(path: Any, *words: Any, **named: Any) -> int:
        if str(path).endswith("run.json"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return open_any(path, *words, **named)

    monkeypatch.setattr(os, "open", refuse)
    assert check_manifest(archive) == [
        Deviation("code/added.py", "added"),
        Deviation("run.json", "unreadable"),
    ]


def test_renderings_and_labels_may_change(archive: Path) -> None:
    (archive / "plots/loss.png").write_text("another")
    (archive / "plots/new.png").write_text("more")
    (archive / "analysis.py").unlink()
    (archive / "labels.json").write_text('{"tags": ["x"]}')
    assert check_manifest(archive) == []


def test_an_archive_without_a_manifest_is_no_error(archive: Path) -> None:
    (archive / "manifest.json").unlink()
    assert check_manifest(archive) is None


@pytest.mark.parametrize("content", ["", "[]", '{"files": 3}', "{", "[" * 9000])
def test_a_damaged_manifest_is_named(archive: Path, content: str) -> None:
    (archive / "manifest.json").write_text(content)
    with pytest.raises(DamagedArchive, match=r"manifest\.json is not what expt writes"):
        check_manifest(archive)


def test_what_we_wrote_is_not_read_again_unless_somebody_wrote_to_it(tmp_path: Path) -> None:
    """Its size and time tell: a hash that was taken of the bytes in hand is that of the file."""
    archive = Archive.claim(tmp_path, "a", dt.datetime(2026, 11, 26))
    archive.write_params({"lr": 1})
    archive.write_code(keep_code({"a.py": b"x = 1\n", "b.py": b"y = 1\n"}))
    (archive.path / "code/a.py").write_bytes(b"x = 1000\n")
    behind = archive.path / "code/b.py"
    then = behind.stat()
    behind.write_bytes(b"y = 2\n")
    os.utime(behind, ns=(then.st_atime_ns, then.st_mtime_ns))
    archive.write_manifest()
    assert check_manifest(archive.path) == [Deviation("code/b.py", "changed")]


def test_small_files_of_series_are_read_once_and_hashed_again_if_somebody_wrote_to_them(
    tmp_path: Path,
) -> None:
    archive = Archive.claim(tmp_path, "a", dt.datetime(2026, 11, 26))
    series = archive.path / "series"
    series.mkdir()
    (series / "names.jsonl").write_bytes(b"names\n")
    (series / "results.jsonl").write_bytes(b"results\n")
    (series / "scalars.bin").write_bytes(bytes(5000))
    (series / "entries.jsonl").symlink_to("names.jsonl")
    assert archive.read_series() == {"names.jsonl": b"names\n", "results.jsonl": b"results\n"}
    (series / "results.jsonl").write_bytes(b"more results\n")
    archive.write_manifest()
    files = json.loads((archive.path / "manifest.json").read_text())["files"]
    assert sorted(files) == ["series/names.jsonl", "series/results.jsonl", "series/scalars.bin"]
    assert check_manifest(archive.path) == []
