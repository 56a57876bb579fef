"""Archives that hold a file of every format, what can be done to them, and all that reads them.

make_archive ──► a root with a completed, a lost and a healthy run
draw_edit(7) ──► Edit 7: a type, a size, a depth, a bit, a cut, a link … in one file
ask(…)       ──► a list, the run in Python, and one of READERS by turns; none may raise
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from expt.archive.json_files import read_analyses, write_plots
from expt.archive.kept_code import keep_code
from expt.archive.manifest import Content, write_manifest
from expt.archive.owner import owner_of_this_process
from expt.archive.run_labels import Labels, write_labels
from expt.archive.writer import Archive, write_record
from expt.cli.main import main
from expt.ground.errors import ReadingError
from expt.ground.model import Origin, RunRecord
from expt.ground.text import visible
from expt.page.facts import tell_run, tell_series
from expt.page.run_table import tell_table
from expt.reading.differences import find_difference
from expt.reading.finding import find_runs, list_runs
from expt.reading.listed import list_of
from expt.reading.references import load_archive, load_run
from expt.rendering.script import write_script
from expt.tracking.recorder import open_recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEAD = {**owner_of_this_process(), "pid": 2**22 + 1}
NAMES = {status: f"2026-11-23_10-15-3{n}_{status[:4]}aaaaaa" for n, status in enumerate(
    ("completed", "running", "healthy")
)}  # fmt: skip
LONG_AGO = (1_700_000_000, 1_700_000_000)


@contextlib.contextmanager
def folder_in_memory() -> Iterator[Path]:
    """A temporary folder, in memory where there is a place for that."""
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        yield Path(folder)


def make_root(root: Path) -> None:
    """The three archives, none of which is about to be written."""
    for status in NAMES:
        make_archive(root, status)
    for path in root.rglob("*"):
        os.utime(path, LONG_AGO)


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
    archive.write_code(
        keep_code({"m.py": b"def analysis_a(run): pass\ndef experiment_a(): pass\n"})
    )
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
    write_labels(path, Labels(("later",), (), "written after the end"))
    write_manifest(path)
    return path


FILES = (
    *("run.json", "environment.json", "code/analyses.json", "plots/index.json"),
    *("plots/notices.json", "series/names.jsonl", "series/entries.jsonl", "series/results.jsonl"),
    *("artifacts/%names.jsonl", "series/scalars.bin", "artifacts/a.npy", "artifacts/b.npz"),
    *("artifacts/c.png", "artifacts/d.json", "artifacts/e.toml", "output.log", "code/m.py"),
    *("code/uncommitted.patch", "series/0004-img/000000.png", "series/0005-arr/000000.npy"),
    *("labels.json", "manifest.json"),
)
JSON_FILES = (*FILES[:9], "labels.json", "manifest.json")
KINDS = ("value", "value", "value", "raw", "bits", "bytes", "cut", "grown", "other")

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

    @contextlib.contextmanager
    def done(self, good: Path, edited: Path) -> Iterator[Path]:
        """The archive below `edited` with the edit in it; then it is as below `good` again."""
        archive = Path("m", NAMES[self.archive])
        place = edited / archive / self.file
        getattr(self, f"_{self.kind}")(place, random.Random(self.seed))
        os.utime(edited / archive, LONG_AGO)  # it is not about to be written
        try:
            yield edited / archive
        finally:
            name = archive / self.file
            whole = self.kind == "other" and "/" in self.file  # of the folder that holds it
            put_back(good, edited, name.parent if whole else name)

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


def draw_edit(number: int) -> Edit:
    """Edit `number` of an endless list, the same on every day."""
    chance = random.Random(number)
    kind = chance.choice(KINDS)
    archive = chance.choice(("completed", "running"))
    file = chance.choice(JSON_FILES if kind == "value" else FILES)
    return Edit(archive, file, kind, chance.randrange(2**32))


def put_back(good: Path, edited: Path, name: Path) -> None:
    """A file or a folder below `edited` becomes what it is below `good`."""
    place = edited / name
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    copy = shutil.copytree if (good / name).is_dir() else shutil.copy2
    copy(good / name, place)


def _holders(tree: Any) -> Any:
    """Every container with each of its keys, outermost first."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield tree, key
        if isinstance(value, (dict, list)):
            yield from _holders(value)


# What reads


def show(root: Path, *words: str) -> tuple[str, str]:
    """What `expt show` prints; any failure but a told one raises."""
    is_list = not words or words[0].startswith("--")
    out, err = command("show", "--runs", str(root), *words, codes=(0,) if is_list else (0, 4))
    if words == ("--json",):
        json.loads(out)
    return out, err


def command(*words: str, codes: tuple[int, ...] = (0, 4)) -> tuple[str, str]:
    """What a verb prints, asked in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    assert code in codes, f"{words}: {err.getvalue()}"
    return out.getvalue(), err.getvalue()


def show_in_colour(root: Path, *words: str) -> None:
    """The same, drawn by rich."""
    os.environ |= {"FORCE_COLOR": "1", "COLUMNS": "100"}
    try:
        show(root, *words)
    finally:
        del os.environ["FORCE_COLOR"], os.environ["COLUMNS"]


def read_run(path: Path) -> None:
    """Everything that a script or a notebook may ask of one run."""
    run = load_archive(path)
    assert repr(run)
    assert run._repr_html_()
    run.outline()
    sections = ("environment", "code", "patch", "log", "plots", "notices", "origins", "error",
                "lineage", "host", "command", "record", "series_summaries", "words")  # fmt: skip
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


def tell_page(root: Path, path: Path) -> None:
    """What the page in the browser is told; it is strict JSON."""
    json.dumps(tell_table(list_of(find_runs(root))), allow_nan=False)
    for listing in list_runs(root, first=2000):
        json.dumps(tell_table(listing), allow_nan=False)
    run = load_archive(path)
    json.dumps(tell_run(run), allow_nan=False)
    for series in run.series.values():
        with contextlib.suppress(ReadingError):
            json.dumps(tell_series(series), allow_nan=False)


def compare(root: Path, path: Path) -> None:
    """Whatever was compared is told, whatever was not is named."""
    found = find_difference(load_run("heal", root), load_archive(path))
    json.dumps(found.as_json(), allow_nan=False)
    assert find_runs(root).compare(every=True)


def write_its_script(root: Path, path: Path) -> None:
    compile(write_script(load_archive(path)), "analysis.py", "exec")


def tell_tables(root: Path, path: Path) -> None:
    runs = find_runs(root)
    assert repr(runs)
    assert runs._repr_html_()


READERS: tuple[Callable[[Path, Path], object], ...] = (
    lambda root, path: show(root, str(path)),
    tell_page,
    lambda root, path: show(root, "--json"),
    compare,
    lambda root, path: show(root, str(path), "--json"),
    lambda root, path: show(root, "--csv"),
    lambda root, path: show(root, str(path), "--csv"),
    write_its_script,
    lambda root, path: show(root, "--columns", "id,started,lr,results.accuracy,last.loss"),
    lambda root, path: show(root, "--sort", "lr", "--reverse"),
    tell_tables,
    lambda root, path: show(root, "heal", str(path)),
    lambda root, path: show(root, "heal", str(path), "--all"),
    lambda root, path: command("diff", "--runs", str(root), "heal", str(path)),
    lambda root, path: command("verify", "--runs", str(root), codes=(0, 1)),
    lambda root, path: command("du", "--runs", str(root), codes=(0,)),
    lambda root, path: command("requirements", "--runs", str(root), str(path)),
    lambda root, path: command("du", "--runs", str(root), "--where", "lr < 1", codes=(0,)),
    lambda root, path: show_in_colour(root),
    lambda root, path: show_in_colour(root, str(path)),
)


def ask(root: Path, path: Path, turn: int) -> None:
    """The list, and every other turn the run in Python, else one of `READERS`."""
    find_in_list(root, path)
    read_in_turn(root, path, turn)


def find_in_list(root: Path, path: Path) -> None:
    """The healthy archive is listed whatever became of this one, which is listed or named."""
    listed, told = show(root)
    assert "heal" in listed
    try:
        name = load_archive(path).id[:4]
    except ReadingError:
        name = path.name
    assert visible(name) in listed + told


def read_in_turn(root: Path, path: Path, turn: int) -> None:
    with contextlib.suppress(ReadingError):
        if turn % 2:
            read_run(path)
        else:
            READERS[turn // 2 % len(READERS)](root, path)
