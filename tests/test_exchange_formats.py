"""Which formats there are, and how a plugin adds one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from expt.testing import Sandbox

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
