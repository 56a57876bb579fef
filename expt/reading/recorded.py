"""What `run.json` says of an archived run, and the labels beside it."""

from __future__ import annotations

import datetime as dt
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.archive.headline import parse_headline, read_headline
from expt.archive.json_files import read_plot_notices
from expt.archive.record import field_from_json, read_fields, read_record
from expt.archive.run_labels import Labels, read_labels
from expt.ground import layout
from expt.ground.clock import parse_time
from expt.ground.declarations import InputRun
from expt.ground.encoding import from_json, to_json
from expt.ground.errors import DamagedArchive
from expt.ground.model import KINDS
from expt.ground.text import failure_line, own_last
from expt.reading.outlines import has_tagged_series, outline_of, outline_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from expt.ground.model import ErrorInfo, Origin, RunRecord, Status

_LIVE: Final = ("running", "lost")


class RecordedRun(InputRun):
    """A run as its record tells of it: read when it is asked for, and then kept.

    `run.json` is read at once, so that a run that can be made can be listed: raises
    `DamagedArchive` or `NewerArchive`. For the index: `text` is the same file, read before,
    `shorten` makes `short_id` of an id, a run that is not `labelled` is known to have no labels,
    and `outline_text` was made before.
    """

    def __init__(
        self,
        path: str | Path,
        text: str | None = None,
        shorten: Callable[[str], str] | None = None,
        *,
        labelled: bool = True,
        outline_text: str | None = None,
    ) -> None:
        self._path = path
        self._labelled = labelled
        self._text = text
        self._shorten = shorten
        if outline_text is not None:
            self.outline_text = outline_text
        if text is None:
            self._text, self._data = read_headline(path)

    @cached_property
    def path(self) -> Path:
        """The archive's folder."""
        return Path(self._path)

    @property
    def id(self) -> str:
        """Ten characters of base 32."""
        return str(self._data["id"])

    @property
    def short_id(self) -> str:
        """The shortest beginning of the id that is unique in its archive root, at least four."""
        return self.id if self._shorten is None else self._shorten(self.id)

    @property
    def experiment(self) -> str:
        """The node id without the case."""
        return str(self._data["experiment"])

    @property
    def case(self) -> str | None:
        """The text in brackets of the node id."""
        return self._data.get("case")

    @property
    def node_id(self) -> str:
        """`experiments/mnist.py::experiment_train[lr-0.1]`."""
        return self.experiment if self.case is None else f"{self.experiment}[{self.case}]"

    @property
    def caption(self) -> str:
        """Whose a picture is: the function, the case and the id."""
        case = "" if self.case is None else f"[{self.case}]"
        return f"{self.experiment.rpartition('::')[2]}{case}  {self.id}"

    @property
    def description(self) -> str:
        """The first line of the function's docstring."""
        return self._data.get("description") or ""

    @cached_property
    def status(self) -> Status:
        """How it ended; `lost` where the file says running and no living owner can be seen.

        It is what it was when it was first asked for: see `reload`.
        """
        status: Status = self._data["status"]
        if status != "running":
            return status
        from expt.archive.owner import run_is_alive  # slow, and few runs run

        owner = self._mapping("owner") or {key: self._data.get(key) for key in ("pid", "host")}
        return status if run_is_alive(owner, self.path) else "lost"

    @cached_property
    def started(self) -> dt.datetime:
        """With zone and microseconds."""
        return parse_time(self._data["started"])

    @cached_property
    def finished(self) -> dt.datetime | None:
        """None for a run that has not ended, or was lost."""
        finished = self._data.get("finished")
        return parse_time(finished) if finished else None

    @property
    def duration(self) -> float | None:
        """Seconds: of a running run until now, of a lost one None."""
        if self.status == "running":
            return (dt.datetime.now(dt.UTC) - self.started).total_seconds()
        duration = self._data.get("duration")
        return None if duration is None else float(duration)

    @property
    def setup(self) -> float | None:
        """Seconds that imports and session providers took, no part of `duration`."""
        setup = self._data.get("setup")
        return None if setup is None else float(setup)

    @cached_property
    def usage(self) -> dict[str, Any]:
        """`peak_memory` (bytes), `cpu_time` (seconds) and, where torch used GPUs,
        `peak_gpu_memory` (bytes); empty until the end. Raises `DamagedArchive`."""
        return self._field("usage", self._data) or {}

    @cached_property
    def params(self) -> dict[str, Any]:
        """Name → value; a table is a dict."""
        return self._mapping("params")

    @cached_property
    def made(self) -> dict[str, Any]:
        """Name → what the function got, where a provider made it and it was small enough."""
        return self._mapping("made")

    @property
    def words(self) -> dict[str, dict[str, str]]:
        """Dotted name → `description` and `unit` of a parameter. Raises `DamagedArchive`."""
        return self._field("words", self._data) or {}

    @cached_property
    def results(self) -> dict[str, Any]:
        """Name → value; of a run that has not ended, what it has set so far."""
        if self.status in _LIVE:
            from expt.archive.series_lines import read_results  # slow, and few runs run

            return dict(read_results(self._series_folder))
        return self._mapping("results")

    @cached_property
    def series_summaries(self) -> dict[str, dict[str, Any]]:
        """Name → `{kind, count, last, min, max}` of every series. Raises `DamagedArchive`."""
        if self.status in _LIVE:
            from expt.reading.series.statistics import (
                summarise_series,  # slow, and few runs are alive
            )

            return dict(summarise_series(self._series_folder))
        return self._field("series", self._data) or {}

    @property
    def last(self) -> dict[str, Any]:
        """Name → last value of every scalar series."""
        return self.extreme("last")

    def extreme(self, which: str) -> dict[str, Any]:
        """Name → `last`, `min` or `max` of every scalar series, damaged ones left out.

        Those that expt measured come after those that were tracked.
        """
        return {
            name: summary[which]
            for name, summary in self.scalars
            if type(summary.get(which)) in (int, float)
        }

    @property
    def scalars(self) -> list[tuple[str, dict[str, Any]]]:
        """Name and summary of every scalar series, those that expt measured last."""
        found = own_last(self._summaries)
        return [(name, summary) for name, summary in found if summary.get("kind") == "scalar"]

    @property
    def series_kinds(self) -> dict[str, str]:
        """Name → kind of every series, damaged ones left out."""
        return {
            name: summary["kind"]
            for name, summary in self._summaries.items()
            if summary.get("kind") in KINDS
        }

    @property
    def _summaries(self) -> dict[str, dict[str, Any]]:
        """As `series_summaries`, of a run that has ended as they stand."""
        return self.series_summaries if self.status in _LIVE else self._mapping("series")

    @cached_property
    def choices(self) -> Mapping[str, Any]:
        """Parameter → the name of the member that it was given by."""
        if not self._is_tagged and "choices" not in (self._data.get("lineage") or {}):
            return {}  # as most have none, nobody looks through the lineage
        chosen = self.listed_lineage.get("choices")
        return chosen if isinstance(chosen, dict) else {}

    @property
    def listed_series(self) -> dict[str, dict[str, Any]]:
        """As `series_summaries`, and empty where that is damaged: for lists of many runs."""
        try:
            return self.series_summaries
        except DamagedArchive:
            return {}

    @property
    def listed_lineage(self) -> dict[str, Any]:
        """As `lineage`, and empty where that is damaged: for lists of many runs."""
        try:
            return self.lineage
        except DamagedArchive:
            return {}

    @cached_property
    def lineage(self) -> dict[str, Any]:
        """What the experiment extends, the session, the place in a sweep, the fingerprint.

        Raises `DamagedArchive`.
        """
        return self._field("lineage", self._data) or {}

    @property
    def session(self) -> str | None:
        """The id of the invocation of `expt` that it was a part of."""
        session = (self._data.get("lineage") or {}).get("session")
        return session if isinstance(session, str) else None

    @property
    def tags(self) -> tuple[str, ...]:
        """The texts of `--tag`, and those that were added after the end."""
        return self._labels.add_to(self._data.get("tags") or ())

    @property
    def note(self) -> str | None:
        """The text of `--note`, or the one that was written after the end."""
        own: str | None = self._data.get("note")
        return own if self._labels.note is None else self._labels.note or None

    @cached_property
    def _labels(self) -> Labels:
        if not self._labelled:
            return Labels()
        try:
            return read_labels(self.path)
        except DamagedArchive:
            return Labels()  # the archive itself is whole

    @property
    def failure(self) -> str | None:
        """`ValueError: what it says`, in a line; the whole is in `error`."""
        error = self._data.get("error")
        return failure_line(f"{error.get('type')}", f"{error.get('message')}") if error else None

    @cached_property
    def record(self) -> RunRecord:
        """`run.json`, field by field, as it stands in the file. Raises `DamagedArchive`."""
        return read_record(self.path)

    @property
    def origins(self) -> Mapping[str, tuple[Origin, ...]]:
        """Dotted name → which layers had a value for it, strongest first.

        Raises `DamagedArchive`.
        """
        return self._field("origins") or {}

    @property
    def error(self) -> ErrorInfo | None:
        """What the experiment raised: `type`, `message`, `traceback`. Raises `DamagedArchive`."""
        error: ErrorInfo | None = self._field("error")
        return error

    @property
    def inputs(self) -> Mapping[str, Mapping[str, Any]]:
        """Dotted name → `{path, size, sha256}` of a file that it read. Raises `DamagedArchive`."""
        return self._field("inputs") or {}

    @property
    def host(self) -> str:
        """The name of the machine that it ran on. Raises `DamagedArchive`."""
        return self._field("host") or ""

    @property
    def command(self) -> tuple[str, ...]:
        """The words of the command that started it. Raises `DamagedArchive`."""
        return self._field("command") or ()

    @property
    def notices(self) -> tuple[str, ...]:
        """What went wrong beside the run: in it, and when its pictures were made.

        Raises `DamagedArchive`.
        """
        return (*(self._field("notices") or ()), *read_plot_notices(self.path))

    def _field(self, name: str, fields: dict[str, Any] | None = None) -> Any:
        """A field of `run.json` that is checked when it is asked for; None where it has none."""
        value = (self._fields if fields is None else fields).get(name)
        if value is None:
            return None
        return field_from_json(name, value, f"{self._path}/{layout.RUN_FILE}")

    @cached_property
    def _fields(self) -> dict[str, Any]:
        """The whole of `run.json`, of which the index leaves some out."""
        fields: dict[str, Any] = read_fields(self.path)
        return fields

    def let_go(self) -> None:
        """Forget what was parsed, which is parsed again when it is asked for: of a hundred
        thousand runs in a list it is a gigabyte."""
        self.__dict__.pop("_data", None)

    @cached_property
    def _data(self) -> dict[str, Any]:
        """What a listing needs of `run.json`."""
        try:
            return parse_headline(self._text or "")
        except ValueError:  # the index was damaged: the archive is the truth
            self._text, data = read_headline(self.path)
        return data

    def _mapping(self, key: str) -> dict[str, Any]:
        value: dict[str, Any] = self._data.get(key) or {}
        return from_json(value) if self._is_tagged else value

    @cached_property
    def _is_tagged(self) -> bool:
        """Whether any value needs `from_json`, which takes longer than to read the file."""
        return self._text is None or '"$' in self._text

    def outline(self) -> dict[str, Any]:
        """What a listing tells of the run, as strict JSON with tags."""
        outline = outline_of(self._data) | {
            "status": self.status,
            "duration": self.duration,
            "tags": list(self.tags),
            "note": self.note,
            "path": str(self._path),
        }
        if self.status in _LIVE:
            outline["results"] = to_json(self.results)
        if self.status in _LIVE or has_tagged_series(self._data):
            outline["last"] = to_json(self.last)
        return outline

    @cached_property
    def outline_text(self) -> str:
        """The outline as a line of JSON."""
        return outline_text(self.outline())

    @property
    def _series_folder(self) -> Path:
        return self.path / layout.SERIES_DIR
