"""What a run tracks, in its archive's `series/` when the call returns.

    track("loss", 0.1) ─► known name, known type ─────► a claimed record of the map   (fast path)
                       └► anything else ─► kind ─► name's line ─► record, or file ─► entry's line

A file is whole before the line that names it is written, and a name's line stands before the
first record that bears its number: whenever a kill comes, nothing refers to what is not there.
"""

from __future__ import annotations

import errno
import functools
import math
import operator
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, Final

from expt.archive.array_files import check_png
from expt.archive.series_lines import options_line, result_line
from expt.ground import layout
from expt.ground.encoding import to_json
from expt.ground.objects import type_name
from expt.ground.real_numbers import INT64_MAX, INT64_MIN, exact_number
from expt.tracking.entries import Encoded, encode_value, find_kind
from expt.tracking.fast_path import NOT_GIVEN, make_track
from expt.tracking.going_on import carry_over
from expt.tracking.methods import with_methods
from expt.tracking.scalars import Disk, next_entry
from expt.tracking.series_files import SeriesFiles
from expt.tracking.series_options import check_options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from expt.ground.model import Kind, Recognise, Track
    from expt.tracking.fast_path import FastNames
    from expt.tracking.scalars import Chunk
    from expt.tracking.series_files import OneSeries

    OnTracked = Callable[[str, Kind, float, Any], None]
    How = tuple[Kind | None, bool]
    """The kind, where somebody named it, and whether it is a table."""

_EXACT: Final = dict.fromkeys(("float64", "float32", "float16"), False) | dict.fromkeys(
    ("int64", "int32", "int16", "int8", "uint32", "uint16", "uint8"), True
)
"""numpy's numbers that always fit a record, and whether they are whole; uint64 may not fit."""


def open_recorder(
    folder: Path,
    *,
    label: str,
    recognise: Recognise | None = None,
    on_tracked: OnTracked | None = None,
    disk: Disk | None = None,
) -> Recorder:
    """Begin to record into `folder`, which is made if need be. `label` is the run's id.

    `recognise` is asked for values that nothing built in takes. `on_tracked` hears of each stored
    value; where it is None, tracking costs nothing for it.
    """
    folder = folder.absolute()
    try:
        os.mkdir(folder)
    except FileNotFoundError:
        os.makedirs(folder)
    except FileExistsError:
        _refuse_used(folder)
    recorder = Recorder(folder, label, recognise, on_tracked, disk or Disk())
    _recorders_of_this_process().add(recorder)
    return recorder


def _refuse_used(folder: Path) -> None:
    if not folder.is_dir():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder))
    for name in layout.SERIES_FILES:
        if (folder / name).exists():
            raise FileExistsError(errno.EEXIST, "another run was recorded here", str(folder / name))


@functools.cache
def _recorders_of_this_process() -> weakref.WeakSet[Recorder]:
    """Every recorder, for the child of a fork to disown. What is registered with `os` stays for
    ever, so it is registered once a process and not once a run."""
    recorders: weakref.WeakSet[Recorder] = weakref.WeakSet()

    def disown_all() -> None:
        for recorder in list(recorders):
            recorder._fast.clear()  # takes no lock: its holder may not have been forked

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=disown_all)
    return recorders


class Recorder:
    """The writer of one archive's `series/`. Every method may be called from any thread.

    `track` is what the experiment gets. After `close`, and in the child of a fork, tracking raises
    `RuntimeError`.
    """

    def __init__(
        self,
        folder: Path,
        label: str,
        recognise: Recognise | None,
        on_tracked: OnTracked | None,
        disk: Disk,
    ) -> None:
        self.folder = folder
        self._label = label
        self._recognise = recognise
        self._on_tracked = on_tracked
        self._disk = disk
        self._files = SeriesFiles(folder, disk)
        self._process = os.getpid()
        self._ended = False
        self._lock = threading.RLock()
        self._busy = False
        self._put_off: list[Callable[[], object]] = []
        self._notices: dict[str, None] = {}
        self._fast: FastNames = {}
        self._int_tags: dict[str, bytes] = {}
        self._exact: dict[type, bool] = {bool: True, float: False}
        self._fast_chunk: Chunk | None = None

    @property
    def track(self) -> Track:
        """What the experiment gets: made anew, so that who has it holds this, and not both each
        other until the collector comes by."""
        track = make_track(self._track, self._fast, self._int_tags, self._exact)
        return with_methods(track, self._track, self._configure)

    def sizes(self) -> dict[str, int]:
        """How many bytes of each file of `series/` have been written so far."""
        found: dict[str, int] = {}
        self._alone(lambda: found.update(self._files.sizes()))
        return found

    def go_on_from(self, source: Path, sizes: Mapping[str, int]) -> None:
        """Replace all that was recorded by what the series folder `source` held at `sizes`.

        Raises `OSError`, and `ValueError` for a file that became shorter.
        """
        self._refuse_if_over("nothing is carried over")
        self._alone(functools.partial(self._go_on, source, sizes))

    def _go_on(self, source: Path, sizes: Mapping[str, int]) -> None:
        self._fast.clear()
        self._int_tags.clear()
        self._files.close()
        known = carry_over(source, sizes, self.folder)
        self._files = SeriesFiles(self.folder, self._disk, sizes, known)
        self._files.open_records()

    @property
    def is_empty(self) -> bool:
        """Whether no series was ever named: no file tells of any."""
        return not self._files.series

    @property
    def notices(self) -> tuple[str, ...]:
        """What was stored otherwise than it was given, once each."""
        return tuple(self._notices)

    @property
    def writer(self) -> str:
        """How scalars reach the file: `mapped`, or `written` where the file system has no maps."""
        if self._files.records is None:
            self._refuse_if_over("nothing is recorded")
            self._alone(self._files.open_records)
        return "mapped" if self._files.records is None else self._files.records.writer

    def set_result(self, name: str, value: Any) -> None:
        """Keep a result now. Raises `TypeError` for what JSON cannot hold."""
        over = f"the result {name!r} was not kept"
        self._refuse_if_over(over)
        if not isinstance(name, str):
            raise TypeError(f"the name of a result must be a text, not {name!r}")
        try:
            line = result_line(str.__str__(name), to_json(value, f"results[{name!r}]"))
        except ValueError as error:
            raise ValueError(f"{over}: {error}") from None
        self._alone(functools.partial(self._keep_result, line, over))

    def _keep_result(self, line: bytes, over: str) -> None:
        self._refuse_if_over(over)
        self._files.results.append(line)

    def record(
        self,
        name: str,
        value: Any,
        *,
        when: float,
        step: float | None = None,
        kind: Kind | None = None,
    ) -> None:
        """As `track`, of what was tracked at `when` (Unix seconds): by another tool, say.

        Where `kind` is a picture's, the value may be the bytes of a PNG, which is kept as it is.
        """
        if kind in ("image", "figure") and type(value) is bytes:
            try:
                encoded = Encoded(kind, value, png=check_png(value))
            except ValueError as error:
                raise ValueError(f"{name!r} was not tracked: {error}") from None
            job = functools.partial(self._store, name, encoded, _plain_step(step), when, bytes)
            self._alone(job)
        else:
            self._keep(name, value, step, when, (kind, False))

    def measure(self, name: str, value: float, *, step: float, unit: str = "") -> None:
        """Keep a number of expt's own, under a name that begins with `OWN_SERIES`.

        Raises `RuntimeError` after the end.
        """
        known = self._files.series.get(name)
        self._keep(name, value, step, time.time(), ("scalar", False))
        if unit and known is None:
            self._configure(name, {"unit": unit})

    def close(self) -> None:
        """End: the unused rest of the record file is cut off, and later calls are refused."""
        if os.getpid() == self._process:
            self._alone(self._end)

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._fast.clear()
            self._files.close()

    def _alone(self, job: Callable[[], object]) -> None:
        """Do what no other thread may do meanwhile. A signal handler that comes in the middle of
        it is in the same thread: its job is put off until the one that it interrupts has ended."""
        with self._lock:
            if self._busy:
                self._put_off.append(job)
                return
            try:
                self._busy = True
                job()
            finally:
                self._busy = False
                while self._put_off:
                    self._alone(self._put_off.pop(0))

    def _refuse_if_over(self, what: str) -> None:
        if os.getpid() != self._process:
            raise RuntimeError(
                f"the run '{self._label}' is recorded by the process that forked this one; {what}"
            )
        if self._ended:
            raise RuntimeError(f"the run '{self._label}' has ended; {what}")

    def _track(
        self, name: Any, value: Any, step: Any, when: float, how: How = (None, False)
    ) -> None:
        """Any call that the fast path left; `how` is what `track.image` … say."""
        if name is NOT_GIVEN or value is NOT_GIVEN:
            raise TypeError("track takes a name and a value: track('loss', 0.1), track(loss=0.1)")
        if isinstance(name, str) and name.startswith(layout.OWN_SERIES):
            what = f"names that begin with '{layout.OWN_SERIES}' are what --watch measures"
            raise ValueError(f"{name!r} was not tracked: {what}; give it another name")
        self._keep(name, value, step, when, how)

    def _keep(self, name: Any, value: Any, step: Any, when: float, how: How) -> None:
        over = f"{name!r} was not tracked"
        self._refuse_if_over(over)
        name, given, (kind, table) = _plain_name(name), type(value), how
        known = self._files.series.get(name)
        known_kind = None if known is None else known.kind
        try:
            step = _plain_step(step)
            if kind is None:
                kind, value = find_kind(value, known_kind, self._recognise)
            if known_kind not in (None, kind):
                raise TypeError(_other_kind(known_kind, kind))
            encoded = encode_value(kind, value, table=table)
        except ValueError as error:
            raise ValueError(f"{over}: {error}") from None
        except TypeError as error:
            raise TypeError(f"{over}: {error}") from None
        except RecursionError:
            raise ValueError(f"{over}: it is nested too deep, or holds itself") from None
        self._alone(functools.partial(self._store, name, encoded, step, when, given))

    def _store(
        self, name: str, encoded: Encoded, step: float | None, when: float, given: type
    ) -> None:
        """Put an entry into the files, and tell of it; `given` is the type it was tracked as."""
        over = f"{name!r} was not tracked"
        self._refuse_if_over(over)
        series = self._files.find_series(name, encoded.kind)
        if series.kind != encoded.kind:  # begun by another thread meanwhile
            raise TypeError(f"{over}: {_other_kind(series.kind, encoded.kind)}")
        if encoded.number is not None:
            records = self._files.open_records()
            step = records.write(step, series.count, when, encoded.number, series.tags)
            self._allow_fast(name, series, given)
        else:
            step = next_entry(series.count) if step is None else step
            self._files.write_entry(series, encoded, step, when)
            next(series.count)
        if encoded.notice is not None:
            self._notices[f"{name!r}: {encoded.notice}"] = None
        if self._on_tracked is not None:
            self._on_tracked(name, encoded.kind, step, encoded.value)

    def _allow_fast(self, name: str, series: OneSeries, given: type) -> None:
        """Let the fast path take `name`, and numbers of the type `given`, from now on."""
        records = self._files.records
        chunk = None if records is None else records.chunk
        if chunk is None or self._on_tracked is not None or name.startswith(layout.OWN_SERIES):
            return
        if given.__module__ == "numpy" and given.__name__ in _EXACT:
            self._exact[given] = _EXACT[given.__name__]
        tag, self._int_tags[name] = series.tags.of_float, series.tags.of_int
        self._fast[name] = tag, series.count, *chunk
        if chunk is not self._fast_chunk:
            self._fast_chunk = chunk
            for known, (tag, count, *_) in list(self._fast.items()):
                self._fast[known] = tag, count, *chunk

    def _configure(self, name: Any, options: dict[str, Any]) -> None:
        over = f"{name!r} was not configured"
        self._refuse_if_over(over)
        name = _plain_name(name)
        try:
            plain = check_options(options)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{over}: {error}") from None
        self._alone(functools.partial(self._set_options, name, plain, over))

    def _set_options(self, name: str, options: Any, over: str) -> None:
        self._refuse_if_over(over)
        series = self._files.find_series(name, None)
        self._files.names.append(options_line(series.number, options))


def _other_kind(known: Kind | None, kind: Kind) -> str:
    return f"the series is of kind '{known}', and this value of '{kind}'"


def _plain_name(name: Any) -> str:
    """The name of a series as a plain text. Raises `TypeError`."""
    if not isinstance(name, str):
        raise TypeError(f"the name of a series must be a text, not {name!r}")
    return str.__str__(name)


def _plain_step(step: Any) -> float | None:
    """An int64, or a finite float; None stays None. Raises `TypeError` or `ValueError`."""
    if step is None or (type(step) is int and INT64_MIN <= step <= INT64_MAX):
        return step
    plain: float | None
    try:
        plain = None if isinstance(step, bool) else operator.index(step)
    except Exception:  # the user's object
        plain = exact_number(step)
    if isinstance(plain, float) and not math.isfinite(plain):
        raise ValueError(f"a step must be finite, not {plain}")
    if plain is None:
        raise TypeError(f"a step must be an int or a finite float, not a '{type_name(step)}'")
    if isinstance(plain, int) and not INT64_MIN <= plain <= INT64_MAX:
        raise ValueError("a step beyond int64")
    return plain
