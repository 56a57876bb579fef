"""Which formats there are, and how a plugin adds one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from expt.exchange.extras import need
from expt.ground.errors import UsageError

if TYPE_CHECKING:
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

PLUGIN = """
    import datetime as dt

    import expt
    from expt.exchange.foreign import ForeignEntry, ForeignRun, Import

    def read(path):
        for file in sorted(path.glob("*.numbers")):
            numbers = [float(line) for line in file.read_text().split()]
            yield ForeignRun(
                format="numbers", source=path, id=file.name, experiment="n::experiment_n",
                status="completed", started=dt.datetime(2026, 11, 23, tzinfo=dt.UTC),
                entries=[ForeignEntry("x", one, 1.7e9 + i) for i, one in enumerate(numbers)],
            )

    @expt.hook
    def expt_add_formats(imports):
        imports["numbers"] = Import("files of numbers", read)
"""


def test_a_plugin_adds_a_format_to_import(sandbox: Sandbox) -> None:
    sandbox.write({"plugin.py": PLUGIN, "in/a.numbers": "1 2.5\n3"})
    done = sandbox.expt("import", "numbers", "in", "--plugin", "plugin.py", "--no-render")
    assert (done.exit_code, done.stderr) == (0, "")
    run = sandbox.run()
    assert run.series["x"].values.tolist() == [1, 2.5, 3]
    assert run.series["x"].times.tolist() == [1.7e9, 1.7e9 + 1, 1.7e9 + 2]
    assert sandbox.expt("verify").lines[-1] == "1 whole"


def test_a_format_that_nobody_has_is_an_error_with_the_closest(sandbox: Sandbox) -> None:
    done = sandbox.expt("import", "pycomx", ".")
    assert (done.exit_code, done.stderr) == (
        4,
        "error: there is no format 'pycomx' to import\n"
        "  at expt import pycomx\n"
        "  did you mean 'pycomex'?\n",
    )


EXPORT = """
    from pathlib import Path

    import expt
    from expt.exchange.foreign import Export

    def write(runs, destination):
        Path(destination).write_text("".join(f"{run.id} {run.status}\\n" for run in runs))
        yield "everything else"

    @expt.hook
    def expt_add_formats(exports):
        exports["lines"] = Export("a line a run", write)
"""


def test_a_plugin_adds_a_format_to_export(sandbox: Sandbox) -> None:
    sandbox.write({"plugin.py": EXPORT, "experiments/a.py": "def experiment_a(): pass\n"})
    sandbox.write({"expt.toml": 'plugins = ["plugin.py"]\n'})
    sandbox.expt("experiments")
    done = sandbox.expt("export", "lines", "latest", "-o", "out.txt")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.lines == ["out.txt  1 run", "  not in it: everything else"]
    assert (sandbox.root / "out.txt").read_text() == f"{sandbox.run().id} completed\n"


def test_nothing_to_export_is_an_error(sandbox: Sandbox) -> None:
    done = sandbox.expt("export", "csv", "-o", "out")
    assert (done.exit_code, done.stderr) == (
        4,
        "error: no run is like that, nothing is exported\n",
    )
    assert not (sandbox.root / "out").exists()


@pytest.mark.parametrize("words", [("export", "mlflow", "-o", ""), ("import", "wandb", "")])
def test_an_empty_place_is_not_the_working_directory(
    sandbox: Sandbox, words: tuple[str, ...]
) -> None:
    """As a shell makes one of a variable that is not set."""
    done = sandbox.expt(*words)
    assert done.exit_code == 4
    assert "a place, not ''" in done.stderr


def test_a_package_that_lacks_is_named_with_its_extra() -> None:
    with pytest.raises(UsageError) as raised:
        need("no_such_package.inner", "parquet")
    assert str(raised.value) == (
        "the format needs the package 'no_such_package': No module named 'no_such_package'\n"
        "  pip install 'expt-runner[parquet]'"
    )


DYING = """
    import datetime as dt
    import os
    from pathlib import Path

    import expt
    from expt.exchange.foreign import ForeignEntry, ForeignRun, Import

    def entries():
        yield ForeignEntry("x", 1.5, 1.7e9)
        if Path("die").exists():
            os._exit(9)
        yield ForeignEntry("x", 2.5, 1.7e9)

    def read(path):
        yield ForeignRun(
            format="dying", source=path, id="one", experiment="n::experiment_n",
            status="completed", started=dt.datetime(2026, 11, 23, tzinfo=dt.UTC),
            entries=entries(),
        )

    @expt.hook
    def expt_add_formats(imports):
        imports["dying"] = Import("files of numbers", read)
"""


def test_an_import_that_was_killed_is_lost_and_is_made_again(sandbox: Sandbox) -> None:
    sandbox.write({"plugin.py": DYING, "die": ""})
    words = ("import", "dying", ".", "--plugin", "plugin.py", "--no-render")
    assert sandbox.expt(*words).exit_code == 9
    assert [run.status for run in sandbox.runs()] == ["lost"]
    assert sandbox.run().series["x"].values.tolist() == [1.5]
    (sandbox.root / "die").unlink()
    assert sandbox.expt(*words).exit_code == 0
    assert sorted(run.status for run in sandbox.runs()) == ["completed", "lost"]
    assert sandbox.expt(*words).lines[-1].startswith("0 imported, 1 imported before")
