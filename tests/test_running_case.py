"""One case becomes one archive: in which order it is written, and what a run leaves nowhere."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from expt.archive.scalar_records import RECORD_SIZE

if TYPE_CHECKING:
    from expt.reading.run import Run
    from expt.testing import Sandbox

CONFTEST = """
    import random
    import sys

    import numpy as np

    import expt

    WRITTEN = []

    @sys.addaudithook
    def note(event, words):
        if event in ("open", "os.rename"):
            WRITTEN.extend(str(word) for word in words[:2])

    @expt.provider
    def draws():
        return random.random(), np.random.rand()
"""
EXPERIMENTS = """
    import gc
    import os
    import random
    import weakref

    import conftest
    import numpy as np

    import expt

    gc.disable()  # from the import on
    HELD = []

    class Losses(list):
        pass

    def drawn():
        return [random.random(), float(np.random.rand())]

    def experiment_ahead(results, seed=7):
        results["drawn"] = drawn()

    def experiment_behind(results, draws, seed=7):
        results["drawn"] = drawn()

    def experiment_order(results, archive):
        conftest.WRITTEN.append("called")
        results["written"] = [
            place for place in conftest.WRITTEN if place.startswith(str(archive.path))
            or place == "called"
        ]

    def experiment_temporary(results, tmp_path):
        (tmp_path / "x").write_text("y")
        results["place"] = str(tmp_path)

    def experiment_fails(results, tmp_path):
        results["place"] = str(tmp_path)
        raise ValueError("no")

    def experiment_late(results):
        import late
        return late.VALUE

    def experiment_image(track):
        track.image("img", np.array([[np.nan, 0.5]]))

    def experiment_secret(token: expt.Secret = "hunter2-of-old"):
        expt.skip(f"{token} is not for this")

    def experiment_many(track):
        for n in range(1000):
            track("loss", n / 2)

    def experiment_ends(track):
        # how long the records are when `run.json` says that it is completed
        put = os.replace

        def replace(source, place):
            if str(place).endswith("run.json"):
                os.replace = put
                size = os.path.getsize(os.path.dirname(place) + "/series/scalars.bin")
                open("at-the-end.txt", "w").write(f"{size}")
            put(source, place)

        track("loss", 1.0)
        os.replace = replace

    def experiment_long(n=10**5000):
        return n > 10**4999

    def experiment_holds(results, track, checkpoint, hooks):
        results["losses"] = losses = Losses([0.5])
        HELD.append(weakref.ref(losses))
        track("loss", losses[0])

    def experiment_freed():
        return HELD[0]() is None
"""


@pytest.fixture(scope="module")
def runs(shared_sandbox: Sandbox) -> dict[str, Run]:
    """The runs of one session, by name without `experiment_`."""
    shared_sandbox.write(
        {
            "experiments/conftest.py": CONFTEST,
            "experiments/a.py": EXPERIMENTS,
            "experiments/late.py": "VALUE = 11\n",
        }
    )
    done = shared_sandbox.expt()
    found = {run.experiment.partition("experiment_")[2]: run for run in shared_sandbox.runs()}
    statuses = {name: run.status for name, run in found.items()}
    assert statuses == {
        **dict.fromkeys(found, "completed"),
        "fails": "failed",
        "secret": "skipped",
    }, done.stdout + done.stderr
    return found


def test_what_providers_draw_does_not_move_what_the_experiment_draws(runs: dict[str, Run]) -> None:
    assert runs["behind"].results == runs["ahead"].results


def test_code_environment_and_values_are_there_before_the_first_record(
    runs: dict[str, Run],
) -> None:
    run = runs["order"]
    written = [Path(place).name for place in run.results["written"]]
    record = written.index("run.json")
    for name in ("environment.json", "params.toml", "a.py", "conftest.py"):
        assert written.index(name) < record, name
    assert record < written.index("called")


@pytest.mark.parametrize("name", ["temporary", "fails"])
def test_the_temporary_folder_of_a_run_is_gone_however_it_ended(
    runs: dict[str, Run], name: str
) -> None:
    place = Path(runs[name].results["place"])
    assert place.parent == Path(tempfile.gettempdir())
    assert not place.exists()


def test_code_that_is_imported_during_the_run_is_in_its_archive(runs: dict[str, Run]) -> None:
    assert (runs["late"].path / "code/experiments/late.py").read_text() == "VALUE = 11\n"
    assert not (runs["ahead"].path / "code/experiments/late.py").exists()


def test_what_is_stored_otherwise_than_given_is_a_notice_of_the_run(runs: dict[str, Run]) -> None:
    assert runs["image"].notices[0] == "'img': NaN pixels are black"


def test_a_notice_has_no_secret(runs: dict[str, Run]) -> None:
    assert "skipped: *** is not for this" in runs["secret"].notices


def test_the_record_file_of_a_run_that_ended_has_what_was_tracked_and_no_more(
    runs: dict[str, Run],
) -> None:
    assert (runs["many"].path / "series/scalars.bin").stat().st_size == 1000 * RECORD_SIZE


def test_a_run_is_completed_only_when_all_that_it_tracked_is_whole(
    runs: dict[str, Run], shared_sandbox: Sandbox
) -> None:
    assert runs["ends"].status == "completed"
    assert (shared_sandbox.root / "at-the-end.txt").read_text() == f"{RECORD_SIZE}"


def test_a_default_of_more_digits_than_python_writes_is_no_obstacle(runs: dict[str, Run]) -> None:
    assert runs["long"].results == {"value": True}


def test_what_a_run_held_is_freed_at_its_end_and_waits_for_no_collector(
    runs: dict[str, Run],
) -> None:
    assert runs["holds"].results == {"losses": [0.5]}
    assert runs["freed"].results == {"value": True}


def test_a_ctrl_c_while_the_archive_is_claimed_interrupts_the_run_before_it_is_called(
    sandbox: Sandbox,
) -> None:
    sandbox.write(
        {
            "plugin.py": """
                import signal

                def expt_event_received(event):
                    if type(event).__name__ == "RunStarted":
                        signal.raise_signal(signal.SIGINT)
            """,
            "experiments/a.py": """
                def experiment_a(): open("called.txt", "w")
                def experiment_b(): open("called.txt", "w")
            """,
        }
    )
    assert sandbox.expt("-n", "0", "--plugin", "plugin.py").exit_code == 2
    assert [run.status for run in sandbox.runs()] == ["interrupted"]
    assert not (sandbox.root / "called.txt").exists()
