"""Packed archives come back at their places; a zip that leads outside is not unpacked."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
import tempfile
import types
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from expt.archive.manifest import check_manifest, write_manifest
from expt.archive.packing import pack_archives, unpack_archives
from expt.ground.errors import ExptError
from expt.ground.files import written_whole
from expt.reading.scanning import scan_archives

if TYPE_CHECKING:
    from collections.abc import Callable

PLACE = "a/experiment_a/2026-11-23_10-15-30_abcdefghij"


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    archive = tmp_path / "runs" / PLACE
    (archive / "series").mkdir(parents=True)
    (archive / "artifacts/x.zip").mkdir(parents=True)
    (archive / "run.json").write_text("{}")
    (archive / "series/scalars.bin").write_bytes(bytes(range(256)))
    (archive / "artifacts/x.zip/run.json").write_text("an artifact of that name")
    return archive


def test_what_is_packed_comes_back_at_its_place(tmp_path: Path, archive: Path) -> None:
    file = tmp_path / "runs.zip"
    pack_archives([(PLACE, archive)], file)
    assert unpack_archives(file, tmp_path / "elsewhere") == [tmp_path / "elsewhere" / PLACE]
    assert files_below(tmp_path / "elsewhere" / PLACE) == files_below(archive)
    assert sorted(path.name for path in (tmp_path / "elsewhere").iterdir()) == ["a"]


def test_the_same_archives_give_the_same_bytes(tmp_path: Path, archive: Path) -> None:
    for name in ("one.zip", "two.zip"):
        pack_archives([(PLACE, archive)], tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="names as Windows has none")
def test_a_file_may_be_called_whatever_a_file_can_be_called(tmp_path: Path, archive: Path) -> None:
    for name in ("12:30:01.png", "back\\slash", " ", "line\nbreak", "x#y?%41", "..x", "é"):
        (archive / "artifacts" / name).write_text(name)
    write_manifest(archive)
    pack_archives([(PLACE, archive)], tmp_path / "runs.zip")
    unpack_archives(tmp_path / "runs.zip", tmp_path / "elsewhere")
    assert files_below(tmp_path / "elsewhere" / PLACE) == files_below(archive)
    assert check_manifest(tmp_path / "elsewhere" / PLACE) == []


@pytest.mark.skipif(sys.platform != "linux", reason="file systems that know letters alone")
def test_a_name_that_is_no_text_is_an_error_that_names_it(tmp_path: Path, archive: Path) -> None:
    """Of a file, and of a folder above the archive."""
    odd = os.fsdecode(b"\xff")
    with pytest.raises(ExptError, match="no UTF-8"):
        pack_archives([(f"{odd}/{PLACE}", archive)], tmp_path / "runs.zip")
    (archive / "artifacts" / odd).write_text("x")
    write_manifest(archive)
    assert check_manifest(archive) == []
    with pytest.raises(ExptError, match="no UTF-8") as raised:
        pack_archives([(PLACE, archive)], tmp_path / "runs.zip")
    assert raised.value.at == str(archive)
    assert not list(tmp_path.glob("*.zip"))


def test_a_place_where_nothing_can_be_written_is_named_and_no_temporary_one(
    tmp_path: Path, archive: Path
) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match="Not a directory") as raised:
        pack_archives([(PLACE, archive)], tmp_path / "file/runs.zip")
    assert raised.value.filename == str(tmp_path / "file/runs.zip")


def test_links_are_not_packed(tmp_path: Path, archive: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (archive / "artifacts/link").symlink_to(tmp_path / "secret")
    pack_archives([(PLACE, archive)], tmp_path / "runs.zip")
    with zipfile.ZipFile(tmp_path / "runs.zip") as packed:
        assert f"{PLACE}/artifacts/link" not in packed.namelist()


def test_two_names_that_differ_in_case_alone_come_back(tmp_path: Path, archive: Path) -> None:
    """Two modules of an experiment may be called so; whoever packed them can unpack them."""
    (archive / "code").mkdir(exist_ok=True)
    (archive / "code/net.py").write_text("small")
    (archive / "code/Net.py").write_text("large")
    before = files_below(archive)
    pack_archives([(PLACE, archive)], tmp_path / "runs.zip")
    (back,) = unpack_archives(tmp_path / "runs.zip", tmp_path / "elsewhere")
    assert files_below(back) == before


def test_an_archive_that_is_there_is_not_touched(tmp_path: Path, archive: Path) -> None:
    file = tmp_path / "runs.zip"
    pack_archives([(PLACE, archive)], file)
    (archive / "run.json").write_text('{"mine": 1}')
    with pytest.raises(ExptError, match="is there already"):
        unpack_archives(file, tmp_path / "runs")
    assert (archive / "run.json").read_text() == '{"mine": 1}'


def test_what_takes_more_than_is_free_is_not_begun(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "runs.zip"
    pack_archives([(PLACE, archive)], file)
    size = sum(len(content) for content in files_below(archive).values())
    room = types.SimpleNamespace(free=size - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: room)
    with pytest.raises(ExptError, match=r"it takes .*, more than is free"):
        unpack_archives(file, tmp_path / "other")
    assert list((tmp_path / "other").iterdir()) == []
    room.free = size
    assert len(unpack_archives(file, tmp_path / "other")) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is killed in the middle")
def test_what_a_killed_process_was_unpacking_is_in_no_listing(
    tmp_path: Path, archive: Path
) -> None:
    """The next one deletes it, a day later."""
    file, root = tmp_path / "runs.zip", tmp_path / "other"
    pack_archives([(PLACE, archive)], file)
    child = os.fork()
    if child == 0:
        os.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
        unpack_archives(file, root)
    os.waitpid(child, 0)
    (left,) = root.glob(".*")
    assert list(left.rglob("run.json")) and not scan_archives(root)
    os.utime(left, (1, 1))
    unpack_archives(file, root)
    assert list(scan_archives(root)) == [PLACE]
    assert not left.exists()


def killed_at(
    monkeypatch: pytest.MonkeyPatch, what: str, count: int, do: Callable[[], object]
) -> None:
    """`do` in a process that is killed when it comes to call a function of `os` so often."""
    child = os.fork()
    if child == 0:
        real = getattr(os, what)
        calls = iter([real] * (count - 1))
        die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
        monkeypatch.setattr(os, what, lambda *given: next(calls, die)(*given))
        try:
            do()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is killed in the middle")
def test_unpacking_goes_on_where_a_killed_process_was(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, root = tmp_path / "runs.zip", tmp_path / "other"
    other = PLACE.replace("abc", "xyz")
    pack_archives([(PLACE, archive), (other, archive)], file)
    killed_at(monkeypatch, "rename", 2, lambda: unpack_archives(file, root))
    assert list(scan_archives(root)) == [PLACE]
    inode = (root / PLACE).stat().st_ino
    assert unpack_archives(file, root) == [root / PLACE, root / other]
    assert files_below(root / other) == files_below(archive) == files_below(root / PLACE)
    assert (root / PLACE).stat().st_ino == inode


@pytest.mark.parametrize("name", ["series/scalars.bin", "run.json", "artifacts/x.zip/run.json"])
@pytest.mark.parametrize("change", ["cut", "longer", "gone", "flipped"])
def test_what_is_there_with_other_content_refuses_the_whole_zip(
    tmp_path: Path, archive: Path, name: str, change: str
) -> None:
    pack_archives([(PLACE, archive), ("b", archive)], tmp_path / "runs.zip")
    content = (archive / name).read_bytes()
    (archive / name).write_bytes(content[:-1] + {"longer": b"}x", "flipped": b"!"}.get(change, b""))
    if change == "gone":
        (archive / name).unlink()
    with pytest.raises(ExptError, match="is there already, and is another"):
        unpack_archives(tmp_path / "runs.zip", tmp_path / "runs")
    assert not (tmp_path / "runs/b").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is killed in the middle")
def test_the_half_of_a_zip_that_a_killed_process_left_goes_with_the_next(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One with a name that is as long as a name can be, and nobody else's half."""
    file = tmp_path / f"{'n' * 251}.zip"
    others = [tmp_path / f"%tmp-{os.getpid()}-1-00000000", tmp_path / "%tmp-mine"]
    for other in others:
        other.touch()
    killed_at(monkeypatch, "replace", 1, lambda: pack_archives([(PLACE, archive)], file))
    assert len(list(tmp_path.glob("%tmp-*"))) == 3 and not file.exists()
    pack_archives([(PLACE, archive)], file)
    assert sorted(tmp_path.glob("%tmp-*")) == sorted(others)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe with a name")
def test_a_pipe_is_written_to_and_stays(tmp_path: Path, archive: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as reader:
        content = reader.submit(pipe.read_bytes)
        pack_archives([(PLACE, archive)], pipe)
    (tmp_path / "piped.zip").write_bytes(content.result())
    assert unpack_archives(tmp_path / "piped.zip", tmp_path / "there") == [
        tmp_path / "there" / PLACE
    ]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("folder", ["/dev/fd", "/proc/self/fd"])
def test_a_descriptor_is_written_to_as_it_is_whatever_is_behind_it(
    tmp_path: Path, archive: Path, folder: str
) -> None:
    """As `/dev/stdout` is, where a shell leads it into a file."""
    if not Path(folder).exists():
        pytest.skip("descriptors have no names here")
    with open(tmp_path / "runs.zip", "w+b") as file:
        inode = os.fstat(file.fileno()).st_ino
        pack_archives([(PLACE, archive)], Path(folder, str(file.fileno())))
    assert (tmp_path / "runs.zip").stat().st_ino == inode
    assert unpack_archives(tmp_path / "runs.zip", tmp_path / "there")


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="a folder of files below /dev")
def test_a_file_in_memory_is_whole_or_absent_as_any() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        place = Path(folder, "file")
        place.write_bytes(b"old")
        with pytest.raises(ZeroDivisionError), written_whole(place) as stream:
            stream.write(b"half")
            assert len(os.listdir(folder)) == 2
            raise ZeroDivisionError
        assert place.read_bytes() == b"old"
        assert os.listdir(folder) == ["file"]


def make_zip(path: Path, names: dict[str, int]) -> Path:
    """A zip of small files; the number is the mode of each."""
    with zipfile.ZipFile(path, "w") as packed:
        for name, mode in names.items():
            about = zipfile.ZipInfo("x")
            about.filename = name
            about.external_attr = mode << 16
            packed.writestr(about, "{}")
    return path


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({"a/run.json": 0, "../evil": 0}, "'../evil' leads outside"),
        ({"a/run.json": 0, "a/../../evil": 0}, "leads outside"),
        ({"/tmp/run.json": 0}, "leads outside"),
        ({"C:/run.json": 0}, "leads outside"),
        ({"a\\..\\run.json": 0}, "leads outside"),
        ({"a/run.json": 0, "a//b": 0}, "leads outside"),
        ({"a/run.json": 0, "a/link": stat.S_IFLNK | 0o777}, "'a/link' is no regular file"),
        ({"a/run.json": 0, "a/pipe": stat.S_IFIFO | 0o600}, "is no regular file"),
        ({"a/run.json": 0, "a/run.json/": 0}, "is in it twice"),
        ({"a/run.json": 0, "b/x": 0}, "'b/x' belongs to no archive in it"),
        ({"a/x": 0}, "it holds no run.json"),
    ],
)
def test_a_zip_that_is_not_safe_is_refused_and_nothing_written(
    tmp_path: Path, names: dict[str, int], told: str
) -> None:
    root = tmp_path / "deep" / "runs"
    with pytest.raises(ExptError) as raised:
        unpack_archives(make_zip(tmp_path / "evil.zip", names), root)
    assert told in raised.value.what
    assert not root.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["evil.zip"]


def test_a_zip_that_is_cut_or_lies_about_its_sizes_leaves_nothing(
    tmp_path: Path, archive: Path
) -> None:
    file = tmp_path / "runs.zip"
    pack_archives([(PLACE, archive)], file)
    whole = file.read_bytes()
    for content in (
        b"",
        b"PK",
        whole[: len(whole) // 2],
        whole.replace(bytes(range(64)), b"x" * 64),
    ):
        file.write_bytes(content)
        with pytest.raises(ExptError, match=r"whole zip|cannot be unpacked"):
            unpack_archives(file, tmp_path / "elsewhere")
        assert list(tmp_path.glob("elsewhere/*")) == []
