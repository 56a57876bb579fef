"""TensorBoard's event files, in both directions, without TensorBoard.

Written are scalars as double tensors (float32 would lose digits), texts and pictures, the
parameters for the HParams tab, and one text, `expt/run`, that has what there is no place for. Read
is what any writer leaves. The files themselves are in `event_files`.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.archive.entry_files import read_entry_file
from expt.exchange import event_files as events
from expt.exchange import leaving_out
from expt.exchange import protobuf_wire as wire
from expt.exchange.bounded import LARGEST_PICTURE, reject_no_folder
from expt.exchange.foreign import ForeignEntry, ForeignRun, foreign_node_id, moment
from expt.exchange.own_facts import tell_facts, with_facts
from expt.exchange.readable import parts_of_place, write_each
from expt.exchange.text_values import text_of_value
from expt.ground.errors import DamagedArchive, UsageError
from expt.ground.files import list_inside, open_inside, written_whole
from expt.ground.value_classes import define, field
from expt.reading.fields import leaf_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from expt.ground.errors import ReadingError
    from expt.ground.model import Kind
    from expt.reading.run import Run
    from expt.reading.series.tracked import Series

_FACTS: Final = "expt/run"
_NOT_HELD: Final[tuple[Kind, ...]] = ("array", "structured")
_EVENTS: Final = re.compile(r"(^|/)[^/]*tfevents[^/]*\Z")
_ENDS: Final = {"completed": 1, "failed": 2}  # hparams.Status
_METADATA: Final[Mapping[str, events.Metadata]] = {
    "scalar": ("scalars", events.SCALAR),
    "text": ("text", events.TENSOR),
    "image": ("images", events.BLOBS),
    "figure": ("images", events.BLOBS),
}


# Out


def write_tensorboard(runs: Sequence[Run], destination: str) -> Iterator[str]:
    """An event file for each run, in a folder of its own below the log directory."""
    written, told = write_each(runs, lambda run: _write_run(run, destination))
    yield from told
    yield from leaving_out.kinds_left_out(written, _NOT_HELD)
    yield from leaving_out.numbers_left_out(written)
    yield from leaving_out.files_left_out(written)


def _write_run(run: Run, destination: str) -> None:
    folder = Path(destination, *parts_of_place(run))
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"events.out.tfevents.{int(run.started.timestamp())}.expt.{run.id}"
    with written_whole(file) as stream:
        for event in _events(run):
            stream.write(events.make_record(event))


def _events(run: Run) -> Iterator[bytes]:
    start = run.started.timestamp()
    yield wire.double(1, start) + wire.block(3, "brain.Event:2")
    yield events.make_event(start, 0, _hparams("session_start_info", _session_start(run, start)))
    added = {f"results/{name}": value for name, value in leaf_values(run.results)}
    added = {name: value for name, value in added.items() if leaving_out.has_double(value)}
    added = {name: value for name, value in added.items() if name not in run.listed_series}
    facts = tell_facts(run, added)
    told = events.make_value(_FACTS, events.string_tensor([facts]), _METADATA["text"])
    yield events.make_event(start, 0, told)
    for name, series in run.series.items():
        if series.kind not in _NOT_HELD:
            yield from _series_events(name, series)
    end = (run.finished or run.started).timestamp()
    for name, value in added.items():
        told = events.make_value(name, events.double_tensor(float(value)), _METADATA["scalar"])
        yield events.make_event(end, 0, told)
    ended = wire.whole(1, _ENDS.get(run.status, 0)) + wire.double(2, end)
    yield events.make_event(end, 0, _hparams("session_end_info", wire.block(4, ended)))


def _series_events(name: str, series: Series) -> Iterator[bytes]:
    steps, times = leaving_out.whole_steps(series), series.times.tolist()
    told: events.Metadata | None = _METADATA[series.kind]
    for step, time, tensor in zip(steps, times, _tensors(series), strict=True):
        yield events.make_event(time, step, events.make_value(name, tensor, told))
        told = None  # the first of a tag says it for all


def _tensors(series: Series) -> Iterator[bytes]:
    if series.kind == "scalar":
        yield from map(events.double_tensor, series.values.astype("f8").tolist())
    elif series.kind == "text":
        yield from (events.string_tensor([text]) for text in series.values)
    else:
        for file in series.files:
            height, width = read_entry_file(file).shape[:2]
            yield events.string_tensor([str(width), str(height), file.read_bytes()])


def _hparams(tag: str, content: bytes) -> bytes:
    """`HParamsPluginData`, which stands in the metadata of a value that has none."""
    plugin = wire.block(1, "hparams") + wire.block(2, wire.whole(1, 0) + content)
    nothing = wire.whole(1, events.FLOAT) + wire.block(2, wire.block(2, wire.whole(1, 0)))
    return (
        wire.block(1, f"_hparams_/{tag}")
        + wire.block(9, wire.block(1, plugin))
        + wire.block(8, nothing)
    )


def _session_start(run: Run, start: float) -> bytes:
    values = b"".join(
        wire.block(1, wire.block(1, name) + wire.block(2, _protobuf_value(value)))
        for name, value in leaf_values(run.params)
    )
    return wire.block(3, values + wire.block(4, run.experiment) + wire.double(5, start))


def _protobuf_value(value: Any) -> bytes:
    """`google.protobuf.Value`."""
    if isinstance(value, bool):
        return wire.whole(4, value)
    if leaving_out.has_double(value) and math.isfinite(value):
        return wire.double(2, float(value))
    return wire.block(3, text_of_value(value))


# In


def read_tensorboard(path: Path) -> Iterator[ForeignRun | ReadingError]:
    """A run for each folder at or below `path` that has event files."""
    reject_no_folder(path)
    folders: dict[str, list[str]] = {}
    for name in list_inside(path):
        if _EVENTS.search(name):
            folders.setdefault(name.rpartition("/")[0], []).append(name)
    if not folders:
        raise UsageError("no file there is called '…tfevents…'", str(path))
    for folder, names in sorted(folders.items()):
        try:
            yield _read_run(path, folder, names)
        except (ValueError, OSError, DamagedArchive) as error:
            told = error.what if isinstance(error, DamagedArchive) else str(error)
            yield DamagedArchive(f"its events cannot be read: {told}", str(path / folder))


@define
class _Found:
    """What the events of one run say beside their entries."""

    first: float = math.inf
    last: float = -math.inf
    params: dict[str, Any] = field(factory=dict)
    status: int = 0
    facts: str = ""
    left_out: Counter[str] = field(factory=Counter)


def _read_run(path: Path, folder: str, names: Sequence[str]) -> ForeignRun:
    """Two passes: what the run is, and, when it is written, its entries."""
    found, damage = _Found(), list[str]()
    for time, _, value in _values_in(path, names, damage):
        found.first, found.last = min(found.first, time), max(found.last, time)
        with contextlib.suppress(ValueError):  # told when its entries are read
            _look_at(value, found)
    started, finished = moment(found.first), moment(found.last)
    if started is None or finished is None:
        raise ValueError("they have no time")
    place = path.absolute().name if folder in ("", ".") else folder
    parent, _, name = place.rpartition("/")
    notices = [*damage]
    notices += [f"{what}: {count} left out" for what, count in sorted(found.left_out.items())]
    if not found.status:
        notices.append("TensorBoard does not say how the run ended")
    run = ForeignRun(
        format="tensorboard",
        source=path,
        id=place,
        experiment=foreign_node_id(parent or path.absolute().name, name),
        status="failed" if found.status == 2 else "completed",
        started=started,
        finished=finished,
        duration=found.last - found.first,
        params=found.params,
        entries=_entries(path, names, sound=not damage),
        notices=notices,
    )
    return with_facts(run, found.facts) if found.facts else run


def _entries(
    path: Path, names: Sequence[str], *, sound: bool
) -> Iterator[ForeignEntry | ValueError]:
    plugins: dict[str, str] = {}
    for time, step, value in _values_in(path, names, [], check=not sound):
        if value.tag != _FACTS:
            try:
                yield from list(_decode(value, _plugin_of(value, plugins), time, step))
            except ValueError as error:
                yield ValueError(f"a value of '{value.tag}' cannot be read: {error}")


def _values_in(
    path: Path, names: Sequence[str], damage: list[str], *, check: bool = True
) -> Iterator[tuple[float, int, events.Value]]:
    for name in names:
        with open_inside(path, name) as file:
            try:
                for event in events.read_events(file, check=check):
                    time, step, values = events.parse_event(event)
                    yield from ((time, step, value) for value in values)
            except ValueError as error:
                damage.append(f"{name} is read up to its damage: {error}")


def _plugin_of(value: events.Value, known: dict[str, str]) -> str:
    """Which plugin's a value is; the first of a tag says it for all."""
    if 9 in value.fields:
        data = wire.fields_of(wire.fields_of(value.fields[9]).get(1))
        known.setdefault(value.tag, wire.text_of(data.get(1)))
    return known.get(value.tag, "")


def _look_at(value: events.Value, found: _Found) -> None:
    metadata = wire.fields_of(wire.fields_of(value.fields.get(9)).get(1))
    if wire.text_of(metadata.get(1)) == "hparams":
        _read_hparams(wire.fields_of(metadata.get(2)), found)
    elif value.tag == _FACTS:
        found.facts = _joined(events.decode_tensor(value.fields.get(8)))
    elif 6 in value.fields or wire.text_of(metadata.get(1)) == "audio":
        found.left_out["audio"] += 1
    elif wire.text_of(metadata.get(1)).startswith("graph") or 3 in value.fields:
        found.left_out["graphs"] += 1


def _read_hparams(data: Mapping[int, int | bytes], found: _Found) -> None:
    for number, entry in wire.read_fields(wire.bytes_of(data.get(3))):
        if number == 1:
            pair = wire.fields_of(entry)
            found.params[wire.text_of(pair.get(1))] = _read_protobuf_value(
                wire.bytes_of(pair.get(2))
            )
    if 4 in data:
        found.status = wire.int_of(wire.fields_of(data[4]).get(1))


def _read_protobuf_value(message: bytes) -> Any:
    for number, content in wire.read_fields(message):
        if number == 2:
            value = wire.double_of(content)
            return int(value) if value.is_integer() and abs(value) < 2**53 else value
        if number == 3:
            return wire.text_of(content)
        if number == 4:
            return bool(content)
    return None


def _decode(value: events.Value, plugin: str, time: float, step: int) -> Iterator[ForeignEntry]:
    """The entries that one value is; none for what has no kind here."""
    fields, tag = value.fields, value.tag
    if 2 in fields:
        yield ForeignEntry(tag, wire.double_of(fields[2]), time, step, "scalar")
    elif 4 in fields:
        yield from _pictures(tag, [wire.bytes_of(wire.fields_of(fields[4]).get(4))], time, step)
    elif 5 in fields:
        yield ForeignEntry(tag, _histogram(wire.bytes_of(fields[5])), time, step, "structured")
    elif 8 in fields and plugin not in ("hparams", "audio") and not plugin.startswith("graph"):
        tensor = events.decode_tensor(fields[8])
        if plugin == "images" and all(isinstance(one, bytes) for one in tensor):
            yield from _pictures(tag, list(tensor[2:]), time, step)
        elif all(isinstance(one, bytes) for one in tensor):
            yield ForeignEntry(tag, _joined(tensor), time, step, "text")
        elif len(tensor) == 1 and not events.shape_of(fields[8]):
            yield ForeignEntry(tag, tensor[0], time, step, "scalar")
        else:
            import numpy  # slow: only for histograms and other arrays

            array = numpy.array(list(tensor)).reshape(events.shape_of(fields[8]))
            yield ForeignEntry(tag, array, time, step, "array")


def _joined(tensor: Sequence[Any]) -> str:
    return b"\n".join(map(wire.bytes_of, tensor)).decode("utf-8", "replace")


def _pictures(tag: str, encoded: Sequence[bytes], time: float, step: int) -> Iterator[ForeignEntry]:
    for index, picture in enumerate(encoded):
        name = tag if len(encoded) == 1 else f"{tag}/{index}"
        if len(picture) <= LARGEST_PICTURE:
            yield ForeignEntry(name, picture, time, step, "image")


def _histogram(message: bytes) -> dict[str, Any]:
    """`HistogramProto`."""
    told: dict[str, Any] = {}
    names = {1: "min", 2: "max", 3: "num", 4: "sum", 5: "sum_squares"}
    for number, content in wire.read_fields(message):
        if number in names:
            told[names[number]] = wire.double_of(content)
        elif number in (6, 7):
            key = "bucket_limit" if number == 6 else "bucket"
            told.setdefault(key, []).extend(events.read_numbers(wire.bytes_of(content), "d"))
    return told
