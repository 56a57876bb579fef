"""The analysis script as a notebook: valid to nbformat, and its cells run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from exchanged import make_everything

from expt.exchange.notebooks import notebook_of

if TYPE_CHECKING:
    from expt.testing import Sandbox


@pytest.fixture(scope="module")
def made(shared_sandbox: Sandbox) -> Sandbox:
    make_everything(shared_sandbox)
    make_everything(shared_sandbox, "-p", "lr=0.2")
    return shared_sandbox


def export(sandbox: Sandbox, *words: str) -> dict[str, Any]:
    done = sandbox.expt("export", "notebook", *words, "--force", "-o", "elsewhere.ipynb")
    assert (done.exit_code, done.stderr) == (0, "")
    notebook: dict[str, Any] = json.loads((sandbox.root / "elsewhere.ipynb").read_text())
    return notebook


def code_of(notebook: dict[str, Any]) -> str:
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    first = "import matplotlib; matplotlib.use('agg')\n"
    return first + "\n\n".join("".join(cell["source"]) for cell in cells)


@pytest.mark.parametrize("words", [("latest",), ()], ids=["one run", "all runs"])
def test_it_is_valid(made: Sandbox, words: tuple[str, ...]) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbformat.validate(export(made, *words))


def test_the_cells_of_one_run_run_from_another_folder(made: Sandbox) -> None:
    source = code_of(export(made, "latest")).replace("from __future__ import annotations\n", "")
    source = f"def run_cells():\n    exec({source!r}, {{'__name__': 'cells'}})\n\n\nrun_cells()\n"
    made.write({"nowhere/run.py": source})
    done = made.python("run.py", cwd="nowhere")
    assert (done.exit_code, done.stderr) == (0, "")
    assert f"<Run {made.run().short_id}" in done.stdout.replace(made.run().id, made.run().short_id)
    assert "params['lr'] = 0.2" in done.stdout


def test_the_script_of_many_runs_reads_them_all(made: Sandbox) -> None:
    source = code_of(export(made))
    assert all(str(run.path) in source for run in made.runs())


def test_a_script_that_somebody_edited_is_the_one_that_is_exported(sandbox: Sandbox) -> None:
    run = make_everything(sandbox)
    (run.path / "analysis.py").write_text("# %% Mine\nprint(1)\n")
    notebook = export(sandbox, "latest")
    assert [cell["source"] for cell in notebook["cells"]] == [["## Mine"], ["print(1)"]]


def test_titles_become_headings_and_ids_differ() -> None:
    notebook = notebook_of("# before\n\n# %%\na = 1\n\n\n# %% Title: x\nb = '\\n'\n")
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    assert cells == [
        ("code", "# before"),
        ("code", "a = 1"),
        ("markdown", "## Title: x"),
        ("code", "b = '\\n'"),
    ]
    assert len({cell["id"] for cell in notebook["cells"]}) == 4
