"""Damage is data: whatever was done to an archive, each verb that reads tells of it and goes on.

An edit is drawn (a type, a size, a depth, a bit, a cut, a link …), done to one file of one of two
archives beside a healthy one, and every reading verb is asked. None may end in a traceback, and
the healthy archive is listed whatever became of the others. `EXPT_EDITS=100000` tries more.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import struct
import tempfile
import tracemalloc
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from expt.archive import Archive, owner_of_this_process, read_analyses, write_plots, write_record
from expt.archive.manifest import Content
from expt.cli.main import main
from expt.ground.encoding import is_same
from expt.ground.errors import DamagedArchive, NoSuchRun, ReadingError
from expt.ground.model import Origin, RunRecord
from expt.reading import Runs, find_runs, load_archive, load_run
from expt.rendering.script import write_script
from expt.tracking import open_recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

DEAD = {**owner_of_this_process(), "pid": 2**22 + 1}
NAMES = {status: f"2026-11-23_10-15-3{n}_{status[:4]}aaaaaa" for n, status in enumerate(
    ("completed", "running", "healthy")
)}  # fmt: skip
EDITS = int(os.environ.get("EXPT_EDITS", "100"))


def make_archive(root: Path, status: str) -> Path:
    """A run that has left a file of every format."""
    path = root / "m" / NAMES[status]
    path.mkdir(parents=True)
    run_id = path.name.rpartition("_")[2]
    archive = Archive(path, run_id)
    archive.write_environment(
        {
            "python": "3.11",
            "platform": "Linux",
            "cpu": {"model": "x", "count": 2},
            "memory": 2**34,
            "accelerators": [{"name": "GPU"}],
            "packages": {"numpy": "2"},
            "git": {"commit": "abc", "branch": "main", "dirty": True},
        }
    )
    archive.write_params({"lr": 0.1})
    archive.write_code({"m.py": b"def analysis_a(run): pass\ndef experiment_a(): pass\n"})
    archive.write_patch(Content.of(b"diff --git a/m.py b/m.py\n"))
    archive.write_analyses([{"name": "analysis_a", "path": "m.py"}])
    for name, value in (
        ("a.npy", np.arange(3)),
        ("b.npz", {"x": np.arange(3)}),
        ("c.png", np.zeros((2, 3), np.uint8)),
        ("d.json", {"a": [1]}),
        ("e.toml", {"a": 1}),
        ("x" * 300, "a text"),
    ):
        archive.save(name, value)
    (path / "output.log").write_text("said\n")
    write_plots(path, {"loss": ["loss.png"]}, ["no picture"])
    (path / "plots" / "loss.png").touch()
    recorder = open_recorder(path / "series", label="x")
    for step in range(3):
        recorder.track("loss", 1.0 / (step + 1))
        recorder.track("note", "a text")
        recorder.track("pair", {"a": step, "b": {"c": 0.5}})
    recorder.track("img", np.zeros((2, 3), np.uint8))
    recorder.track("arr", np.eye(2))
    recorder.set_result("early", {"x": [1, Path("a")]})
    recorder.close()
    finished = status != "running"
    record = RunRecord(
        id=run_id,
        experiment="m.py::experiment_a",
        case="lr-0.1",
        description="An experiment.",
        status="completed" if finished else "running",
        started="2026-11-23T10:15:30.000001+00:00",
        finished="2026-11-23T10:15:31+00:00" if finished else None,
        duration=1.0 if finished else None,
        params={"lr": 0.1, "optimizer": {"name": "adam"}},
        origins={"lr": (Origin("params.toml", "params.toml:1", 0.1),)},
        results={"accuracy": 0.9, "bound": float("inf")},
        series={
            "loss": {"kind": "scalar", "count": 3, "last": 0.3, "min": 0.3, "max": 1.0},
            "note": {"kind": "text", "count": 3, "last": "a text", "min": None, "max": None},
            "img": {"kind": "image", "count": 1, "last": None, "min": None, "max": None},
        },
        lineage={
            "extends": ["n.py::experiment_b"],
            "deviations": {"lr": 0.1},
            "rerun_of": None,
            "session": "s",
            "sweep": {"lr": 0.1},
            "fingerprint": "f",
        },
        tags=("t",),
        note="a note",
        command=("expt", "m.py"),
        notices=("a notice",),
        owner=DEAD,
    )
    write_record(path, record)
    return path


FILES = (
    *("run.json", "environment.json", "code/analyses.json", "plots/index.json"),
    *("plots/notices.json", "series/names.jsonl", "series/entries.jsonl", "series/results.jsonl"),
    *("artifacts/%names.jsonl", "series/scalars.bin", "artifacts/a.npy", "artifacts/b.npz"),
    *("artifacts/c.png", "artifacts/d.json", "artifacts/e.toml", "output.log", "code/m.py"),
    *("code/uncommitted.patch", "series/0004-img/000000.png", "series/0005-arr/000000.npy"),
)
JSON_FILES = FILES[:9]

VALUES = (
    *("null", "true", "0", "-1", "1.5", "1e308", "1e999", "1" + "0" * 400, str(2**63), '"x"', '""'),
    *("[]", "{}", "[1]", '{"a": 1}', '[[["x"]]]', '"\\ud800"', '"\\u001b[31m\\n"', '"../../x"'),
    *('{"$dict": [[1, 2]]}', '{"$dict": [[{}, 1]]}', '{"$dict": [[1]]}', '{"$dict": 3}'),
    *('{"$float": "nan"}', '{"$float": []}', '{"$date": "9999-12-31T23:59:59-23:59"}'),
    *('{"$date": "2026-01-01"}', '{"$path": "/etc/passwd"}', '{"$path": ""}', '{"$new": 1}'),
    *('"9999-12-31T23:59:59-23:59"', '"0001-01-01"', '"scalar"', '"running"', '"failed"', "NaN"),
    *("[" * 150 + "]" * 150, '{"a":' * 900 + "1" + "}" * 900, '"' + "x" * 100_000 + '"'),
    *("[" * 100_000, json.dumps([0] * 10_000)),
)


@attrs.frozen
class Edit:
    """What is done to one file; everything it draws follows from `seed`."""

    archive: str
    file: str
    kind: str
    seed: int

    def do(self, root: Path) -> None:
        place = root / "m" / NAMES[self.archive] / self.file
        chance = random.Random(self.seed)
        getattr(self, f"_{self.kind}")(place, chance)
        archive = root / "m" / NAMES[self.archive]
        os.utime(archive, (1_700_000_000, 1_700_000_000))  # it is not about to be written

    def _value(self, place: Path, chance: random.Random) -> None:
        """One value of the JSON becomes another, a key is lost, or a line comes twice."""
        lines = place.read_text().splitlines() if place.suffix == ".jsonl" else [place.read_text()]
        at = chance.randrange(len(lines))
        tree = [json.loads(lines[at])]
        holder, key = chance.choice(list(_holders(tree)))
        if chance.random() < 0.1 and isinstance(holder, dict):
            del holder[key]
        else:
            holder[key] = "@RAW@"
        lines[at] = json.dumps(tree[0]).replace('"@RAW@"', chance.choice(VALUES))
        if chance.random() < 0.1:
            lines.append(lines[at])
        place.write_text("\n".join(lines) + "\n")

    def _raw(self, place: Path, chance: random.Random) -> None:
        """The file is one value, or has one more line."""
        text = chance.choice(VALUES) + "\n"
        with place.open(chance.choice("wa")) as file:
            file.write(text)

    def _bits(self, place: Path, chance: random.Random) -> None:
        content = bytearray(place.read_bytes())
        for _ in range(chance.randrange(1, 8) if content else 0):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        place.write_bytes(content)

    def _bytes(self, place: Path, chance: random.Random) -> None:
        """A span becomes other bytes, more or fewer."""
        content = place.read_bytes()
        start = chance.randrange(len(content) + 1)
        end = min(len(content), start + chance.randrange(40))
        place.write_bytes(content[:start] + chance.randbytes(chance.randrange(40)) + content[end:])

    def _cut(self, place: Path, chance: random.Random) -> None:
        os.truncate(place, chance.randrange(place.stat().st_size + 1))

    def _grown(self, place: Path, chance: random.Random) -> None:
        """A hole follows, up to a terabyte."""
        os.truncate(place, place.stat().st_size + 2 ** chance.choice((5, 12, 20, 40)))

    def _other(self, place: Path, chance: random.Random) -> None:
        """Something else stands there: nothing, a folder, a FIFO, a link to a file or to `/`."""
        if "/" in self.file:
            place = chance.choice((place, place, place.parent))
        shutil.rmtree(place) if place.is_dir() else place.unlink()
        what = chance.randrange(5)
        if what == 1:
            place.mkdir()
        elif what == 2:
            os.mkfifo(place)
        elif what > 2:
            place.symlink_to("/etc/passwd" if what == 3 else "/")


def _holders(tree: Any) -> Any:
    """Every container with each of its keys, outermost first."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield tree, key
        if isinstance(value, (dict, list)):
            yield from _holders(value)


@st.composite
def edits(draw: Any) -> Edit:
    kind = draw(st.sampled_from(("value", "value", "value", "raw", "bits", "bytes", "cut", "grown",
                                 "other")))  # fmt: skip
    files = JSON_FILES if kind == "value" else FILES
    return Edit(
        draw(st.sampled_from(("completed", "running"))),
        draw(st.sampled_from(files)),
        kind,
        draw(st.integers(0, 2**32 - 1)),
    )


@pytest.fixture(scope="module")
def roots() -> Iterator[tuple[Path, Path]]:
    """An archive root as it was, and a copy to edit, in memory where there is a place for that."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as place:
        good, edited = Path(place, "good"), Path(place, "edited")
        for status in NAMES:
            make_archive(good, status)
        for path in good.rglob("*"):
            os.utime(path, (1_700_000_000, 1_700_000_000))
        shutil.copytree(good, edited)
        yield good, edited


def restore(good: Path, edited: Path, archive: str) -> None:
    place = Path("m", NAMES[archive])
    shutil.rmtree(edited / place, ignore_errors=True)
    shutil.copytree(good / place, edited / place)


MACHINE = (
    ("--json",),
    ("--csv",),
    ("--columns", "id,started,lr,results.accuracy,last.loss"),
    ("--sort", "lr", "--reverse"),
    ("heal", "comp"),
    ("heal", "runn", "--all"),
)


def ask_everything(root: Path, archive: str, turn: int) -> None:
    """The verbs that read, as the command and in Python; of the forms for machines one a turn."""
    path = root / "m" / NAMES[archive]
    listed, told = show(root)
    assert "heal" in listed
    assert path.name.rpartition("_")[2][:4] in listed or path.name in told
    show(root, *MACHINE[turn % len(MACHINE)])
    show(root, str(path), *(((), ("--json",), ("--csv",))[turn % 3] if turn % 2 else ()))
    with contextlib.suppress(ReadingError):
        ask_run(path)
    runs = find_runs(root)
    assert repr(runs)
    assert runs._repr_html_()
    assert runs.compare(every=True)


def show(root: Path, *words: str) -> tuple[str, str]:
    """What `expt show` prints; any failure but a told one raises."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["show", "--runs", str(root), *words])
    is_list = not words or words[0].startswith("--")
    assert code == 0 or (code == 4 and not is_list), f"{words}: {err.getvalue()}"
    if words == ("--json",):
        json.loads(out.getvalue())
    return out.getvalue(), err.getvalue()


def ask_run(path: Path) -> None:
    run = load_archive(path)
    assert repr(run)
    assert run._repr_html_()
    run.outline()
    sections = ("environment", "code", "patch", "log", "plots", "notices", "origins", "error",
                "lineage", "host", "command", "record", "series_summaries")  # fmt: skip
    for name in sections:
        with contextlib.suppress(ReadingError):
            getattr(run, name)
    with contextlib.suppress(ReadingError):
        read_analyses(path)
    for artifact in run.artifacts.values():
        with contextlib.suppress(ReadingError):
            artifact.load()
    for series in run.series.values():
        assert len(series) == len(series.steps) == len(series.times) == len(series.values)
        with contextlib.suppress(ReadingError):
            _ = series.last, series.leaves, list(series.values)
    assert isinstance(run.series.damage, tuple)
    with contextlib.suppress(ReadingError):
        compile(write_script(run), "analysis.py", "exec")


@pytest.mark.timeout(0)  # by the number of edits
@settings(
    max_examples=EDITS,
    derandomize="EXPT_EDITS" not in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(edit=edits())
@example(edit=Edit("completed", "run.json", "value", 1))
def test_whatever_was_done_to_an_archive_each_verb_tells_of_it(
    edit: Edit, roots: tuple[Path, Path]
) -> None:
    """case: detail-crash, listing-broken, files-memory"""
    good, edited = roots
    try:
        edit.do(edited)
        ask_everything(edited, edit.archive, edit.seed)
    finally:
        restore(good, edited, edit.archive)


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
    ("environment.json", ("accelerators",), '"x"', "environment"),
    ("environment.json", ("memory",), "1" + "0" * 400, "environment"),
    ("environment.json", ("cpu",), "[]", "environment"),
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


def set_value(file: Path, path: tuple[Any, ...], value: str) -> None:
    tree = json.loads(file.read_text())
    holder = tree
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = "@RAW@"
    file.write_text(json.dumps(tree).replace('"@RAW@"', value))


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
        for words in ((), *MACHINE[:4]):
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
        for words in ((), *MACHINE[:4]):
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


@pytest.mark.parametrize("archive", ["completed", "running"])
@pytest.mark.parametrize("file", SPARSE)
def test_a_file_that_says_it_is_a_terabyte_long_takes_no_memory(
    archive: str, file: str, roots: tuple[Path, Path]
) -> None:
    """case: files-memory; siblings: results, the patch, the log, the index of plots."""
    good, edited = roots
    try:
        os.truncate(edited / "m" / NAMES[archive] / file, 2**40)
        tracemalloc.start()
        ask_everything(edited, archive, 1)
        assert tracemalloc.get_traced_memory()[1] < 400e6
    finally:
        tracemalloc.stop()
        restore(good, edited, archive)


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
