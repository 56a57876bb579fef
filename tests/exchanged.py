"""One run with something of everything, for the tests of formats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from expt.reading.run import Run
    from expt.testing import Sandbox

EVERYTHING = '''
    import math

    import numpy as np

    def experiment_all(track, archive, lr: float = 0.1, name: str = "adam", layers=(3, 4)):
        """Track something of every kind."""
        for step in range(5):
            track("loss", 1 / 3 ** step, step=10 * step)
            track("train/count", 2**53 + step)
        track("odd", math.nan)
        track("odd", -math.inf)
        track("floats", 0.5, step=0.25)
        track("picture", np.arange(12, dtype="u1").reshape(2, 2, 3), step=7)
        track("weights", np.arange(4.0))
        track("says", "first line\\nsecond: <b>")
        track("rows", {"a": 1, "b": "x"})
        archive.save("model.bin", b"1234")
        print("some output")
        return {"accuracy": 0.1 + 0.2, "best": "adam", "none": None, "deep": {"n": 3}}
'''


def make_everything(sandbox: Sandbox, *words: str) -> Run:
    """Run it, completed."""
    sandbox.write({"experiments/all.py": EVERYTHING})
    done = sandbox.expt("experiments", "--tag", "good", "--note", "a note", *words)
    assert done.exit_code == 0, done
    return sandbox.run()


def assert_came_back(
    old: Run, new: Run, *, without: set[str], rounded: set[str], precision: float = 0.0
) -> None:
    """That values, steps, times, results and the rest are what they were.

    Series `without` are not there, `rounded` ones are not compared; times may differ by
    `precision` seconds.
    """
    assert set(new.series) == set(old.series) - without
    for name in set(new.series) - rounded:
        series, before = new.series[name], old.series[name]
        assert series.kind == before.kind, name
        values, expected = list(series.values), list(before.values)
        assert len(values) == len(expected)
        for value, one in zip(values, expected, strict=True):
            assert type(value) is type(one)
            np.testing.assert_array_equal(value, one)
        assert series.steps.tolist() == before.steps.tolist(), name
        assert np.abs(series.times - before.times).max() <= precision, name
    for part in ("params", "results", "case", "status", "started", "finished", "duration"):
        assert getattr(new, part) == getattr(old, part), part
    for part in ("experiment", "description", "tags", "note"):
        assert getattr(new, part) == getattr(old, part), part
    assert new.lineage["imported_from"]["id"] == old.id
