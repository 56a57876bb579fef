"""What a run had tracked is there whatever happens to it: kills, full disks, forks, signals."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from warm_start import run_warm

from expt.archive.scalar_records import FLOAT_RECORD, RECORD_SIZE
from expt.archive.series_lines import read_results
from expt.ground.layout import ENTRIES_FILE, NAMES_FILE, RESULTS_FILE, SCALARS_FILE
from expt.reading.series.statistics import summarise_series
from expt.reading.series.tracked import SeriesMap
from expt.tracking.recorder import open_recorder
from expt.tracking.scalars import Disk

ROOT = Path(__file__).parent.parent

NO_MAPS = """
    import errno, os
    class NoMaps(Disk):
        def map(self, file, start, size):
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
"""

SETUP = f"""
    import os, signal, sys, threading, time, warnings
    from pathlib import Path
    from expt.tracking.recorder import open_recorder
    from expt.tracking.scalars import Disk
    {NO_MAPS}
    warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads, since 3.12
    folder = Path(sys.argv[1])
    disk = NoMaps() if sys.argv[2] == "written" else Disk()
    recorder = open_recorder(folder, label="7fk2", disk=disk)
    track = recorder.track
"""


def run_script(tmp_path, body, writer="mapped"):
    """Run `body` in a process of its own with a recorder of `tmp_path/series`."""
    script = textwrap.dedent(SETUP) + textwrap.dedent(body)
    words = ["-c", script, str(tmp_path / "series"), writer]
    return run_warm(words, ROOT, dict(os.environ), python=True)


@pytest.fixture(params=["mapped", "written"])
def writer(request):
    return request.param


class NoMaps(Disk):
    def map(self, file, start, size):
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))


class FullDisk(Disk):
    """A disk with room for so many bytes, whose last write is short, as a real one's is."""

    def __init__(self, room, maps=True):
        self.room = room
        self.maps = maps

    def allocate(self, file, start, size):
        if size > self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= size
        super().allocate(file, start, size)

    def map(self, file, start, size):
        if not self.maps:
            self.room += size
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return super().map(file, start, size)

    def write(self, file, data):
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = super().write(file, data[: self.room])
        self.room -= written
        return written


# Kills


def test_a_kill_right_after_the_last_call_loses_nothing(tmp_path, writer):
    body = """
        for number in range(10_000):
            track("loss", number * 0.5)
        track("note", "the end")
        recorder.set_result("accuracy", 0.5)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    for attempt in range(2):
        place = tmp_path / str(attempt)
        assert run_script(place, body, writer).returncode == -signal.SIGKILL
        series = SeriesMap(place / "series")
        assert series["loss"].values.tolist() == [number * 0.5 for number in range(10_000)]
        assert series["loss"].steps.tolist() == list(range(10_000))
        assert series["note"].values == ["the end"]
        assert series.damage == ()
        assert read_results(place / "series") == {"accuracy": 0.5}
        assert summarise_series(place / "series")["loss"]["count"] == 10_000


def test_a_kill_at_any_moment_leaves_only_what_was_tracked(tmp_path, writer):
    body = """
        import numpy
        def die():
            time.sleep(0.03)
            os.kill(os.getpid(), signal.SIGKILL)
        number = 0
        while True:
            if number == 10:
                threading.Thread(target=die).start()
            track(f"loss {number % 7}", float(number))
            track(f"text {number % 5}", str(number))
            track("image", numpy.full((9, 9), number % 256, numpy.uint8))
            number += 1
    """
    for attempt in range(3):
        place = tmp_path / str(attempt)
        assert run_script(place, body, writer).returncode == -signal.SIGKILL
        series = SeriesMap(place / "series")
        for remainder in range(7):
            values = series[f"loss {remainder}"].values.tolist()
            assert values == list(range(remainder, remainder + 7 * len(values), 7))
        for remainder in range(5):
            values = [int(text) for text in series[f"text {remainder}"].values]
            assert values == list(range(remainder, remainder + 5 * len(values), 5))
        for number, frame in enumerate(series["image"].values):
            assert (frame == number % 256).all()
        assert series.damage == ()


@pytest.mark.parametrize("written", range(RECORD_SIZE))
def test_a_kill_between_two_fields_of_a_record_never_reads_as_a_value(tmp_path, written):
    folder = tmp_path / "series"
    recorder = open_recorder(folder, label="7fk2")
    recorder.track("loss", 1.0)
    recorder.track("loss", 2.0)
    recorder.track("loss", 3.0)
    recorder.close()
    records = bytearray((folder / "scalars.bin").read_bytes())
    whole = FLOAT_RECORD.pack(1, 1.5e9, 2.0, 0, 1)
    # the kind and the id are one store: it is there or it is not
    torn = whole[: min(written, RECORD_SIZE - 8)].ljust(RECORD_SIZE, b"\0")
    records[RECORD_SIZE : 2 * RECORD_SIZE] = torn
    (folder / "scalars.bin").write_bytes(records)
    assert SeriesMap(folder)["loss"].values.tolist() == [1.0, 3.0]
    assert SeriesMap(folder).damage == ()
    assert summarise_series(folder)["loss"]["count"] == 2


# Full disks


@pytest.mark.parametrize("maps", [True, False])
def test_a_full_disk_is_an_os_error_and_what_was_tracked_is_there(tmp_path, maps):
    disk = FullDisk(200_000, maps=maps)
    recorder = open_recorder(tmp_path / "series", label="7fk2", disk=disk)
    track = recorder.track
    tracked = 0
    with pytest.raises(OSError, match="No space left on device"):
        for number in range(1_000_000):
            track("loss", float(number))
            tracked += 1
    for call in (
        lambda: track("loss", 1.0),
        lambda: track(loss=1),
        lambda: track("note", "x" * 700_000),
        lambda: track("image", np.zeros((900, 900), np.uint8) + np.arange(900, dtype=np.uint8)),
        lambda: track("array", np.zeros(100_000)),
        lambda: recorder.set_result("x", "y" * 700_000),
    ):
        with pytest.raises(OSError, match="No space left on device"):
            call()
    disk.room = 10_000_000
    track("loss", -1.0)
    track("note", "there is room again")
    track("array", np.ones(3))
    recorder.set_result("x", 1)
    recorder.close()
    series = SeriesMap(tmp_path / "series")
    assert tracked > 6000
    assert series["loss"].values.tolist() == [*range(tracked), -1.0]
    assert series["note"].values == ["there is room again"]
    assert series["array"].last.tolist() == [1.0] * 3
    assert series.damage == ()
    assert read_results(tmp_path / "series") == {"x": 1}


@pytest.mark.parametrize("maps", [True, False])
def test_what_could_not_be_written_whole_is_taken_back_and_no_entry(tmp_path, maps):
    disk = FullDisk(600_000, maps=maps)
    recorder = open_recorder(tmp_path / "series", label="7fk2", disk=disk)
    recorder.track("array", np.zeros(3))
    recorder.track("loss", 1.0)
    for room in (0, 50, 140, 160):
        disk.room = room
        with pytest.raises(OSError, match="No space left"):
            recorder.track("array", np.zeros(3))
    disk.room = 0
    with pytest.raises(OSError, match="No space left"):
        for _ in range(2048):  # as many records as there were blocks for
            recorder.track("loss", 1.0)
    disk.room = 600_000
    recorder.track("array", np.ones(3))
    recorder.track("loss", 2.0)
    recorder.close()
    loss = SeriesMap(tmp_path / "series")["loss"]
    assert loss.last == 2.0
    assert loss.steps.tolist() == list(range(len(loss)))
    array = SeriesMap(tmp_path / "series")["array"]
    assert array.steps.tolist() == [0, 1]
    assert sorted((tmp_path / "series" / "0001-array").iterdir()) == list(array.files)


def test_a_small_file_system_fills_up_as_an_os_error(tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", place], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no file system may be mounted here")
    try:
        recorder = open_recorder(place / "series", label="7fk2")
        tracked = 0
        with pytest.raises(OSError, match="No space left on device"):
            for number in range(1_000_000):
                recorder.track("loss", float(number))
                tracked += 1
        recorder.close()
        assert tracked > 2000
        assert SeriesMap(place / "series")["loss"].values.tolist() == list(range(tracked))
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_limit_on_the_size_of_files_is_an_os_error(tmp_path):
    body = """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
        tracked = 0
        try:
            while True:
                track("loss", float(tracked))
                tracked += 1
        except OSError as error:
            print(tracked, error.strerror)
    """
    done = run_script(tmp_path, body)
    tracked, text = done.stdout.strip().split(" ", 1)
    assert text == "File too large"
    assert len(SeriesMap(tmp_path / "series")["loss"]) == int(tracked) > 2000


def test_where_nothing_can_be_allocated_zeros_are_written(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate")
    recorder = open_recorder(tmp_path / "series", label="7fk2")
    for number in range(5000):
        recorder.track("loss", float(number))
    assert recorder.writer == "mapped"
    assert SeriesMap(tmp_path / "series")["loss"].values.tolist() == list(range(5000))
    recorder.close()


# Folders that vanish, files that are closed


def test_an_archive_that_was_deleted_is_an_os_error_and_the_end_is_quiet(tmp_path, writer):
    disk = Disk() if writer == "mapped" else NoMaps()
    recorder = open_recorder(tmp_path / "series", label="7fk2", disk=disk)
    recorder.track("loss", 1.0)
    recorder.track("note", "a")
    for path in (tmp_path / "series").iterdir():
        path.unlink()
    (tmp_path / "series").rmdir()
    with pytest.raises(FileNotFoundError):
        recorder.track("note", "b")
    with pytest.raises(FileNotFoundError):
        recorder.track("image", np.zeros((2, 2), np.uint8))
    with pytest.raises(FileNotFoundError):
        for _ in range(10_000):
            recorder.track("loss", 1.0)
    recorder.close()


def test_a_folder_that_cannot_be_written_is_an_os_error(tmp_path):
    (tmp_path / "series").write_text("a file")
    with pytest.raises(FileExistsError):
        open_recorder(tmp_path / "series", label="7fk2")


def test_no_second_recorder_begins_in_a_folder_that_has_one(tmp_path, writer):
    disk = Disk() if writer == "mapped" else NoMaps()
    first = open_recorder(tmp_path / "series", label="7fk2")
    first.track("loss", 1.0)
    with pytest.raises(FileExistsError, match="another run was recorded here"):
        open_recorder(tmp_path / "series", label="7fk3", disk=disk)
    first.track("loss", 3.0)
    first.close()
    assert SeriesMap(tmp_path / "series")["loss"].values.tolist() == [1.0, 3.0]


@pytest.mark.parametrize("name", [NAMES_FILE, ENTRIES_FILE, RESULTS_FILE, SCALARS_FILE])
def test_one_file_of_another_recorder_is_enough_to_refuse(tmp_path, name):
    place = tmp_path / "series" / name
    place.parent.mkdir()
    place.write_bytes(b"theirs")
    with pytest.raises(FileExistsError) as caught:
        open_recorder(tmp_path / "series", label="7fk2")
    assert caught.value.filename == str(place)
    assert place.read_bytes() == b"theirs"


def test_a_picture_never_takes_the_place_of_a_file(tmp_path):
    recorder = open_recorder(tmp_path / "series", label="7fk2")
    recorder.track.image("img", np.zeros((2, 2), "u1"))
    (first,) = (tmp_path / "series").rglob("*.png")
    other = first.with_name(first.name.replace("000000", "000001"))
    other.write_bytes(b"theirs")
    with pytest.raises(FileExistsError):
        recorder.track.image("img", np.ones((2, 2), "u1"))
    recorder.close()
    assert len(SeriesMap(tmp_path / "series")["img"]) == 1


def test_an_experiment_may_close_every_descriptor(tmp_path, writer):
    body = """
        import numpy
        def track_all(number):
            for _ in range(3000):
                track("loss", float(number))
            track("note", str(number))
            track("image", numpy.full((3, 3), number, numpy.uint8))
            recorder.set_result("number", number)
        track_all(0)
        os.closerange(0, 256)
        track_all(1)
        # before Python 3.13 a map closes its duplicate, whatever the number belongs to by then
        safe = sys.argv[2] == "written" or sys.version_info >= (3, 13)
        others = [os.open(folder / f"other{n}", os.O_RDWR | os.O_CREAT) for n in range(20 * safe)]
        track_all(2)
        recorder.close()
        assert all(os.fstat(other).st_size == 0 for other in others)
        os._exit(7)
    """
    assert run_script(tmp_path, body, writer).returncode == 7
    series = SeriesMap(tmp_path / "series")
    assert series["loss"].values.tolist() == [0.0] * 3000 + [1.0] * 3000 + [2.0] * 3000
    assert series["note"].values == ["0", "1", "2"]
    assert [int(frame[0, 0]) for frame in series["image"].values] == [0, 1, 2]
    assert read_results(tmp_path / "series") == {"number": 2}
    assert series.damage == ()


def test_what_is_printed_to_closed_streams_never_gets_into_the_files(tmp_path, writer):
    body = """
        for descriptor in (0, 1, 2):
            os.close(descriptor)
        for number in range(10_000):
            track("loss", float(number))
        track("note", "a")
        for descriptor in (0, 1, 2):
            try:
                os.write(descriptor, b"printed")
            except OSError:
                continue
            os._exit(1)
        recorder.close()
        os._exit(7)
    """
    assert run_script(tmp_path, body, writer).returncode == 7
    series = SeriesMap(tmp_path / "series")
    assert series["loss"].values.tolist() == list(range(10_000))
    assert series["note"].values == ["a"]


# Forks


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@needs_fork
def test_a_forked_child_never_overwrites_its_parent(tmp_path, writer):
    body = """
        import numpy
        track("loss", 0.0)
        track("note", "parent")
        child = os.fork()
        if child == 0:
            refused = 0
            for call in (
                lambda: track("loss", -1.0),
                lambda: track("loss", -1),
                lambda: track(loss=-1.0),
                lambda: track("new", -1.0),
                lambda: track("note", "child"),
                lambda: track("image", numpy.zeros((3, 3), numpy.uint8)),
                lambda: track.configure("loss", fps=1),
                lambda: recorder.set_result("x", 1),
            ):
                try:
                    call()
                except RuntimeError as error:
                    refused += 1
                    text = str(error)
            recorder.close()
            print(refused, text, flush=True)
            os._exit(0)
        for number in range(1, 5000):
            track("loss", float(number))
        os.waitpid(child, 0)
        track("loss", 5000.0)
        recorder.close()
    """
    done = run_script(tmp_path, body, writer)
    assert done.stderr == ""
    assert done.stdout == (
        "8 the run '7fk2' is recorded by the process that forked this one; "
        "the result 'x' was not kept\n"
    )
    series = SeriesMap(tmp_path / "series")
    assert list(series) == ["loss", "note"]
    assert series["loss"].values.tolist() == list(range(5001))
    assert series["loss"].steps.tolist() == list(range(5001))
    assert series["note"].values == ["parent"]


@needs_fork
def test_a_fork_while_another_thread_tracks_leaves_a_child_that_is_refused(tmp_path, writer):
    body = """
        going = True
        def work():
            number = 0
            while going:
                track(f"loss {number % 100}", float(number))
                track(f"note {number % 10}", "x")
                number += 1
        thread = threading.Thread(target=work)
        thread.start()
        for _ in range(20):
            child = os.fork()
            if child == 0:
                try:
                    track("child", 1.0)
                except RuntimeError:
                    recorder.close()
                    os._exit(0)
                os._exit(1)
            assert os.waitpid(child, 0)[1] == 0
        going = False
        thread.join()
        recorder.close()
    """
    done = run_script(tmp_path, body, writer)
    assert (done.returncode, done.stderr) == (0, "")
    series = SeriesMap(tmp_path / "series")
    assert "child" not in series
    assert series.damage == ()


@needs_fork
def test_a_child_may_record_a_run_of_its_own(tmp_path):
    parent = open_recorder(tmp_path / "parent", label="7fk2")
    parent.track("loss", 1.0)
    child = multiprocessing.get_context("fork").Process(target=_record_one, args=(tmp_path,))
    child.start()
    child.join()
    parent.track("loss", 3.0)
    parent.close()
    assert child.exitcode == 0
    assert SeriesMap(tmp_path / "child")["loss"].values.tolist() == [2.0]
    assert SeriesMap(tmp_path / "parent")["loss"].values.tolist() == [1.0, 3.0]


def _record_one(tmp_path):
    recorder = open_recorder(tmp_path / "child", label="7fk3")
    recorder.track("loss", 2.0)
    recorder.close()


# Signals


def test_an_interrupt_at_any_moment_leaves_whole_entries(tmp_path, writer):
    body = """
        import numpy
        class Stop(BaseException): pass
        armed = False
        def stop(*_):
            global armed
            if armed:
                armed = False
                raise Stop
        signal.signal(signal.SIGALRM, stop)
        stored = 0
        for attempt in range(60):
            signal.setitimer(signal.ITIMER_REAL, 0.0005 + 0.00003 * attempt, 0.0007)
            try:
                armed = True
                while True:
                    track(f"new {stored}", 1.0)
                    track("loss", float(stored))
                    track("note", "x" * 300)
                    track("image", numpy.zeros((20, 20), numpy.uint8))
                    stored += 1
            except Stop:
                pass
        signal.setitimer(signal.ITIMER_REAL, 0)
        track("loss", -1.0)
        track("note", "end")
        recorder.close()
        print(stored)
    """
    done = run_script(tmp_path, body, writer)
    assert done.stderr == ""
    series = SeriesMap(tmp_path / "series")
    assert series.damage == ()
    assert series["loss"].last == -1.0
    assert series["note"].last == "end"
    assert int(done.stdout) <= len(series["loss"]) <= int(done.stdout) + 61
    assert len(set(series)) == len(list(series))


def test_a_signal_handler_may_track_while_a_value_is_being_tracked(tmp_path, writer):
    body = """
        handled = 0
        def handle(*_):
            global handled
            number = handled = handled + 1  # another signal may come in the middle of this
            track("handled", float(number))
            track("handled text", str(number))
        signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        number = 0
        while handled < 40:
            track("loss", float(number))
            track(f"new {number % 1000}", 1.0)
            track("note", str(number))
            number += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        recorder.close()
        print(number, handled)
    """
    done = run_script(tmp_path, body, writer)
    assert done.stderr == ""
    number, handled = map(int, done.stdout.split())
    series = SeriesMap(tmp_path / "series")
    assert series["loss"].values.tolist() == list(range(number))
    assert series["note"].values == [str(index) for index in range(number)]
    assert sorted(series["handled"].values.tolist()) == list(range(1, handled + 1))
    assert sorted(map(int, series["handled text"].values)) == list(range(1, handled + 1))
    assert series.damage == ()


# Many names, many points


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_part_of_the_record_file_that_is_full_is_let_go_of(tmp_path):
    recorder = open_recorder(tmp_path / "series", label="7fk2")
    for number in range(12_000):
        recorder.track("loss", 0.5)
        if number in (0, 200, 1000, 4000):
            recorder.track(f"once at {number}", 1.0)
    maps = Path("/proc/self/maps").read_text().count(str(tmp_path / "series" / SCALARS_FILE))
    assert (tmp_path / "series" / SCALARS_FILE).stat().st_size >= 12_004 * RECORD_SIZE
    recorder.close()
    assert maps == 1


def test_many_names_need_few_files(tmp_path, writer):
    body = """
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        for number in range(1000):
            track(f"n{number}", float(number))
        for number in range(100):
            track(f"t{number}", "text")
        for number in range(1000):
            track(f"n{number}", -float(number))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    assert run_script(tmp_path, body, writer).returncode == -signal.SIGKILL
    series = SeriesMap(tmp_path / "series")
    assert len(series) == 1100
    assert all(series[f"n{number}"].values.tolist() == [number, -number] for number in range(1000))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_many_points_stay_out_of_memory(tmp_path):
    body = """
        def resident():
            pages = int(open("/proc/self/statm").read().split()[1])
            return pages * os.sysconf("SC_PAGESIZE")
        track("loss", 0.0)
        before = resident()
        for number in range(1, 500_000):
            track("loss", float(number))
        print((resident() - before) / 1e6)
        recorder.close()
    """
    done = run_script(tmp_path, body)
    assert done.stderr == ""
    assert float(done.stdout) < 12  # megabytes; 16 were written
    series = SeriesMap(tmp_path / "series")["loss"]
    assert np.array_equal(series.values, np.arange(500_000.0))
