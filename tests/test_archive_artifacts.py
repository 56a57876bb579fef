"""Artifacts: any name has a file of its own inside the archive, any known value its format."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import io
import json
import math
import os
import threading
import tomllib
from pathlib import Path, PurePosixPath

import attrs
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from expt.archive.artifact_names import decode_name, encode_name, list_artifacts
from expt.archive.returned import ResultFiles, storable_result
from expt.archive.writer import Archive
from expt.ground.encoding import to_json

NOW = dt.datetime(2026, 11, 23, 10, 15, 30, tzinfo=dt.UTC)


@pytest.fixture
def archive(tmp_path):
    return Archive.claim(tmp_path / "runs", "a/experiment_a", NOW)


# Names

NAMES = [
    *("model.npz", "plots/loss.png", "with space.txt", "a=1,b=2+c@(d).txt", "UPPER", ".hidden"),
    *("../../etc/passwd", "/etc/passwd", "a//b", "a/", "/", "//", ".", "..", "./a", "a/../b"),
    *("a\\b", "C:\\x", "x:y", "a\0b", "line\nbreak", "tab\t", "\x1b[31m", "\x7f", "[red]", "<b>"),
    *("100%", "%41", "%name-1", "%names.jsonl", "%tmp-1-2", "%-", "%", "%zz", "?*|\"'"),
    *("dönner", "donner\u0308", "dönne\u0301r", "😀", "\ud800", "\ud83d\ude00", "İ", "ß", "ﬁ"),
    *("con", "NUL.txt", "aux", "COM1.log", "lpt9", "console", "end.", "end ", " start", "a./b."),
    *("x" * 300, "y" * 300, "deep/" * 100 + "x", "é" * 100, "z" * 200, "-rf", "~", "$HOME", "#"),
]


def test_every_name_has_a_file_of_its_own_inside(archive):
    for number, name in enumerate(NAMES):
        archive.save(name, str(number).encode())
    folder = archive.path / "artifacts"
    found = list_artifacts(folder)
    assert set(found) == set(NAMES)
    for number, name in enumerate(NAMES):
        place = found[name]
        assert place.read_bytes() == str(number).encode()
        assert place.resolve().is_relative_to(folder)
    folded = [os.path.normcase(str(place)).casefold() for place in found.values()]
    assert len(set(folded)) == len(folded)
    assert all(str(place).isascii() for place in folder.rglob("*"))
    assert all(len(place.name) <= 255 for place in folder.rglob("*"))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_recovered_from_its_file_without_an_index(name):
    assert decode_name(encode_name(name)) == name


@pytest.mark.parametrize(
    ("name", "path"),
    [("con", "%63on"), ("a/NUL.txt", "a/%4EUL.txt"), ("end.", "end%2E"), (" x ", "%20x%20")],
)
def test_names_that_other_systems_refuse_are_encoded(name, path):
    assert encode_name(name) == path


def test_readable_names_stay_readable():
    assert encode_name("plots/loss (final), lr=0.1.png") == "plots/loss (final), lr=0.1.png"


@pytest.mark.parametrize(
    ("first", "second"),
    [("Model", "model"), ("a", "a/b"), ("a/b", "a"), ("A/x", "a/x"), ("A/x", "a/y"), ("İ", "i̇")],
)
def test_two_names_never_share_a_file_or_folder_where_cases_are_folded(archive, first, second):
    places = [archive.save(name, name.encode()) for name in (first, second)]
    folder = archive.path / "artifacts"
    assert {name: place.read_text() for name, place in list_artifacts(folder).items()} == {
        first: first,
        second: second,
    }
    steps = {
        "/".join(place.relative_to(folder).parts[:count])
        for place in places
        for count in range(1, len(place.relative_to(folder).parts) + 1)
    }
    assert len({step.lower() for step in steps}) == len(steps)


def test_saving_again_replaces_the_file(archive):
    for name in ("a.txt", "A.txt", "x" * 300):
        first = archive.save(name, "one")
        assert archive.save(name, "two") == first
        assert first.read_text() == "two"
    assert len(list_artifacts(archive.path / "artifacts")) == 3


def test_another_writer_of_the_archive_goes_on_with_its_names(archive):
    archive.save("Model.txt", "one")
    archive.save("x" * 300, "two")
    other = Archive(archive.path, archive.id)
    other.save("model.txt", "three")
    other.save("y" * 300, "four")
    other.save("x" * 300, "five")
    found = list_artifacts(archive.path / "artifacts")
    assert {name[:9]: place.read_text() for name, place in found.items()} == {
        "Model.txt": "one",
        "xxxxxxxxx": "five",
        "model.txt": "three",
        "yyyyyyyyy": "four",
    }


def test_eight_threads_save_at_once(archive):
    def save(worker: int) -> None:
        for number in range(20):
            archive.save(f"{'x' * 300}{worker}-{number}", f"{worker}-{number}")

    threads = [threading.Thread(target=save, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = list_artifacts(archive.path / "artifacts")
    assert len(found) == 160
    assert all(name.endswith(place.read_text() + ".txt") for name, place in found.items())


def test_files_that_expt_did_not_make_are_artifacts_too_and_links_are_not(archive, tmp_path):
    folder = archive.path / "artifacts"
    folder.mkdir()
    (folder / "100%").write_text("")
    (folder / "%FF").write_text("")
    (folder / "%tmp-1-2").write_text("half")
    (folder / "%names.jsonl").write_text('{"file": "100%", "na\n[3]\n{"file": 1, "name": "x"}\n{"f')
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "folder").symlink_to("/etc")
    assert list(list_artifacts(folder)) == ["%FF", "100%"]


@pytest.mark.parametrize(
    ("name", "error", "text"),
    [
        (3, TypeError, "the name of an artifact is a text, not of type 'int'"),
        (None, TypeError, "the name of an artifact is a text, not of type 'NoneType'"),
        (b"x", TypeError, "the name of an artifact is a text, not of type 'bytes'"),
        ("", ValueError, "the name of an artifact is empty"),
    ],
)
def test_a_name_that_is_none_is_refused(archive, name, error, text):
    for value in (b"", Path(__file__)):
        with pytest.raises(error) as caught:
            archive.save(name, value)
        assert str(caught.value) == text
    with pytest.raises(error):
        archive.open(name, "w")


# Values


@dataclasses.dataclass
class Point:
    x: int


@attrs.frozen
class Pair:
    a: float


class Foreign:
    """A tensor of some framework: on a device, and with a way to numpy."""

    def detach(self):
        return self

    def cpu(self):
        self.on_cpu = True
        return self

    def __array__(self, dtype=None, copy=None):
        assert self.on_cpu
        return np.arange(3)


def read_npy(data: bytes):
    return np.load(io.BytesIO(data), allow_pickle=False)


ARRAY = np.array([[1.5, math.nan], [-0.0, 1e300]])


@pytest.mark.parametrize(
    ("name", "value", "file", "read"),
    [
        ("x", b"\0\xff", "x", lambda data: data == b"\0\xff"),
        ("x.bin", bytearray(b"ab"), "x.bin", lambda data: data == b"ab"),
        ("x", memoryview(b"ab"), "x", lambda data: data == b"ab"),
        ("x", "é\r\n", "x.txt", lambda data: data == "é\r\n".encode()),
        ("x.md", "# é", "x.md", lambda data: data == "# é".encode()),
        ("x", "\ud800", "x.txt", lambda data: data == b"\xed\xa0\x80"),
        ("x", ARRAY, "x.npy", lambda data: read_npy(data).tobytes() == ARRAY.tobytes()),
        ("v1.5", ARRAY, "v1.5.npy", lambda data: read_npy(data).shape == (2, 2)),
        ("x", Foreign(), "x.npy", lambda data: read_npy(data).tolist() == [0, 1, 2]),
        ("x.npz", ARRAY, "x.npz", lambda data: read_npy(data)["arr_0"].shape == (2, 2)),
        ("x.csv", ARRAY, "x.csv", lambda data: data == b"1.5,nan\n-0.0,1e+300\n"),
        ("x.csv", np.arange(3), "x.csv", lambda data: data == b"0\n1\n2\n"),
        ("x.txt", np.arange(4).reshape(2, 2), "x.txt", lambda data: data == b"0 1\n2 3\n"),
        ("x.png", np.eye(3, dtype="u1"), "x.png", lambda data: data[:4] == b"\x89PNG"),
        ("x", {"a": math.inf}, "x.json", lambda d: json.loads(d) == {"a": {"$float": "inf"}}),
        ("x", [1, None, "é"], "x.json", lambda data: json.loads(data) == [1, None, "é"]),
        ("x", 3, "x.json", lambda data: json.loads(data) == 3),
        ("x", None, "x.json", lambda data: json.loads(data) is None),
        ("x", np.float32(0.5), "x.json", lambda data: json.loads(data) == 0.5),
        ("x", Point(3), "x.json", lambda data: json.loads(data) == {"x": 3}),
        ("x", Pair(0.5), "x.json", lambda data: json.loads(data) == {"a": 0.5}),
        ("x.toml", {"a": {"b": 1}}, "x.toml", lambda d: tomllib.loads(d.decode())["a"]["b"] == 1),
        ("x.csv", {"a": [1, 2], "b": "cd"}, "x.csv", lambda data: data == b"a,b\n1,c\n2,d\n"),
        ("x.csv", [{"a": 1}, {"b": 2}], "x.csv", lambda data: data == b"a,b\n1,\n,2\n"),
        ("x.csv", [[1, "a,b"], (2, None)], "x.csv", lambda data: data == b'1,"a,b"\n2,\n'),
        ("x.csv", [1, 2], "x.csv", lambda data: data == b"1\n2\n"),
        ("x.csv", [], "x.csv", lambda data: data == b""),
        (
            "x.npz",
            {"w": ARRAY, "file": [1], "a/b": 3},
            "x.npz",
            lambda data: sorted(read_npy(data)) == ["a/b", "file", "w"],
        ),
        ("x", Figure(), "x.png", lambda data: data[:4] == b"\x89PNG"),
        ("x.svg", Figure(), "x.svg", lambda data: b"<svg" in data),
        ("x.v2", Figure(), "x.v2.png", lambda data: data[:4] == b"\x89PNG"),
        ("x", Image.new("RGB", (2, 2)), "x.png", lambda data: data[:4] == b"\x89PNG"),
        ("x.jpg", Image.new("RGB", (2, 2)), "x.jpg", lambda data: data[:2] == b"\xff\xd8"),
    ],
)
def test_each_value_has_its_format(archive, name, value, file, read):
    place = archive.save(name, value)
    assert place == archive.path / "artifacts" / file
    assert read(place.read_bytes())
    assert [path.name for path in place.parent.iterdir()] == [file]


@pytest.mark.parametrize(
    ("name", "value", "error", "text"),
    [
        (
            "x",
            object(),
            TypeError,
            (
                "the artifact 'x': value is of type 'object', which JSON cannot hold; "
                "save its bytes, or write the file with archive.open('x')"
            ),
        ),
        (
            "x",
            {"a": [1, 2j]},
            TypeError,
            (
                "the artifact 'x': value.a[1] is of type 'complex', which JSON cannot hold; "
                "save its bytes, or write the file with archive.open('x')"
            ),
        ),
        (
            "x",
            np.array([object()]),
            TypeError,
            "the artifact 'x': an array of objects, which only pickle could store",
        ),
        (
            "x.npz",
            {"a": [object()]},
            TypeError,
            "the artifact 'x.npz': 'a' is an array of objects, which only pickle could store",
        ),
        (
            "x.csv",
            np.zeros((2, 2, 2)),
            ValueError,
            "the artifact 'x.csv': an array of 3 dimensions; a table has 2",
        ),
        (
            "x.png",
            np.zeros((2, 2)),
            ValueError,
            (
                "the artifact 'x.png': an array of float64 of shape (2, 2); "
                "a picture takes uint8 of shape (H, W), (H, W, 3) or (H, W, 4)"
            ),
        ),
        (
            "x.csv",
            {"a": [1], "b": [1, 2]},
            ValueError,
            "the artifact 'x.csv': its columns differ in length",
        ),
        ("x.csv", 3, TypeError, "the artifact 'x.csv': a value of type 'int' is no table"),
        ("x.toml", [1], TypeError, "the artifact 'x.toml': a value of type 'list'; TOML is a dict"),
    ],
)
def test_a_value_that_no_format_holds_is_refused_by_name_and_type(
    archive, name, value, error, text
):
    with pytest.raises(error) as caught:
        archive.save(name, value)
    assert str(caught.value) == text
    assert list(archive.path.rglob("*")) == []


def test_a_path_is_copied(archive, tmp_path):
    source = tmp_path / "model.pt"
    source.write_bytes(b"weights")
    place = archive.save("best", source)
    assert place == archive.path / "artifacts" / "best.pt"
    assert archive.save("deep/other.bin", source).name == "other.bin"
    source.write_bytes(b"changed")
    assert place.read_bytes() == b"weights"


@pytest.mark.parametrize(("source", "error"), [("gone", FileNotFoundError), ("pipe", OSError)])
def test_a_path_that_is_no_file_is_refused(archive, tmp_path, source, error):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(error) as caught:
        archive.save("x", tmp_path / source)
    assert caught.value.filename == str(tmp_path / source)
    assert list(archive.path.rglob("*")) == []


def test_a_folder_is_copied_with_the_files_below_it(archive, tmp_path):
    """A sibling of the case artifact-name-changed: a model that a library saves as a folder."""
    source = tmp_path / "model"
    (source / "deep").mkdir(parents=True)
    (source / "config").write_bytes(b"1")
    (source / "deep" / "w.bin").write_bytes(b"2")
    (source / "link").symlink_to(tmp_path)
    place = archive.save("kept/model", source)
    assert place == archive.path / "artifacts" / "kept" / "model"
    found = list_artifacts(archive.path / "artifacts")
    assert {name: path.read_bytes() for name, path in found.items()} == {
        "kept/model/config": b"1",
        "kept/model/deep/w.bin": b"2",
    }
    archive.save("all", tmp_path / "runs")
    assert len(list_artifacts(archive.path / "artifacts")) == 2


@pytest.mark.parametrize(
    ("mode", "content"), [("w", "é\n"), ("wb", b"\xff"), ("a", "x"), ("x", "")]
)
def test_an_artifact_can_be_written_as_a_file(archive, mode, content):
    with archive.open("deep/log.txt", mode) as file:
        file.write(content)
        file.flush()
        place = archive.path / "artifacts" / "deep" / "log.txt"
        assert place.read_bytes() == (content if mode == "wb" else content.encode())
    with archive.open("deep/log.txt", "rb" if mode == "wb" else "r") as file:
        assert file.read() == content


# Results


class Stubborn:
    def __repr__(self):
        raise RuntimeError("no")


class Zero:
    """A framework's scalar."""

    shape = ()

    def item(self):
        return 0.25


CYCLE: list = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    "value",
    [
        0.5,
        3,
        True,
        None,
        "x",
        math.nan,
        [1, {"a": 2}],
        np.float64(2),
        Path("a"),
        10**400,
        Pair(1.0),
    ],
)
def test_a_plain_result_is_itself(archive, value):
    stored, notice = storable_result("x", value, ResultFiles(archive.save))
    assert stored is value
    assert notice is None


@pytest.mark.parametrize(
    ("value", "stored", "notice"),
    [
        (1 + 2j, "(1+2j)", "of the complex only the repr is kept"),
        (
            Stubborn(),
            "<Stubborn whose repr raises RuntimeError>",
            "of the Stubborn only the repr is kept",
        ),
        ({"a": 1, "b": {2j}}, {"a": 1, "b": "{2j}"}, "of the set only the repr is kept"),
        ({2j: 1, "o": 2j}, {"2j": 1, "o": "2j"}, "of the complex only the repr is kept"),
        ("x" * 3, "xxx", None),
        (Zero(), 0.25, None),
    ],
)
def test_a_result_that_cannot_be_stored_is_kept_as_its_repr(archive, value, stored, notice):
    kept, told = storable_result("x", value, ResultFiles(archive.save))
    assert to_json(kept) == stored
    assert told == (notice and f"the result 'x' was not a plain value: {notice}")


def test_a_result_that_contains_itself_is_kept(archive):
    kept, _ = storable_result("x", CYCLE, ResultFiles(archive.save))
    json.dumps(kept)


def test_a_long_repr_is_cut(archive):
    class Long:
        def __repr__(self):
            return "x" * 1_000_000

    assert len(storable_result("x", Long(), ResultFiles(archive.save))[0]) == 10_001


def test_arrays_and_pictures_in_results_become_artifacts(archive):
    value = {"accuracy": 0.9, "weights": {"w1": ARRAY}, "all": [Figure(), b"ab"]}
    stored, notice = storable_result("model", value, ResultFiles(archive.save))
    assert stored == {
        "accuracy": 0.9,
        "weights": {"w1": PurePosixPath("artifacts/results/model/weights/w1.npy")},
        "all": [
            PurePosixPath("artifacts/results/model/all/0.png"),
            PurePosixPath("artifacts/results/model/all/1"),
        ],
    }
    assert notice == (
        "the result 'model' was not a plain value: the ndarray is the artifact 'w1.npy'; "
        "the Figure is the artifact '0.png'; the bytes is the artifact '1'"
    )
    place = archive.path / stored["weights"]["w1"]
    assert np.load(place).tobytes() == ARRAY.tobytes()


@pytest.mark.parametrize("name", ["../x", "x" * 300, "a/b", "%"])
def test_a_result_of_any_name_becomes_an_artifact(archive, name):
    stored, _ = storable_result(name, ARRAY, ResultFiles(archive.save))
    assert np.load(archive.path / stored).shape == (2, 2)


def test_results_whose_names_make_one_file_name_have_a_file_each(archive):
    """And the same result, kept again, has the file that it had."""
    files = ResultFiles(archive.save)
    arrays = {name: np.full(2, number) for number, name in enumerate(["x", "x.npy", "a/b"])}
    nested = {"a": {"b": np.full(2, 8), 1: np.full(2, 9), "1": np.full(2, 10)}}
    for _ in range(2):
        kept = {name: storable_result(name, value, files)[0] for name, value in arrays.items()}
        below = storable_result("a", nested["a"], files)[0]
    assert [str(path) for path in kept.values()] == [
        "artifacts/results/x.npy",
        "artifacts/results/x (2).npy",
        "artifacts/results/a/b.npy",
    ]
    assert [np.load(archive.path / path)[0] for path in kept.values()] == [0, 1, 2]
    assert [np.load(archive.path / path)[0] for path in below.values()] == [8, 9, 10]
    assert len(list_artifacts(archive.path / "artifacts")) == 6


def test_a_plain_result_too_long_for_the_record_is_a_file(archive):
    """A sibling of the case nested-results-only-repr: it failed the run at its end."""
    lines = [str(number) + "x" * 1000 for number in range(4500)]
    files = ResultFiles(archive.save)
    stored, notice = storable_result("x", {"lines": lines, "loss": 0.5}, files)
    assert json.loads((archive.path / stored).read_bytes()) == {"lines": lines, "loss": 0.5}
    assert notice == "the result 'x' was not a plain value: the dict is the artifact 'x.json'"
    text, _ = storable_result("t", "é" * 5_000_000, files)
    assert (archive.path / text).read_text() == "é" * 5_000_000


def test_a_result_is_kept_when_its_array_cannot_be_saved(archive):
    def save(name, value):
        raise OSError(28, "No space left on device")

    stored, notice = storable_result("x", np.arange(2), ResultFiles(save))
    assert stored == "array([0, 1])"
    assert notice == (
        "the result 'x' was not a plain value: the ndarray could not be saved "
        "(OSError: [Errno 28] No space left on device); of the ndarray only the repr is kept"
    )


def test_a_table_of_csv_reads_back(archive):
    rows = [["a,b", 'c"d'], ["e\nf", "é"]]
    with archive.save("x.csv", rows).open(newline="") as file:
        assert list(csv.reader(file)) == rows


def test_processes_that_the_experiment_forked_save_at_once(archive):
    archive.save("x" * 300, "mine")
    children = []
    for number in range(8):
        child = os.fork()
        if not child:
            archive.save("y" * 300 + str(number), f"child {number}")
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
    found = list_artifacts(archive.path / "artifacts")
    assert sorted(place.read_text() for place in found.values()) == [
        *(f"child {number}" for number in range(8)),
        "mine",
    ]
