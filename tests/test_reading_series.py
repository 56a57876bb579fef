"""What was tracked comes back: as columns, as a summary, and while the run goes on."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from expt.archive.scalar_records import FLOAT_RECORD, FLOAT_STEP, INT_RECORD
from expt.archive.series_lines import read_results
from expt.ground.errors import DamagedArchive
from expt.reading.series.statistics import SMALL_FILE, summarise_series
from expt.reading.series.tail import SeriesTail
from expt.reading.series.tracked import SeriesMap
from expt.tracking.recorder import open_recorder

ROOT = Path(__file__).parent.parent


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "series"


@pytest.fixture
def recorder(folder):
    recorder = open_recorder(folder, label="7fk2")
    yield recorder
    recorder.close()


@pytest.fixture
def track(recorder):
    return recorder.track


def write_lines(path, *lines):
    with path.open("a") as file:
        file.writelines(f"{json.dumps(line)}\n" for line in lines)


# The map


def test_series_stand_in_order_of_first_use(track, folder):
    for name in ("z", "a", "m"):
        track(name, 1.0)
        track(f"{name} text", name)
    series = SeriesMap(folder)
    assert list(series) == ["z", "z text", "a", "a text", "m", "m text"]
    assert len(series) == 6
    assert "a" in series
    assert "b" not in series
    assert repr(series["a"]) == "<Series 'a': scalar, 1 entries>"


def test_an_unknown_name_is_a_key_error_with_the_closest(track, folder):
    track("loss", 1.0)
    with pytest.raises(KeyError) as caught:
        SeriesMap(folder)["los"]
    assert caught.value.args == ("no series 'los'; did you mean 'loss'?",)
    with pytest.raises(KeyError) as caught:
        SeriesMap(folder)["zzz"]
    assert caught.value.args == ("no series 'zzz'",)


@pytest.mark.parametrize("make", [lambda folder: None, Path.mkdir])
def test_nothing_tracked_is_an_empty_map(folder, make):
    make(folder)
    assert dict(SeriesMap(folder)) == {}
    assert SeriesMap(folder).damage == ()
    assert summarise_series(folder) == {}
    assert read_results(folder) == {}
    assert SeriesTail(folder).poll() == {}


def test_columns_of_a_scalar_series(track, folder):
    before = time.time()
    for number in range(10):
        track("loss", number / 4, step=number * 10)
        track("epoch", number)
    loss, epoch = SeriesMap(folder)["loss"], SeriesMap(folder)["epoch"]
    assert (loss.values.dtype, loss.steps.dtype, loss.times.dtype) == ("f8", "i8", "f8")
    assert epoch.values.dtype == np.int64
    assert loss.values.tolist() == [number / 4 for number in range(10)]
    assert loss.steps.tolist() == list(range(0, 100, 10))
    assert all(before - 1 < moment <= time.time() for moment in loss.times)
    assert (loss.last, type(loss.last)) == (2.25, float)
    assert (epoch.last, type(epoch.last)) == (9, int)
    assert loss.files == ()
    assert loss.leaves == {}


def test_many_series_in_many_blocks_come_apart_again(track, folder):
    expected = {f"n{number}": [] for number in range(40)}
    generator = random.Random(3)
    for index in range(70_000):
        name = f"n{generator.randrange(40)}" if index % 5000 else "n0"
        value = index if name < "n2" else index / 2
        expected[name].append((index, value))
        track(name, value, step=index)
    series = SeriesMap(folder)
    for name, rows in expected.items():
        assert series[name].steps.tolist() == [step for step, _ in rows]
        assert series[name].values.tolist() == [value for _, value in rows]
    assert series.damage == ()


@pytest.mark.parametrize("odd", [None, 9, 20_000, 49_999])
def test_series_that_take_turns_come_apart_again(folder, odd):
    folder.mkdir()
    names = [{"id": number, "name": str(number), "kind": "scalar"} for number in (1, 2, 3)]
    write_lines(folder / "names.jsonl", *names)
    records = [
        FLOAT_RECORD.pack(place // 3, 1.7e9 + place, place / 8, 0, 3 - place % 3)
        for place in range(50_000)
    ]
    if odd is not None:
        records[odd] = FLOAT_RECORD.pack(odd, 1.7e9 + odd, -1.0, 0, 2)
    (folder / "scalars.bin").write_bytes(b"".join(records))
    series = SeriesMap(folder)
    for number in (1, 2, 3):
        own = [p for p in range(50_000) if p != odd and 3 - p % 3 == number]
        own = sorted([*own, *([odd] if odd is not None and number == 2 else [])])
        assert series[str(number)].times.tolist() == [1.7e9 + place for place in own]
        assert series[str(number)].values.tolist() == [-1 if p == odd else p / 8 for p in own]
    assert series.damage == ()


def test_numbers_of_series_beyond_16_bits_are_told_apart(folder):
    folder.mkdir()
    numbers = [1, 2**16, 2**16 + 1, 2**31]
    names = [{"id": number, "name": str(number), "kind": "scalar"} for number in numbers]
    write_lines(folder / "names.jsonl", *names)
    records = [
        FLOAT_RECORD.pack(step, 1.7e9, number + step / 8, 0, number)
        for step in range(8)
        for number in numbers
    ]
    (folder / "scalars.bin").write_bytes(b"".join(records))
    series = SeriesMap(folder)
    for number in numbers:
        assert series[str(number)].values.tolist() == [number + step / 8 for step in range(8)]


def test_a_map_stays_what_it_was_when_it_was_read(track, folder):
    for number in range(40_000):
        track("a" if number % 2 else "b", float(number))
    series = SeriesMap(folder)
    assert len(series["a"]) == 20_000
    for _ in range(40_000):
        track("a", -1.0)
    assert len(series["a"].times) == 20_000
    assert len(series["b"].times) == 20_000
    assert len(SeriesMap(folder)["a"]) == 60_000


def test_a_record_file_that_is_cut_while_it_is_read_is_damage(track, recorder, folder):
    for number in range(2000):
        track("loss", float(number))
    recorder.close()
    os.truncate(folder / "scalars.bin", 2**28)  # of so many a column is read when it is asked for
    loss = SeriesMap(folder)["loss"]
    assert len(loss.values) == 2000
    os.truncate(folder / "scalars.bin", 3200)
    with pytest.raises(DamagedArchive) as caught:
        _ = loss.times
    assert str(caught.value) == f"scalars.bin was cut while it was read\n  at {folder.parent}"


def test_times_that_are_asked_for_first_are_of_the_same_reading(track, recorder, folder):
    for number in range(2000):
        track("loss", float(number))
    recorder.close()
    os.truncate(folder / "scalars.bin", 2**28)
    loss = SeriesMap(folder)["loss"]
    assert len(loss.times) == 2000
    (folder / "scalars.bin").unlink()
    assert loss.values.tolist() == loss.steps.tolist() == [*range(2000)]


def test_files_are_read_on_demand(track, folder):
    frames = [np.full((3, 4), number, np.uint8) for number in range(5)]
    for frame in frames:
        track("image", frame)
    values = SeriesMap(folder)["image"].values
    assert repr(values) == "<5 arrays, read on demand>"
    assert len(values) == 5
    assert np.array_equal(values[-1], frames[4])
    assert [int(frame[0, 0]) for frame in values[1:4]] == [1, 2, 3]
    assert isinstance(values[::2], type(values))
    assert np.array_equal(np.array(values), np.array(frames))
    with pytest.raises(IndexError):
        values[5]


def test_numbers_inside_structures_are_series_of_their_own(track, folder):
    track("eval", {"acc": 0.5, "deep": {"f1": 1, "name": "x"}, "flag": True})
    track("eval", {"acc": 0.75}, step=10)
    track("eval", {"acc": float("nan"), "deep": {"f1": 2}})
    track("eval/loss", 3.0)
    track("plain", 1.0)
    series = SeriesMap(folder)
    assert list(series) == ["eval", "eval/loss", "plain"]
    accuracy = series["eval/acc"]
    assert (accuracy.name, accuracy.kind) == ("eval/acc", "scalar")
    assert accuracy.values[:2].tolist() == [0.5, 0.75]
    assert math.isnan(accuracy.last)
    assert accuracy.steps.tolist() == [0, 10, 2]
    assert series["eval/deep/f1"].values.tolist() == [1, 2]
    assert series["eval/deep/f1"].values.dtype == np.int64
    assert series["eval/deep/f1"].steps.tolist() == [0, 2]
    assert series["eval/loss"].last == 3.0
    assert list(series["eval"].leaves) == ["eval/acc", "eval/deep/f1"]
    assert "eval/deep/f1" in series
    for name in ("eval/flag", "eval/deep", "eval/deep/name", "plain/x", "eval/"):
        assert name not in series


def test_leaves_beyond_int64_are_kept_exactly(track, folder):
    track("eval", {"big": 2**70, "mixed": 2**60 + 1})
    track("eval", {"big": 1, "mixed": 0.5})
    assert SeriesMap(folder)["eval/big"].values.tolist() == [2**70, 1]
    assert SeriesMap(folder)["eval/mixed"].values.tolist() == [2**60 + 1, 0.5]


def test_a_name_that_was_written_twice_is_one_series(track, recorder, folder):
    track("loss", 1.0)
    recorder.close()
    write_lines(folder / "names.jsonl", {"id": 2, "name": "loss", "kind": "scalar"})
    with (folder / "scalars.bin").open("ab") as file:
        file.write(FLOAT_RECORD.pack(1, 1.5e9, 2.0, 0, 2))
    assert SeriesMap(folder)["loss"].values.tolist() == [1.0, 2.0]
    assert summarise_series(folder)["loss"]["count"] == 2
    assert SeriesTail(folder).poll() == {"loss": (2, 2.0)}


# Damage


@pytest.fixture
def whole(track, recorder, folder):
    """An archive's series with one of everything."""
    for number in range(4):
        track("loss", float(number))
        track("epoch", number)
        track("note", f"note {number}")
        track("eval", {"acc": number / 4})
        track("image", np.full((2, 2), number, np.uint8))
        track("array", np.arange(number + 2.0))
    track.configure("loss", unit="nats")
    recorder.set_result("x", 1)
    recorder.close()
    return folder


def test_torn_tails_cost_the_torn_entry_alone(whole):
    for name in ("names.jsonl", "entries.jsonl", "results.jsonl", "scalars.bin"):
        content = (whole / name).read_bytes()
        (whole / name).write_bytes(content[:-1])
    series = SeriesMap(whole)
    assert series["loss"].values.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert series["loss"].options == {}
    assert series["epoch"].values.tolist() == [0, 1, 2]
    assert len(series["array"]) == 3
    assert len(series["note"]) == 4
    assert read_results(whole) == {}
    assert series.damage == ()


DAMAGED_NAMES = [
    (b"\0\0\0\0\n", "not a JSON object"),
    (b"\xff\xfe\n", "not a JSON object"),
    (b"[]\n", "not a JSON object"),
    (b"\n", "not a JSON object"),
    (b'{"id": NaN}\n', "not a JSON object"),
    (b'{"id": ' + b"9" * 5000 + b"}\n", "not a JSON object"),
    (b"[" * 100_000 + b"\n", "not a JSON object"),
    (b"{}\n", "no number of a series"),
    (b'{"id": 0, "name": "x", "kind": "text"}\n', "no number of a series"),
    (b'{"id": true, "name": "x", "kind": "text"}\n', "no number of a series"),
    (b'{"id": 4294967296, "name": "x", "kind": "text"}\n', "no number of a series"),
    (b'{"id": 9, "name": 3, "kind": "text"}\n', "no name and kind of a series"),
    (b'{"id": 9, "name": "x", "kind": "sound"}\n', "no name and kind of a series"),
    (b'{"id": 9, "name": "x", "kind": ["text"]}\n', "no name and kind of a series"),
    (b'{"id": 1, "name": "x", "kind": "text"}\n', "the number 1 of another series"),
    (b'{"id": 1, "name": "loss", "kind": "text"}\n', "the number 1 of another series"),
    (b'{"id": 9, "name": "loss", "kind": "text"}\n', "a second kind of 'loss'"),
    (b'{"id": 9, "options": {"fps": 1}}\n', "options of no series"),
    (b'{"id": 1, "options": [1]}\n', "options of no series"),
]


@pytest.mark.parametrize(("line", "text"), DAMAGED_NAMES, ids=lambda part: repr(part)[:40])
def test_a_damaged_name_is_left_out_and_told_of(whole, line, text):
    content = (whole / "names.jsonl").read_bytes()
    (whole / "names.jsonl").write_bytes(content + line + b'{"id": 1, "options": {"a": 1}}\n')
    series = SeriesMap(whole)
    assert series.damage == (f"names.jsonl:8: {text}, left out",)
    assert list(series) == ["loss", "epoch", "note", "eval", "image", "array"]
    assert series["loss"].options == {"unit": "nats", "a": 1}
    assert summarise_series(whole)["loss"]["count"] == 4
    assert SeriesTail(whole).poll()["loss"] == (4, 3.0)


DAMAGED_ENTRIES = [
    ("garbage", "not a JSON object"),
    ({"id": 99, "step": 0, "time": 1.0, "value": "x"}, "an entry of no series"),
    ({"id": 1, "step": 0, "time": 1.0, "value": 1.0}, "an entry of no series"),
    ({"id": "3", "step": 0, "time": 1.0, "value": "x"}, "an entry of no series"),
    ({"id": 3, "time": 1.0, "value": "x"}, "no step and time"),
    ({"id": 3, "step": True, "time": 1.0, "value": "x"}, "no step and time"),
    ('{"id": 3, "step": 1e999, "time": 1.0, "value": "x"}', "not a JSON object"),
    ({"id": 3, "step": 2**63, "time": 1.0, "value": "x"}, "no step and time"),
    ({"id": 3, "step": 2**63, "time": 1.0, "value": "x"}, "no step and time"),
    ({"id": 3, "step": 0, "time": "now", "value": "x"}, "no step and time"),
    ({"id": 3, "step": 0, "time": 1.0}, "no value"),
    ({"id": 3, "step": 0, "time": 1.0, "value": 3}, "no value"),
    ({"id": 4, "step": 0, "time": 1.0}, "no value"),
    ({"id": 5, "step": 0, "time": 1.0}, "None is no file of this archive"),
    (
        {"id": 5, "step": 0, "time": 1.0, "file": "0005-image/999999.png"},
        "'0005-image/999999.png' is no file of this archive",
    ),
    (
        {"id": 5, "step": 0, "time": 1.0, "file": "../../secret.png"},
        "'../../secret.png' is no file of this archive",
    ),
    (
        {"id": 5, "step": 0, "time": 1.0, "file": "/etc/hostname"},
        "'/etc/hostname' is no file of this archive",
    ),
]


@pytest.mark.parametrize(("line", "text"), DAMAGED_ENTRIES, ids=lambda part: str(part)[:60])
def test_a_damaged_entry_is_left_out_and_told_of(whole, line, text):
    lines = (whole / "entries.jsonl").read_text().splitlines()
    lines.insert(2, line if isinstance(line, str) else json.dumps(line))
    (whole / "entries.jsonl").write_text("\n".join(lines) + "\n")
    series = SeriesMap(whole)
    assert series.damage == (f"entries.jsonl:3: {text}, left out",)
    for name in ("note", "eval", "image", "array"):
        assert len(series[name]) == len(series[name].values) == 4
        assert summarise_series(whole)[name]["count"] == 4


DAMAGED_RECORDS = [
    FLOAT_RECORD.pack(0, 1.5e9, 7.0, 2, 1),
    FLOAT_RECORD.pack(0, 1.5e9, 7.0, 2**32 - 1, 1),
    FLOAT_RECORD.pack(0, 1.5e9, 7.0, FLOAT_STEP | 2, 1),
    struct.pack("<dddII", float("nan"), 1.5e9, 7.0, FLOAT_STEP, 1),
    FLOAT_RECORD.pack(0, 1.5e9, 7.0, 0, 99),
    FLOAT_RECORD.pack(0, 1.5e9, 7.0, 0, 3),
    FLOAT_RECORD.pack(0, float("nan"), 7.0, 0, 1),
    FLOAT_RECORD.pack(0, float("inf"), 7.0, 0, 1),
    b"\xff" * 32,
]


@pytest.mark.parametrize("record", DAMAGED_RECORDS, ids=range(len(DAMAGED_RECORDS)))
@pytest.mark.parametrize("place", [0, 32, 4096])
def test_a_damaged_record_is_never_read_as_a_value(whole, record, place):
    content = (whole / "scalars.bin").read_bytes().ljust(place, b"\0")
    (whole / "scalars.bin").write_bytes(content[:place] + record + content[place:])
    series = SeriesMap(whole)
    assert series["loss"].values.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert series["epoch"].values.tolist() == [0, 1, 2, 3]
    assert series.damage == ("scalars.bin: 1 damaged record(s) left out",)
    assert summarise_series(whole)["loss"] == {
        "kind": "scalar",
        "count": 4,
        "last": 3.0,
        "min": 0.0,
        "max": 3.0,
    }
    assert SeriesTail(whole).poll()["loss"][1] == 3.0


def test_a_torn_picture_or_array_is_damage_when_it_is_read(whole):
    for kind, suffix in (("image", "png"), ("array", "npy")):
        path = SeriesMap(whole)[kind].files[1]
        whole_file = path.read_bytes()
        changed = whole_file[:-20] + bytes([whole_file[-20] ^ 1]) + whole_file[-19:]
        damaged = [whole_file[:-20], b"", whole_file[:8], b"PK\x03\x04", b"x"]
        for content in [*damaged, changed] if kind == "image" else damaged:
            path.write_bytes(content)
            values = SeriesMap(whole)[kind].values
            with pytest.raises(DamagedArchive) as caught:
                values[1]
            place = f"{path.parent.name}/000001.{suffix} cannot be read: "
            assert str(caught.value).startswith(place)
            assert str(caught.value).endswith(f"\n  at {whole.parent}")
            assert values[2] is not None


def test_a_file_that_vanishes_before_it_is_read_is_damage(whole):
    image = SeriesMap(whole)["image"]
    image.files[0].unlink()
    with pytest.raises(DamagedArchive) as caught:
        image.values[0]
    assert caught.value.what == "0005-image/000000.png cannot be read: No such file or directory"


def test_a_pickle_is_never_opened(whole, tmp_path):
    path = SeriesMap(whole)["array"].files[0]
    np.save(path, np.array([Bomb(tmp_path / "opened")], object), allow_pickle=True)
    with pytest.raises(DamagedArchive, match="it holds objects, which only pickle reads"):
        SeriesMap(whole)["array"].values[0]
    assert not (tmp_path / "opened").exists()


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_links_and_pipes_are_not_followed(whole, tmp_path):
    for name in ("names.jsonl", "entries.jsonl", "scalars.bin", "results.jsonl"):
        (whole / name).rename(tmp_path / name)
        (whole / name).symlink_to(tmp_path / name)
    assert dict(SeriesMap(whole)) == {}
    assert read_results(whole) == {}
    assert SeriesTail(whole).poll() == {}
    for name in ("names.jsonl", "entries.jsonl", "scalars.bin", "results.jsonl"):
        (whole / name).unlink()
        os.mkfifo(whole / name)
    series = SeriesMap(whole)
    assert dict(series) == {}
    assert series.damage == (
        "entries.jsonl: not a regular file",
        "names.jsonl: not a regular file",
        "scalars.bin: not a regular file",
    )
    assert summarise_series(whole) == {}
    assert SeriesTail(whole).poll() == {}


def test_a_linked_folder_is_not_followed(whole, tmp_path):
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "series").symlink_to(whole)
    series = SeriesMap(tmp_path / "archive" / "series")
    assert dict(series) == {}
    assert series.damage[0] == "entries.jsonl: a link, which is not followed"


def test_whatever_bytes_are_changed_reading_goes_on(whole, tmp_path):
    generator = random.Random(5)
    files = ["names.jsonl", "entries.jsonl", "scalars.bin", "results.jsonl"]
    copy = shutil.copytree(whole, tmp_path / "copy")
    for _ in range(150):
        for name in files:
            (copy / name).write_bytes((whole / name).read_bytes())
        for _ in range(generator.randrange(1, 8)):
            path = copy / generator.choice(files)
            content = bytearray(path.read_bytes())
            place = generator.randrange(len(content))
            if generator.random() < 0.7:
                content[place] = generator.randrange(256)
            else:
                del content[place : place + generator.randrange(40)]
            path.write_bytes(content)
        series = SeriesMap(copy)
        for known in series.values():
            assert len(known) == len(known.steps) == len(known.times) == len(known.values)
            _ = known.last, known.leaves
        assert isinstance(series.damage, tuple)
        read_results(copy)
        SeriesTail(copy).poll()
        for contents in ({}, {name: (copy / name).read_bytes() for name in files}):
            summaries = summarise_series(copy, contents)
            counts = {name: summaries[name]["count"] for name in series}
            assert counts == {name: len(known) for name, known in series.items()}


# Summaries


def test_summary_of_each_kind(track, recorder, folder):
    for value in (3, 1.5, float("nan"), -2, float("inf"), 2):
        track("mixed", value)
    track("nan", float("nan"))
    track("ints", 2**62 + 1)
    track("ints", -(2**62) - 1)
    track("zero", -0.0)
    track("note", "short")
    track("long", "x" * 2000)
    track("image", np.zeros((2, 2), np.uint8))
    track("eval", {"acc": 0.5, "n": 3})
    track("eval", {"acc": 0.25})
    track("large", {"text": "x" * 2000, "n": 1})
    track.configure("unused", fps=3)
    recorder.close()
    summary = summarise_series(folder)
    assert math.isnan(summary["nan"].pop("last"))
    infinity = float("inf")
    assert summary == {
        "mixed": {"kind": "scalar", "count": 6, "last": 2, "min": -2, "max": infinity},
        "nan": {"kind": "scalar", "count": 1, "min": None, "max": None},
        "ints": {
            "kind": "scalar",
            "count": 2,
            "last": -(2**62) - 1,
            "min": -(2**62) - 1,
            "max": 2**62 + 1,
        },
        "zero": {"kind": "scalar", "count": 1, "last": 0.0, "min": 0.0, "max": 0.0},
        "note": {"kind": "text", "count": 1, "last": "short", "min": None, "max": None},
        "long": {"kind": "text", "count": 1, "last": None, "min": None, "max": None},
        "image": {"kind": "image", "count": 1, "last": None, "min": None, "max": None},
        "eval": {
            "kind": "structured",
            "count": 2,
            "last": {"acc": 0.25},
            "min": None,
            "max": None,
        },
        "large": {"kind": "structured", "count": 1, "last": None, "min": None, "max": None},
        "eval/acc": {"kind": "scalar", "count": 2, "last": 0.25, "min": 0.25, "max": 0.5},
        "eval/n": {"kind": "scalar", "count": 1, "last": 3, "min": 3, "max": 3},
        "large/n": {"kind": "scalar", "count": 1, "last": 1, "min": 1, "max": 1},
    }


def test_a_summary_lists_a_bounded_number_of_leaves(track, folder):
    track("eval", {f"n{number}": number for number in range(500)})
    assert len(summarise_series(folder)) == 101


def test_small_and_large_files_are_summed_up_alike(folder):
    """Without numpy where little was tracked and numpy is not loaded, else with it."""
    folder.mkdir()
    names = [{"id": number, "name": f"n{number}", "kind": "scalar"} for number in range(1, 9)]
    write_lines(folder / "names.jsonl", *names)
    generator = random.Random(11)
    special = [0.0, -0.0, float("nan"), float("inf"), -float("inf"), 5e-324]
    records = []
    while len(records) * 32 < SMALL_FILE - 32:
        number = generator.randrange(0, 11)
        when = generator.choice([1.5e9, float("nan")]) if number == 3 else 1.5e9
        if number in (2, 4, 6) and generator.random() < 0.9:
            value = generator.choice([2**63 - 1, -(2**63), 2**53 + 1, generator.randrange(100)])
            records.append(INT_RECORD.pack(0, when, value, 1 if number < 6 else 2, number))
        elif number > 6:  # the same numbers as ints and as floats, some at steps that are floats
            number_as = generator.choice([int, float])
            step = generator.choice([0.5, float("nan")]) if number == 8 else 0
            kind = (number_as is int) + (FLOAT_STEP if number == 8 else 0)
            form = f"<{'dq'[number == 7]}d{'dq'[number_as is int]}II"
            value = number_as(generator.randrange(-number, 3))
            records.append(struct.pack(form, step, 1.5e9, value, kind, number))
        else:
            value = generator.choice([generator.gauss(0, 1), *special])
            records.append(FLOAT_RECORD.pack(0, when, value, 0, number))
    (folder / "scalars.bin").write_bytes(b"".join(records))
    with_numpy = summarise_series(folder)
    assert {type(with_numpy["n7"][name]) for name in ("last", "min", "max")} == {int, float}
    script = (
        "import sys; from pathlib import Path\n"
        "from expt.reading.series.statistics import summarise_series\n"
        "print(summarise_series(Path(sys.argv[1]))); assert 'numpy' not in sys.modules"
    )
    plain = subprocess.run(
        [sys.executable, "-c", script, folder], cwd=ROOT, capture_output=True, text=True
    )
    assert plain.stderr == ""
    assert plain.stdout == f"{with_numpy}\n"


def test_a_summary_of_records_beyond_one_block(track, folder):
    for number in range(70_000):
        track("loss", math.sin(number))
        track(f"n{number % 3}", number)
    summary = summarise_series(folder)
    values = SeriesMap(folder)["loss"].values
    assert summary["loss"] == {
        "kind": "scalar",
        "count": 70_000,
        "last": values[-1],
        "min": values.min(),
        "max": values.max(),
    }
    assert summary["n1"] == {
        "kind": "scalar",
        "count": 23_333,
        "last": 69_997,
        "min": 1,
        "max": 69_997,
    }


# While the run goes on


def test_a_tail_follows_a_run(track, recorder, folder):
    tail = SeriesTail(folder)
    assert tail.poll() == {}
    track("loss", 0.5)
    assert tail.poll() == {"loss": (1, 0.5)}
    assert tail.poll() == {"loss": (1, 0.5)}
    for number in range(5000):
        track("loss", float(number))
        track("epoch", number)
    track("note", "hello")
    track("image", np.zeros((2, 2), np.uint8))
    track("eval", {"acc": 0.5})
    track.configure("unused", fps=1)
    expected = {
        "loss": (5001, 4999.0),
        "epoch": (5000, 4999),
        "note": (1, "hello"),
        "image": (1, None),
        "eval": (1, {"acc": 0.5}),
    }
    assert tail.poll() == expected
    recorder.close()
    assert tail.poll() == expected
    again = SeriesTail(folder).poll()
    assert (again, [*again][:2]) == (expected, ["loss", "epoch"])  # numbers first


def test_a_tail_has_the_points_of_its_last_poll_where_they_are_few(track, folder):
    tail = SeriesTail(folder, points=3)
    track("loss", 0.5, step=7)
    track("epoch", 2, step=0.5)
    track("note", "hello")
    tail.poll()
    times = [tail.fresh[name][0][1] for name in ("loss", "epoch")]
    assert all(abs(moment - time.time()) < 600 for moment in times)
    assert tail.fresh == {"loss": [(7, times[0], 0.5)], "epoch": [(0.5, times[1], 2)]}
    for number in range(4):
        track("loss", float(number))
    assert tail.poll()["loss"] == (5, 3.0)
    assert tail.fresh == {}


def test_a_tail_needs_no_numpy(whole):
    script = (
        "import sys; from pathlib import Path; from expt.reading.series.tail import SeriesTail\n"
        "print(SeriesTail(Path(sys.argv[1])).poll()['loss']); assert 'numpy' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, whole], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("(4, 3.0)\n", "")


def test_a_tail_that_lags_behind_shows_recent_values_and_catches_up(track, folder):
    tail = SeriesTail(folder)
    for number in range(300_000):
        track("loss", float(number))
    count, last = tail.poll()["loss"]
    assert count < 300_000
    assert last == 299_999.0
    for _ in range(2):
        tail.poll()
    assert tail.poll()["loss"] == (300_000, 299_999.0)


def test_a_record_that_was_claimed_and_not_yet_written_is_counted_once_it_is(whole):
    content = (whole / "scalars.bin").read_bytes()
    hole = content[:32] + bytes(32) + content[64:]
    (whole / "scalars.bin").write_bytes(hole)
    tail = SeriesTail(whole)
    assert tail.poll()["loss"] == (1, 0.0)
    (whole / "scalars.bin").write_bytes(content)
    polled = tail.poll()
    assert (polled["loss"], polled["epoch"]) == ((4, 3.0), (4, 3))
    assert tail.poll()["epoch"] == (4, 3)


def test_a_record_that_is_never_written_does_not_stop_a_tail(whole):
    content = (whole / "scalars.bin").read_bytes()
    (whole / "scalars.bin").write_bytes(content[:32] + bytes(32) + content[64:])
    tail = SeriesTail(whole)
    tail.poll()
    polled = tail.poll()
    assert (polled["loss"], polled["epoch"]) == ((4, 3.0), (3, 3))


def test_a_tail_waits_for_the_end_of_a_line(whole):
    content = (whole / "entries.jsonl").read_bytes()
    (whole / "entries.jsonl").write_bytes(content[:-10])
    tail = SeriesTail(whole)
    assert tail.poll()["array"] == (3, None)
    (whole / "entries.jsonl").write_bytes(content)
    assert tail.poll()["array"] == (4, None)


def test_a_notebook_shows_the_first_and_the_last_entries_of_a_series(track, folder):
    for step in range(100):
        track("<loss>", step / 4, step=step)
    track("note", "<script>alert(1)</script>")
    track("array", np.zeros((2, 3)))
    series = SeriesMap(folder)
    shown = series["<loss>"]._repr_html_()
    assert "&lt;loss&gt;: scalar, 100 entries" in shown
    assert "<th>4</th><td style='text-align:left'>1</td></tr><tr><th>…</th>" in shown
    assert "<th>99</th><td style='text-align:left'>24.75</td></tr></table>" in shown
    assert shown.count("<tr>") == 11
    assert "<script" not in series["note"]._repr_html_()
    assert "array of 2 × 3" in series["array"]._repr_html_()
