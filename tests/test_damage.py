"""Damage is data: whatever was done to an archive, each reader tells of it and goes on.

Edits are drawn from an endless list with fixed seeds (`damaged_archives`) and done to one file of
one of two archives beside a healthy one. `EXPT_EDITS=100000` tries so many, and
`EXPT_EDITS_FROM` starts elsewhere in the list.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import struct
import traceback
import tracemalloc
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from damaged_archives import (
    NAMES,
    Edit,
    ask,
    draw_edit,
    find_in_list,
    folder_in_memory,
    make_root,
    put_back,
    read_in_turn,
    show,
)

from expt.archive.writer import write_record
from expt.ground.encoding import is_same
from expt.ground.errors import DamagedArchive, NoSuchRun
from expt.ground.model import RunRecord
from expt.page.frozen import gather
from expt.reading.finding import find_runs
from expt.reading.references import load_archive, load_run
from expt.reading.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Iterator

EDITS = int(os.environ.get("EXPT_EDITS", "200"))
FIRST = int(os.environ.get("EXPT_EDITS_FROM", "0"))
EARLIER = (
    Edit("completed", "run.json", "value", 1),
    Edit("running", "run.json", "value", 2214988870),  # a lineage that is no object
    Edit("running", "output.log", "grown", 4276392250),  # a hole of a terabyte
    Edit("running", "run.json", "value", 3614336894),  # an id that is not that of the folder
    Edit("running", "series/results.jsonl", "value", 1446392723),  # the end of the calendar
    Edit("running", "series/names.jsonl", "value", 3010249330),  # a series without a name
    Edit("running", "environment.json", "value", 1759431246),  # packages that are no texts
    Edit("running", "run.json", "value", 2684094680),  # a tag around what it cannot hold
)
"""Edits of earlier days that a reader did not survive."""


@pytest.fixture(scope="module")
def roots() -> Iterator[tuple[Path, Path]]:
    """An archive root as it was, and a copy to edit."""
    with folder_in_memory() as place:
        good, edited = place / "good", place / "edited"
        make_root(good)
        shutil.copytree(good, edited)
        yield good, edited


def restore(good: Path, edited: Path, archive: str) -> None:
    put_back(good, edited, Path("m", NAMES[archive]))


@pytest.mark.timeout(0)  # by the number of edits
def test_whatever_was_done_to_an_archive_each_reader_tells_of_it(
    roots: tuple[Path, Path],
) -> None:
    """case: detail-crash, listing-broken, files-memory"""
    good, edited = roots
    failures = []
    drawn = (draw_edit(number) for number in range(FIRST, FIRST + EDITS))
    for edit in (*EARLIER, *drawn):
        try:
            with edit.done(good, edited) as path:
                ask(edited, path, edit.seed)
        except Exception:
            failures.append(f"{edit}\n{traceback.format_exc(limit=-4)}")
    assert not failures, "\n".join([f"{len(failures)} edits", *failures[:20]])


DETAIL = [
    ("run.json", ("series", "loss", "count"), '"x"', "series"),
    ("run.json", ("series", "loss", "count"), "[1]", "series"),
    ("run.json", ("series", "loss", "last"), "1" + "0" * 400, "series"),
    ("run.json", ("series", "loss", "kind"), '"no kind"', "series"),
    ("run.json", ("lineage", "extends"), "5", "lineage"),
    ("run.json", ("lineage", "deviations"), '{"$dict": [[1, 2]]}', "lineage"),
    ("run.json", ("lineage", "sweep"), '"x"', "lineage"),
    ("run.json", ("origins", "lr"), "[[1]]", "origins"),
    ("run.json", ("command",), "[1]", "command"),
    ("run.json", ("host",), "[]", "host"),
    ("run.json", ("notices",), '{"a": 1}', "notices"),
    ("run.json", ("usage",), '{"$dict": [[1]]}', "usage"),
    ("run.json", ("usage", "cpu_time"), '"x"', "usage"),
    ("run.json", ("usage", "peak_memory"), "1" + "0" * 400, "usage"),
    ("environment.json", ("accelerators",), '"x"', "environment"),
    ("environment.json", ("memory",), "1" + "0" * 400, "environment"),
    ("environment.json", ("cpu",), "[]", "environment"),
    ("environment.json", ("packages",), '{"$dict": [[1, "2"]]}', "environment"),
    ("environment.json", ("git", "commit"), "{}", "environment"),
    ("plots/notices.json", (0,), "1", "notices"),
]


@pytest.mark.parametrize(("file", "path", "value", "section"), DETAIL)
def test_a_section_that_is_damaged_says_so_and_the_others_are_shown(
    file: str, path: tuple[Any, ...], value: str, section: str, roots: tuple[Path, Path]
) -> None:
    """case: detail-crash; siblings: origins, command, host, notices, cpu, git."""
    good, edited = roots
    place = edited / "m" / NAMES["completed"]
    try:
        set_value(place / file, path, value)
        with pytest.raises(DamagedArchive):
            getattr(load_archive(place), section if section != "series" else "series_summaries")
        shown, _ = show(edited, str(place))
        assert "m.py::experiment_a" in shown
        assert "accuracy" in shown
        assert "impossible value" in shown or "not what was written" in shown
    finally:
        restore(good, edited, "completed")


def test_a_lost_run_whose_host_is_damaged_says_so(roots: tuple[Path, Path]) -> None:
    """sibling of case: detail-crash"""
    good, edited = roots
    place = edited / "m" / NAMES["running"]
    try:
        set_value(place / "run.json", ("host",), "[]")
        shown, _ = show(edited, str(place))
        assert "impossible value for 'host'" in shown
        assert "in Python" in shown
    finally:
        restore(good, edited, "running")


def set_value(file: Path, path: tuple[Any, ...], value: str) -> None:
    tree = json.loads(file.read_text())
    holder = tree
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = "@RAW@"
    file.write_text(json.dumps(tree).replace('"@RAW@"', value))


LISTS = (
    ("--json",),
    ("--csv",),
    ("--columns", "id,started,lr,results.accuracy,last.loss"),
    ("--sort", "lr", "--reverse"),
)
LISTING = [
    ("completed", "run.json", ("duration",), "1" + "0" * 400),
    ("completed", "run.json", ("params", "lr"), "1e999"),
    ("completed", "run.json", ("started",), '"9999-12-31T23:59:59-23:59"'),
    ("completed", "run.json", ("finished",), '"0001-01-01T00:00:00+23:59"'),
    ("completed", "run.json", ("params",), '{"a":' * 900 + "1" + "}" * 900),
    ("completed", "run.json", ("params",), '{"$dict": [[1, 2]]}'),
    ("completed", "run.json", ("status",), "[]"),
]


@pytest.mark.parametrize(("archive", "file", "path", "value"), LISTING)
def test_one_bad_archive_is_named_and_the_others_are_listed(
    archive: str, file: str, path: tuple[Any, ...], value: str, roots: tuple[Path, Path]
) -> None:
    """case: listing-broken; siblings: a finish, keys and a status that are impossible."""
    good, edited = roots
    try:
        set_value(edited / "m" / NAMES[archive] / file, path, value)
        for words in ((), *LISTS):
            listed, told = show(edited, *words)
            assert "heal" in listed
            assert "runn" in listed
            assert NAMES[archive] in told
    finally:
        restore(good, edited, archive)


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("results.jsonl", '{"name": "x", "value": {"$dict": [[1]]}}'),
        ("results.jsonl", '{"name": "x", "value": {"$dict": [[{}, 1]]}}'),
        ("entries.jsonl", '{"id": 2, "step": 0, "time": 1%s, "value": "x"}' % ("0" * 400)),
        ("names.jsonl", '{"id": 1, "options": {"$date": "2026-01-01"}}'),
    ],
)
def test_a_damaged_line_of_a_lost_run_is_left_out(
    file: str, line: str, roots: tuple[Path, Path]
) -> None:
    """case: listing-broken"""
    good, edited = roots
    place = edited / "m" / NAMES["running"]
    try:
        with (place / "series" / file).open("a") as lines:
            lines.write(f"{line}\n")
        for words in ((), *LISTS):
            listed, told = show(edited, *words)
            assert "heal" in listed
            assert "runn" in listed and not told
        assert load_archive(place).last == {"loss": 1 / 3, "pair/a": 2, "pair/b/c": 0.5}
    finally:
        restore(good, edited, "running")


SPARSE = [
    *("run.json", "environment.json", "series/names.jsonl", "series/entries.jsonl"),
    *("series/results.jsonl", "series/scalars.bin", "artifacts/%names.jsonl", "code/m.py"),
    *("code/uncommitted.patch", "plots/notices.json", "plots/index.json", "output.log"),
]


@pytest.mark.parametrize(
    ("archive", "file"),
    [
        *(("completed", file) for file in SPARSE),
        *(("running", file) for file in SPARSE if file.startswith("series") or "log" in file),
    ],
)
def test_a_file_that_says_it_is_a_terabyte_long_takes_no_memory(
    archive: str, file: str, roots: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """case: files-memory; siblings: results, the patch, the log, the index of plots.

    A file of lines and a log are read to the limits as they are, by one reader; by all readers to
    smaller ones.
    """
    good, edited = roots
    try:
        path = edited / "m" / NAMES[archive]
        os.truncate(path / file, 2**40)
        with told_at_most() as peak:
            if file in ("series/entries.jsonl", "output.log") and archive == "running":
                read_in_turn(edited, path, 1)
            monkeypatch.setattr("expt.archive.lines.LONGEST_LINE", 1 << 20)
            monkeypatch.setattr("expt.reading.run.LONGEST_LOG", 1 << 20)
            find_in_list(edited, path)
            for turn in (0, 1, 2, 22):  # one run in full, in Python, on the page, compared
                read_in_turn(edited, path, turn)
        assert peak[0] < 400e6
    finally:
        restore(good, edited, archive)


@contextlib.contextmanager
def told_at_most() -> Iterator[list[int]]:
    """How many bytes of memory the block took at most; Linux tells it and makes it no slower."""
    peak: list[int] = []
    try:
        Path("/proc/self/clear_refs").write_text("5")
        before = resident_at_most()
    except (OSError, StopIteration):
        tracemalloc.start()
        try:
            yield peak
            peak.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    else:
        yield peak
        peak.append(resident_at_most() - before)


def resident_at_most() -> int:
    """Bytes of this process that were in memory at once, since that was last forgotten."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])


def npy(shape: str, descr: str = "'<f8'", rest: bytes = b"", length: int | None = None) -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    size = len(header) if length is None else length
    return b"\x93NUMPY\1\0" + size.to_bytes(2, "little") + header + rest


@pytest.mark.parametrize(
    "content",
    [
        npy("(10**12,)".replace("10**12", str(10**12)), rest=bytes(64)),
        npy("(1000000, 1000000, 1000000)"),
        npy("(-1,)"),
        npy("(1,)", "'|O'", bytes(8)),
        npy("(1,)", "[('a', '|O')]", bytes(8)),
        npy("__import__('os').getcwd()"),
        npy("(" * 5000),
        npy("(1,)", "'<f8'", bytes(8), length=3),
        npy("(1000000000000,)", "'|V0'"),
        b"\x93NUMPY\3\0\xff\xff\xff\xff",
        b"",
    ],
)
@pytest.mark.parametrize("file", ["artifacts/a.npy", "series/0005-arr/000000.npy"])
def test_a_header_that_lies_is_damage(content: bytes, file: str, roots: tuple[Path, Path]) -> None:
    """case: detail-crash, files-memory: siblings in `.npy`."""
    good, edited = roots
    place = edited / "m" / NAMES["completed"]
    try:
        (place / file).write_bytes(content)
        run = load_archive(place)
        with pytest.raises(DamagedArchive):
            run.artifacts["a.npy"].load()
            run.series["arr"].values[0]
    finally:
        restore(good, edited, "completed")


def bomb_png() -> bytes:
    """A header of 60,000 by 60,000 pixels, and next to none of them."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b"")):
        parts.append(struct.pack(">I", len(data)) + kind + data)
        parts.append(struct.pack(">I", zlib.crc32(kind + data)))
    return b"".join(parts)


@pytest.mark.parametrize(
    "content",
    [bomb_png(), b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"GIF89a" + bytes(20)],
    ids=["bomb", "a program for Ghostscript", "another format"],
)
@pytest.mark.parametrize("name", ["c.png", "img"])
def test_a_picture_is_opened_as_what_its_suffix_says(
    content: bytes, name: str, roots: tuple[Path, Path]
) -> None:
    """case: detail-crash; siblings: a program, another format."""
    good, edited = roots
    place = edited / "m" / NAMES["completed"]
    try:
        for file in ("artifacts/c.png", "series/0004-img/000000.png"):
            (place / file).write_bytes(content)
        run = load_archive(place)
        with pytest.raises(DamagedArchive):
            _ = run.artifacts[name].load() if name == "c.png" else run.series[name].values[0]
    finally:
        restore(good, edited, "completed")


@pytest.mark.parametrize("folder", ["artifacts", "series", "plots", "code"])
def test_a_folder_of_an_archive_that_is_a_link_is_not_followed(
    folder: str, roots: tuple[Path, Path]
) -> None:
    """case: link-in-root, sibling: the folders of an archive."""
    good, edited = roots
    place = edited / "m" / NAMES["completed"]
    try:
        shutil.rmtree(place / folder)
        (place / folder).symlink_to(good / "m" / NAMES["completed"] / folder)
        run = load_archive(place)
        assert not run.artifacts if folder == "artifacts" else True
        assert not run.series if folder == "series" else True
        if folder == "code":
            assert run.code == {}
        if folder == "plots":
            with pytest.raises(DamagedArchive, match="a link, which is not followed"):
                _ = run.plots
    finally:
        restore(good, edited, "completed")


@pytest.mark.parametrize(
    "reference",
    ["latest~" + "9" * 5000, "latest~" + "9" * 19, "m.py::experiment_a~" + "9" * 5000,
     "x~" + "1" * 5000, "9" * 100_000],
    ids=["latest", "20 digits", "node id", "id", "text"],
)  # fmt: skip
def test_a_reference_with_too_many_digits_is_no_run(
    reference: str, roots: tuple[Path, Path]
) -> None:
    """case: latest-digits; siblings: a node id, an id, a long text."""
    with pytest.raises(NoSuchRun):
        load_run(reference, roots[0])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, True, False),
        (1, 1.0, False),
        (0, False, False),
        (0.0, -0.0, False),
        ([0.0], [-0.0], False),
        ({"a": 1}, {"a": True}, False),
        ({1: "x"}, {True: "x"}, False),
        (None, False, False),
        ("1", 1, False),
        (float("nan"), float("nan"), True),
        ([1, float("nan")], [1, float("nan")], True),
        ({"a": [float("nan")]}, {"a": [float("nan")]}, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1], (1,), True),
    ],
)
def test_a_comparison_tells_what_a_run_would_notice(
    one: Any, other: Any, same: bool, tmp_path: Path
) -> None:
    """case: compare-calls-different-same"""
    assert is_same(one, other) is is_same(other, one) is same
    runs = []
    for number, value in enumerate((one, other)):
        path = tmp_path / f"2026-11-23_10-15-3{number}_run{number}"
        path.mkdir()
        started = "2026-11-23T10:15:30+00:00"
        record = RunRecord(f"run{number}", "m.py::experiment_a", None, "", "completed", started)
        write_record(path, attrs.evolve(record, params={"p": value}, results={"r": value}))
        runs.append(load_archive(path))
    differing = {row["name"].partition(".")[0] for row in Runs(runs).compare()}
    assert differing == (set() if same else {"params", "results"})


@pytest.mark.parametrize("others", [1, 2])
def test_nothing_differs_is_not_said_of_what_could_not_be_compared(
    others: int, roots: tuple[Path, Path]
) -> None:
    good, edited = roots
    place = edited / "m" / NAMES["completed"]
    copies = []
    try:
        for number in range(others):
            copy = place.with_name(f"2026-11-23_10-15-4{number}_copy{number}aaaaa")
            shutil.copytree(place, copy)
            copies.append(copy)
        set_value(place / "run.json", ("series", "loss", "count"), '"x"')
        shown, _ = show(edited, *map(str, (place, *copies)))
        first, *rest = shown.split("\n")
        assert first == "nothing differs in what could be compared"
        assert any(line.startswith("last") and "series" in line for line in rest)
    finally:
        for copy in copies:
            shutil.rmtree(copy)
        restore(good, edited, "completed")


def test_packages_that_differ_are_told_where_code_cannot_be_read(roots: tuple[Path, Path]) -> None:
    good, edited = roots
    place = edited / "m" / NAMES["completed"]
    try:
        set_value(place / "environment.json", ("packages", "numpy"), '"3"')
        shutil.rmtree(place / "code")
        (place / "code").symlink_to(good)
        (place / "code").unlink()
        (place / "code").mkdir()
        os.mkfifo(place / "code" / "m.py")
        os.truncate(place / "environment.json", (place / "environment.json").stat().st_size)
        shown, _ = show(edited, "heal", str(place))
        assert "numpy" in shown
    finally:
        restore(good, edited, "completed")


def test_the_report_tells_what_can_be_read_of_a_damaged_run(roots: tuple[Path, Path]) -> None:
    good, edited = roots
    place = edited / "m" / NAMES["completed"]
    try:
        (place / "environment.json").write_text("{")
        (place / "series" / "0005-arr" / "000000.npy").write_bytes(b"")
        told = gather(find_runs(edited))
        damage = told["runs"]["compaaaaaa"]["damage"]
        assert "environment.json" in damage.pop("environment")
        assert not damage
        assert told["runs"]["compaaaaaa"]["params"] == {"lr": 0.1, "optimizer": {"name": "adam"}}
        assert told["series"]["compaaaaaa"]["loss"]["count"] == 3
        assert not told["runs"]["healaaaaaa"]["damage"]
    finally:
        restore(good, edited, "completed")
