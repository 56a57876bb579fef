"""Event files go out, are read by TensorBoard, and come in, also those of other writers."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from exchanged import assert_came_back, make_everything

from expt.exchange.event_files import make_event, make_record, make_value
from expt.exchange.protobuf_wire import block, double

if TYPE_CHECKING:
    from pathlib import Path

    from expt.testing import Sandbox

pytestmark = pytest.mark.inline


@pytest.fixture(scope="module")
def exported(shared_sandbox: Sandbox) -> Sandbox:
    make_everything(shared_sandbox, "-p", "layers=[1,2]", "-p", "name=éß")
    done = shared_sandbox.expt("export", "tensorboard", "-o", "logs")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.lines == [
        "logs  1 run",
        "  not in it: series of kind array: weights",
        "  not in it: series of kind structured: rows",
        "  not in it: steps that are no whole numbers (in their place the count): floats",
        "  not in it: whole numbers beyond 2^53, rounded: train/count",
        "  not in it: artifacts: 1 file",
        "  not in it: code",
        "  not in it: output",
        "  not in it: environments, origins of values, lineage",
    ]
    return shared_sandbox


def event_file(sandbox: Sandbox) -> Path:
    (file,) = (sandbox.root / "logs").rglob("*tfevents*")
    return file


@pytest.mark.filterwarnings("ignore")  # of tensorboard and protobuf
def test_tensorboards_own_reader_has_every_value_step_and_time(exported: Sandbox) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from tensorboard.util import tensor_util

    run = exported.run()
    place = event_file(exported).parent
    assert place.relative_to(exported.root / "logs").as_posix() == (
        f"experiments/all/experiment_all/{run.path.name}"
    )
    events = accumulator.EventAccumulator(str(place), size_guidance={"tensors": 0, "images": 0})
    events.Reload()
    for name in ("loss", "odd"):
        series, found = run.series[name], events.Tensors(name)
        values = [tensor_util.make_ndarray(one.tensor_proto).item() for one in found]
        np.testing.assert_array_equal(values, series.values)
        assert [one.step for one in found] == series.steps.tolist()
        assert [one.wall_time for one in found] == series.times.tolist()
    (said,) = events.Tensors("says")
    assert tensor_util.make_ndarray(said.tensor_proto).tolist() == [b"first line\nsecond: <b>"]
    (picture,) = events.Tensors("picture")
    width, height, png = tensor_util.make_ndarray(picture.tensor_proto).tolist()
    assert (width, height, png) == (b"2", b"2", run.series["picture"].files[0].read_bytes())
    metadata = events.SummaryMetadata("_hparams_/session_start_info")
    from tensorboard.plugins.hparams import metadata as hparams

    start = hparams.parse_session_start_info_plugin_data(metadata.plugin_data.content)
    assert start.hparams["lr"].number_value == 0.1
    assert start.hparams["layers"].string_value == "[1, 2]"
    assert events.Tensors("results/accuracy")


def test_a_run_comes_back_as_it_was(exported: Sandbox) -> None:
    old = exported.run()
    done = exported.expt("import", "tensorboard", "logs", "--runs", "back", "--no-render")
    assert (done.exit_code, done.stderr) == (0, "")
    from expt.reading.finding import find_runs

    (new,) = find_runs(exported.root / "back")
    assert_came_back(old, new, without={"weights", "rows"}, rounded={"floats", "train/count"})
    assert new.series["train/count"].values.tolist()[0] == 2**53
    assert new.series["floats"].steps.tolist() == [0]
    assert exported.expt("verify", "--runs", "back").lines[-1] == "1 whole"


def test_exporting_twice_writes_the_same_file(exported: Sandbox) -> None:
    before = event_file(exported).read_bytes()
    exported.expt("export", "tensorboard", "-o", "logs")
    assert event_file(exported).read_bytes() == before


@pytest.mark.filterwarnings("ignore")  # of tensorboard and protobuf
def test_files_of_the_tensorboard_package_are_read(sandbox: Sandbox) -> None:
    writer_of = pytest.importorskip("tensorboard.summary.writer.event_file_writer")
    from tensorboard.compat.proto import event_pb2, summary_pb2
    from tensorboard.plugins.histogram import summary_v2 as histogram
    from tensorboard.plugins.scalar import summary_v2 as scalar

    folder = sandbox.root / "logs/trained/seed0"
    writer = writer_of.EventFileWriter(str(folder))
    for step in range(3):
        plain = summary_pb2.Summary.Value(tag="old", simple_value=step / 2)
        values = [plain, scalar.scalar_pb("new", step / 4).value[0]]
        values += [histogram.histogram_pb("spread", np.arange(10.0), buckets=4).value[0]]
        summary = summary_pb2.Summary(value=values)
        writer.add_event(event_pb2.Event(wall_time=1.7e9 + step, step=step * 5, summary=summary))
    writer.close()
    done = sandbox.expt("import", "tensorboard", "logs", "--no-render")
    assert (done.exit_code, done.stderr) == (0, "")
    run = sandbox.run()
    assert run.experiment == "trained::experiment_seed0"
    assert run.series["old"].values.tolist() == [0, 0.5, 1]
    assert run.series["new"].values.tolist() == [0, 0.25, 0.5]
    assert run.series["old"].steps.tolist() == [0, 5, 10]
    assert run.series["old"].times.tolist() == [1.7e9, 1.7e9 + 1, 1.7e9 + 2]
    assert run.series["spread"].kind == "array"
    assert run.series["spread"].values.shape == (3, 4, 3)
    assert "TensorBoard does not say how the run ended" in run.notices


def record(tag: str, value: float, time: float = 1.7e9, step: int = 0) -> bytes:
    simple = block(1, tag) + b"\x15" + struct.pack("<f", value)
    return make_record(double(1, time) + bytes([0x10, step]) + block(5, block(1, simple)))


def read(sandbox: Sandbox, content: bytes) -> Any:
    sandbox.write({"logs/a/events.out.tfevents.1": content})
    return sandbox.expt("import", "tensorboard", "logs", "--no-render")


def test_a_torn_end_costs_the_torn_event_alone(sandbox: Sandbox) -> None:
    done = read(sandbox, record("x", 1.0) + record("x", 2.0, step=1)[:-3])
    assert (done.exit_code, done.stderr) == (0, "")
    assert sandbox.run().series["x"].values.tolist() == [1]
    assert "damage" not in "".join(sandbox.run().notices)


def test_what_follows_damage_is_not_read_and_that_is_said(sandbox: Sandbox) -> None:
    damaged = bytearray(record("x", 2.0, step=1))
    damaged[20] ^= 1
    done = read(sandbox, record("x", 1.0) + bytes(damaged) + record("x", 3.0))
    assert done.exit_code == 0, done
    run = sandbox.run()
    assert run.series["x"].values.tolist() == [1]
    assert run.notices[0] == (
        "a/events.out.tfevents.1 is read up to its damage: the checksum of an event is wrong"
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 40,
        struct.pack("<Q", 1 << 62) + b"1234",
        make_record(b"\xff" * 30),
        make_record(double(1, 1.7e9) + block(5, block(1, block(1, "x") + block(8, b"\x08\x63")))),
        make_record(make_event(1.7e9, 0, make_value("x", block(2, b"\x12\x03abc"), None))),
    ],
    ids=["empty", "garbage", "huge length", "no message", "unknown tensor", "bad shape"],
)
def test_files_that_are_none_never_break_more_than_themselves(
    sandbox: Sandbox, content: bytes
) -> None:
    sandbox.write({"logs/good/events.out.tfevents.1": record("x", 1.0)})
    done = read(sandbox, content)
    assert done.exit_code in (0, 1), done
    assert "internal error" not in done.stderr
    assert "logs::experiment_good" in {run.experiment for run in sandbox.runs()}


@pytest.mark.parametrize(
    "content",
    [
        block(5, b"\x0a\xff\x01"),  # a histogram
        block(8, b"\x08\x05\x22\x01x"),  # a tensor of a type that no summary has
        block(
            8, b"\x08\x02\x12\x04\x12\x02\x08\x07\x31" + struct.pack("<d", 1)
        ),  # of another shape
        block(9, b"\x0a\xff"),
    ],
)
def test_a_value_that_cannot_be_read_costs_itself_alone(sandbox: Sandbox, content: bytes) -> None:
    torn = make_record(double(1, 1.7e9) + block(5, block(1, block(1, "odd") + content)))
    done = read(sandbox, record("x", 1.0) + torn + record("x", 2.0))
    assert done.exit_code == 0
    run = sandbox.run()
    assert run.series["x"].values.tolist() == [1.0, 2.0]
    assert [one.partition(": ")[0] for one in run.notices[1:]] == [
        "a value of 'odd' cannot be read"
    ]


def test_links_and_other_files_are_no_events(sandbox: Sandbox) -> None:
    sandbox.write({"secret/events.out.tfevents.9": record("x", 1.0), "logs/a.txt": ""})
    (sandbox.root / "logs/link").symlink_to(sandbox.root / "secret")
    done = sandbox.expt("import", "tensorboard", "logs")
    assert (done.exit_code, done.stderr) == (
        4,
        "error: no file there is called '…tfevents…'\n  at logs\n",
    )
