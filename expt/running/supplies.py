"""The built-in providers: what an experiment may ask for without anybody writing a provider.

track  results  archive  params  log  progress  run  hooks  tmp_path

The others have modules of their own: `rng` in `randomness`, `checkpoint` in `checkpointing`.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

from expt.archive.progress_file import HowFar, write_progress
from expt.archive.returned import ResultFiles, file_of_result, named_results, storable_result
from expt.archive.series_lines import read_results
from expt.ground.encoding import Unstorable, from_json, to_json
from expt.ground.messages import RunProgressed
from expt.ground.real_numbers import exact_number
from expt.ground.value_classes import frozen
from expt.tracking.elsewhere import Elsewhere

if TYPE_CHECKING:
    from expt.ground.messages import Report
    from expt.planning.contents import Listener

T = TypeVar("T")

_PROGRESS_INTERVAL: Final = 0.1  # seconds between two reports of one run
_LOOK_INTERVAL: Final = 1.0  # seconds between two looks for results that were changed in place


class Results(MutableMapping[str, Any]):
    """`results`: the final values, durable from the moment they are set.

    A dict that takes what strict JSON with tags can hold, and what is a file by nature, an array
    say, which becomes an artifact and is its path. Anything else is a `TypeError`, by name and
    type. A list, a dict or an object that was set may be changed in place: the change is on disk
    with the next use of `results` a second later, and in any case at the end of the run.
    """

    __slots__ = ("_files", "_kept", "_next_look", "_notices", "_record", "_values")

    def __init__(
        self, record: Callable[[str, Any], None], save_artifact: Callable[[str, Any], Path]
    ) -> None:
        self._record = record
        self._files = ResultFiles(save_artifact)
        self._notices: dict[str, str | None] = {}  # of what has become a file
        self._values: dict[str, Any] = {}
        self._kept: dict[str, Any] = {}  # the JSON on disk of what may change
        self._next_look = 0.0

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.__slots__:
            raise AttributeError(f"results has items, no attributes: results[{name!r}] = …")
        object.__setattr__(self, name, value)

    def __setitem__(self, name: str, value: Any) -> None:
        if not isinstance(name, str):
            raise TypeError(f"the name of a result must be a str, not {type(name).__name__}")
        notice = None
        try:
            told = to_json(value, f"results[{name!r}]")
        except Unstorable as error:
            value, notice = self._plain(name, value, error)
            told = to_json(value)
        plain = from_json(told)
        self._record(name, plain)
        changes = isinstance(plain, (dict, list))
        self._values[name] = value if changes else plain
        self._kept.pop(name, None)
        self._notices[name] = notice
        if changes:
            self._kept[name] = told
        self._keep_changes()

    def _plain(self, name: str, value: Any, refused: Unstorable) -> tuple[Any, str | None]:
        """One number of any library's as that; path and notice of what is a file by nature."""
        with contextlib.suppress(TypeError, ValueError):
            if (number := exact_number(value)) is not None:
                return number, None
            if (kept := file_of_result(name, value, self._files)) is not None:
                return kept
        raise TypeError(f"{refused}; track it, or keep it with archive.save") from None

    def __getitem__(self, name: str) -> Any:
        self._keep_changes()
        return self._values[name]

    def setdefault(self, name: str, default: Any = None) -> Any:
        """As of a dict: `results.setdefault("losses", []).append(0.1)`."""
        if name not in self._values:
            self[name] = default
        return self[name]

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"results[{name!r}] is on disk; set it again instead of deleting it")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"results({self._values!r})"

    def __ior__(self, other: Mapping[str, Any]) -> Results:
        self.update(other)
        return self

    def __copy__(self) -> dict[str, Any]:
        return dict(self._values)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return copy.deepcopy(self._values, memo)

    def __reduce__(self) -> tuple[type[Elsewhere], tuple[str]]:
        return Elsewhere, ("results",)

    def go_on_from(self, folder: Path) -> None:
        """Have what the `series/` folder of this run says by now, and nothing else."""
        self._values = read_results(folder)
        told = {name: to_json(value) for name, value in self._values.items()}
        self._kept = {n: value for n, value in told.items() if isinstance(value, (dict, list))}

    def keep_changes(self) -> None:
        """Write what was changed in place."""
        self._next_look = 0.0
        self._keep_changes()

    def _keep_changes(self) -> None:
        """Write what was changed in place, at most once a second and a twentieth of the time."""
        begun = time.monotonic()
        if begun < self._next_look or not self._kept:
            return
        self._next_look = begun + _LOOK_INTERVAL
        for name, known in list(self._kept.items()):
            with contextlib.suppress(Exception):  # it changes as we look: the next time, or the end
                told = to_json(self._values[name])
                if told != known:
                    self._record(name, from_json(told))
                    self._kept[name] = told
        self._next_look = max(self._next_look, begun + 20 * (time.monotonic() - begun))

    def keep_returned(self, returned: Any) -> list[str]:
        """Set what a run returned, whatever it is; notices."""
        notices = []
        for name, value in named_results(returned).items():
            self[name], notice = storable_result(name, value, self._files)
            if notice is not None:
                notices.append(notice)
        return notices

    def settle(self) -> tuple[dict[str, Any], list[str]]:
        """What the run ends with, as a reader will see it, and notices.

        Nothing is refused that was changed in place: it is kept as what is returned is.
        """
        final, notices = {}, [*filter(None, self._notices.values())]
        for name, value in list(self._values.items()):
            stored, notice = storable_result(name, value, self._files)
            final[name] = from_json(to_json(stored))
            if notice is not None:
                notices.append(notice)
        return final, notices


@frozen
class ArchiveHandle:
    """`archive`: the run's own folder, for files that are evidence."""

    path: Path
    _save: Callable[[str, Any], Path]
    _open: Callable[[str, str], IO[Any]]

    def save(self, name: str, value: Any) -> Path:
        """Keep `value` as `artifacts/NAME` and return its path; the suffix decides the format.

        Raises `TypeError` for a type that no format holds.
        """
        return self._save(name, value)

    def open(self, name: str, mode: str = "wb") -> IO[Any]:
        """Open `artifacts/NAME`; an empty file is there at once."""
        return self._open(name, mode)


@frozen
class RunInfo:
    """`run`: who this run is."""

    id: str
    path: Path
    tags: tuple[str, ...] = ()
    note: str | None = None


class Progress:
    """`progress(iterable, total=None, label="")`: the iterable, with its advance on screen."""

    def __init__(self, case_id: str, report: Report, archive: Path) -> None:
        self._case_id = case_id
        self._report = report
        self._archive = archive
        self._depth = 0
        self._told = {True: 0.0, False: 0.0}  # by the outermost loop, by those within it

    def __call__(
        self, iterable: Iterable[T], total: int | None = None, label: str = ""
    ) -> Iterator[T]:
        """Yield what `iterable` yields. Raises `TypeError` at once for what is not iterable."""
        if isinstance(total, str):
            raise TypeError(f"total is a number of items; a name is label={total!r}")
        items = iter(iterable)
        if total is None:
            length = getattr(iterable, "__len__", None)
            total = None if length is None else length()
        return self._follow(items, None if total is None else int(total), str(label))

    def _follow(self, items: Iterator[T], total: int | None, label: str) -> Iterator[T]:
        outermost = not self._depth
        self._depth += 1
        done = 0
        try:
            for item in items:
                self._tell(HowFar(done, total, label), outermost)
                yield item
                done += 1
            self._tell(HowFar(done, total, label), outermost)
        finally:
            self._depth -= 1
            if outermost:
                write_progress(self._archive, None)

    def _tell(self, far: HowFar, outermost: bool) -> None:
        """At most ten times a second, and as often of the loops within, however many they are."""
        now = time.monotonic()
        if now - self._told[outermost] >= _PROGRESS_INTERVAL:
            self._told[outermost] = now
            self._report(RunProgressed(self._case_id, *far))
            if outermost:
                write_progress(self._archive, far)


class Hooks:
    """`hooks`: the experiment's own hook points.

    A listener is given those of the values that it takes, and beside them what `supply` gives.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        supply: Callable[[Listener], Mapping[str, Any]] = lambda _: {},
    ) -> None:
        self._listeners: dict[str, list[_Taker]] = {}
        for listener in listeners:
            taker = _Taker.of(listener.function, partial(supply, listener))
            self._listeners.setdefault(listener.point, []).append(taker)

    def call(self, point: str, /, **values: Any) -> list[Any]:
        """Call every implementation of `point`, outermost first; what they returned, in order.

        Each is given those of the `values` that it takes.
        """
        return [taker((), values) for taker in self._listeners.get(point, ())]

    def filter(
        self, point: str, value: T, /, default: Callable[..., T] | None = None, **values: Any
    ) -> T:
        """Pass `value` through every implementation of `point`, outermost first.

        Each is given what came out of the last one, and those of the `values` that it takes.
        `default` is used where there is none.
        """
        takers = self._listeners.get(point) or ([] if default is None else [_Taker.of(default)])
        for taker in takers:
            value = taker((value,), values)
        return value


@frozen(eq=False)
class _Taker:
    """A function that is given the values that it takes by name; `names` is None for all."""

    function: Callable[..., Any]
    names: tuple[str, ...] | None
    supplied: Callable[[], Mapping[str, Any]] = dict

    @classmethod
    def of(
        cls, function: Callable[..., Any], supplied: Callable[[], Mapping[str, Any]] = dict
    ) -> _Taker:
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):  # of a class or a function written in C
            return cls(function, None, supplied)
        takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
        names = None if takes_all else tuple(p.name for p in parameters)
        return cls(function, names, supplied)

    def __call__(self, given: tuple[Any, ...], values: Mapping[str, Any]) -> Any:
        values = {**self.supplied(), **values}
        if self.names is None:
            return self.function(*given, **values)
        taken = {name: values[name] for name in self.names[len(given) :] if name in values}
        return self.function(*given, **taken)


def make_log(function_name: str) -> logging.Logger:
    """The stdlib logger of one function; its records go to `output.log`."""
    logger = logging.getLogger(f"expt.{function_name}")
    logger.setLevel(logging.NOTSET)
    return logger


class TemporaryFolder:
    """`tmp_path`: an empty folder for the run, gone afterwards; made when somebody asks."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._path: Path | None = None
        self._lock = threading.Lock()

    def make(self) -> Path:
        with self._lock:
            if self._path is None:
                self._path = Path(tempfile.mkdtemp(prefix=f"expt-{self._run_id}-"))
            return self._path

    def remove(self) -> None:
        if self._path is not None and self._path.exists():
            shutil.rmtree(self._path, ignore_errors=True)


def remove_temporary(run_id: str) -> None:
    """Delete the `tmp_path` of a run whose worker died."""
    for place in Path(tempfile.gettempdir()).glob(f"expt-{run_id}-*"):
        shutil.rmtree(place, ignore_errors=True)
