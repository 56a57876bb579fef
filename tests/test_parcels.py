"""Parcels come out as they went in, and those of another version are refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from expt.executors.engines.parcels import (
    Parcel,
    Returned,
    pack_begin,
    read_parcel,
    read_returned,
    to_bytes,
    unpack_begin,
)
from expt.ground import version
from expt.ground.errors import WorkerError
from expt.ground.messages import Begin, Notice, RunRequest
from expt.ground.model import Case, Experiment
from expt.ground.options import KeepingOptions, Options
from expt.sessions.node import work_on

BEGIN = Begin(Options(root=Path("/p"), cwd=Path("/p"), keeping=KeepingOptions(Path("/p/runs"))))
CASE = Case(Experiment("a.py::experiment_a", "a.py", "experiment_a", 1), None, {"x": 1}, {})
PARCEL = Parcel(pack_begin(BEGIN), RunRequest(CASE), "ticket", "/box", {"pid": 1, "host": "h"})


def test_what_goes_in_comes_out() -> None:
    assert read_parcel(to_bytes(PARCEL)) == PARCEL
    assert unpack_begin(PARCEL.begin) == BEGIN
    returned = Returned(None, (Notice("said", "a"),), True, "a problem", True, b"zip")
    assert read_returned(to_bytes(returned)) == returned


def test_another_version_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = to_bytes(PARCEL)
    monkeypatch.setattr(version, "__version__", "9.9")
    with pytest.raises(WorkerError) as caught:
        read_parcel(sent)
    assert str(caught.value) == (
        "the session has 'expt 0.1.0', and here is 'expt 9.9': both must be the same"
    )


@pytest.mark.parametrize(
    "content", [b"", b"expt 0.1.0\n", b"expt 0.1.0\nexpt\xff\xff\xff\xff", b"x"]
)
def test_a_node_answers_whatever_it_is_handed(content: bytes) -> None:
    returned = read_returned(work_on(content))
    assert returned.outcome is None and returned.problem


def test_a_node_that_does_not_see_the_session_says_so() -> None:
    returned = read_returned(work_on(to_bytes(PARCEL)))
    assert "does not see /box: share the file system with it" in (returned.problem or "")
