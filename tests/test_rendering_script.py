"""`analysis.py` runs as it stands wherever the archive is, and whatever the names are."""

from __future__ import annotations

import ast
import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from warm_start import run_warm

from expt.archive.writer import write_record
from expt.ground.model import ErrorInfo, Origin, RunRecord
from expt.reading.references import load_archive
from expt.rendering.closure import find_closure
from expt.rendering.script import Script, comment, literal, write_script
from expt.tracking.recorder import open_recorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from expt.reading.run import Run
    from expt.testing import Sandbox

ODD = [
    "[red]x[/nope]",
    "NAMES FIRST NAME ID FOLDERS",
    "\x1b[31m",
    '"""',
    "'''",
    "\\",
    "\\N{DASH} {x} %s",
    "new\nline\rreturn\x0cfeed\u2028\x85",
    "nul\x00",
    "\ud800 lone",
    "\u202e right to left",
    "損失 😀",
    "$math_{$",
    "<script>alert(1)</script>",
    "%% [markdown]",
    "%matplotlib x",
    "!ls",
    "coding: latin-1",
    "x" * 300,
    "",
]


def make_run(folder: Path, track: Callable[[Any], None], **fields: Any) -> Run:
    """An archive of what `track` tracks."""
    folder.mkdir(exist_ok=True)
    recorder = open_recorder(folder / "series", label="abcdefgh23")
    track(recorder.track)
    recorder.close()
    started = "2026-11-23T10:15:30.000000+00:00"
    known = {"case": None, "description": "", "status": "completed", "started": started, **fields}
    run_id = f"abcdefgh{folder.name}"
    write_record(folder, RunRecord(id=run_id, experiment="e/first.py::experiment_x", **known))
    return load_archive(folder)


def run_script(path: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """In a locale without letters of anybody's, where every warning is an error."""
    environ = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LANG": "C"}
    return subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        cwd=cwd, env=environ, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip


RUN_STRICTLY = """
import runpy
import sys
import warnings

warnings.simplefilter("error")
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def track_every_kind(track: Any) -> None:
    for index in range(3):
        track("loss", 1.0 / (index + 1))
        track("image", np.full((8, 8), index, np.uint8))
        track("grey with transparency", np.zeros((4, 4, 2), np.uint8))
        track("matrix", np.eye(3) * index)
        track("vector", np.arange(5.0))
        track("cube", np.zeros((2, 3, 4)))
        track("dates", np.array(["2026-11-23"], "M8[D]"))
        track("eval", {"acc": 0.5})
        track("note", "hello \ud800")
    track("mixed", 2**53 + 1)
    track("mixed", 0.5)
    track("gone", math.nan)
    track("figure", Figure(figsize=(2, 1)))
    track.configure("never tracked", fps=3)


def add_code(run: Run, files: dict[str, str], *analyses: dict[str, Any]) -> None:
    (run.path / "code").mkdir()
    for name, text in files.items():
        path = run.path / "code" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (run.path / "code/analyses.json").write_text(json.dumps(analyses))


# Users' text


@pytest.mark.parametrize(
    "value",
    [*ODD, None, True, 3, -0.5, 2**70, [1, "a\n"], {'k"': [math.inf]}, ["x" * 50, "y" * 50], []],
)
def test_a_literal_is_an_expression_for_the_value(value: Any) -> None:
    text = literal(value)

    text.encode()
    assert eval(text) == value


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinities_have_a_literal(value: float) -> None:
    assert eval(literal(value)) == value
    assert math.isnan(eval(literal(math.nan)))


def test_an_object_has_the_literal_of_its_text() -> None:
    assert literal(Path("a/b")) == '"a/b"'


@pytest.mark.parametrize("text", ODD)
def test_a_comment_is_one_line_that_begins_with_its_label(text: str) -> None:
    line = comment("about", text)

    assert line.startswith("# about: ")
    assert line.splitlines() == [line]
    line.encode()
    assert ast.parse(line).body == []


def test_a_script_compiles_and_runs_whatever_the_names_are(tmp_path: Path) -> None:
    def track(track: Any) -> None:
        for index, name in enumerate(ODD):
            track(name, float(index))
            track(f"{name} as text", name)
            track(f"{name} as structure", {name: 1.0, "value": name})

    hostile = "\n".join(ODD)
    run = make_run(
        tmp_path / "a",
        track,
        description=hostile,
        params={name: name for name in ODD},
        words={name: {"description": hostile, "unit": name} for name in ODD},
        results={name: name for name in ODD},
        note=hostile,
        tags=tuple(ODD),
        case=hostile,
        status="failed",
        error=ErrorInfo(hostile, hostile),
    )
    add_code(run, {}, {"name": hostile, "path": hostile}, {"name": 3})  # type: ignore[dict-item]

    (path,) = Script().expt_render_run(run) or ()
    done = run_script(path, tmp_path)

    assert done.stderr == ""
    assert done.returncode == 0
    tree = ast.parse(path.read_text())
    named = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert "nul\x00" in named
    cells = re.findall(r"^# ?%%.*$", path.read_text(), re.MULTILINE)
    assert [cell.partition(":")[0] for cell in cells] == [
        "# %%",
        "# %%",
        "# %% Parameters and results",
        "# %% Scalars",
        "# %% Structured values",
        "# %% Texts",
        "# %% The other runs of the same session",
        "# %% One series of all of them, in one figure",
        "# %% analysis",
        "# %%",
    ]


# What it does


def test_it_says_what_parameters_are(tmp_path: Path, sandbox: Sandbox) -> None:
    words = {"lr": {"description": "step size", "unit": "1/s"}, "n": {"description": "passes"}}
    params = {"lr": 0.1, "n": 3}
    run = make_run(tmp_path / "a", lambda track: None, params=params, words=words)
    (path,) = Script().expt_render_run(run) or ()
    assert "# parameter: lr: step size [1/s]\n# parameter: n: passes\n" in path.read_text()
    said = sandbox.python(path).stdout
    assert "params['lr'] = 0.1 1/s\nparams['n'] = 3\n" in said


def test_it_shows_every_kind_from_anywhere_after_a_move(tmp_path: Path) -> None:
    run = make_run(
        tmp_path / "here",
        track_every_kind,
        params={"lr": 0.1},
        origins={"lr": (Origin("-p", "-p lr=0.1", 0.1),)},
        results={"accuracy": 0.9},
    )
    Script().expt_render_run(run)
    shutil.move(run.path, tmp_path / "there")
    before = sorted(path for path in tmp_path.rglob("*"))

    words = ["-c", RUN_STRICTLY, str(tmp_path / "there/analysis.py")]
    done = run_warm(words, Path("/"), dict(os.environ), draws=True, python=True)

    assert (done.returncode, done.stderr) == (0, "")
    for line in (
        "params['lr'] = 0.1  (-p)",
        "results['accuracy'] = 0.9",
        "'matrix': 3 arrays, the last of shape (3, 3), float64",
        "  'eval/acc': 0.5",
        "'note' at step 2: 'hello \\ud800'",
    ):
        assert line in done.stdout.splitlines()
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_it_compares_with_the_other_runs_of_its_session(tmp_path: Path, sandbox: Sandbox) -> None:
    for index, session in enumerate(("s1", "s1", "s2")):
        run = make_run(
            tmp_path / str(index),
            lambda track: track("loss", 1.0),
            params={"lr": index},
            lineage={"session": session},
        )
        Script().expt_render_run(run)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged/run.json").write_text("{")

    done = sandbox.python(tmp_path / "0/analysis.py")

    assert (done.exit_code, done.stderr) == (0, "")
    assert re.search(r"^params\.lr +0 +1$", done.stdout, re.MULTILINE)


def test_as_a_notebook_it_looks_in_the_working_directory(tmp_path: Path, sandbox: Sandbox) -> None:
    run = make_run(tmp_path / "a", lambda track: track("loss", 1.0))
    text = write_script(run)
    code = f"import os, sys; exec(compile({text!r}, 'cell', 'exec'), {{}})"

    done = sandbox.python("-c", code, cwd=run.path)

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("<Run abcd")


def test_of_many_series_a_dozen_of_a_kind_stand_in_it(tmp_path: Path) -> None:
    def track(track: Any) -> None:
        for index in range(40):
            track(f"s{index:02}", 1.0)

    text = write_script(make_run(tmp_path / "a", track))

    assert len(set(re.findall(r"s\d\d", text))) == 12
    assert "# 28 more of them are in list(run.series)" in text.splitlines()


def test_a_script_that_was_edited_is_left_as_it_is(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", lambda track: track("loss", 1.0))
    path = run.path / "analysis.py"
    Script().expt_render_run(run)
    made = path.read_text()
    assert Script().expt_render_run(run) == [path]
    assert path.read_text() == made

    path.write_text(made.replace("plt.show()", "plt.show(block=True)"))
    assert Script().expt_render_run(run) == [path]

    assert "plt.show(block=True)" in path.read_text()


def test_a_script_that_is_a_link_is_replaced_and_what_it_leads_to_is_not_touched(
    tmp_path: Path,
) -> None:
    """case: render-escape"""
    run = make_run(tmp_path / "a", lambda track: track("loss", 1.0))
    (tmp_path / "thesis.txt").write_text("PRECIOUS")
    (run.path / "analysis.py").symlink_to(tmp_path / "thesis.txt")

    Script().expt_render_run(run)

    assert (tmp_path / "thesis.txt").read_text() == "PRECIOUS"
    assert not (run.path / "analysis.py").is_symlink()


# The analyses

MODULE = '''
from __future__ import annotations

import json
from . import helpers
from helpers import double as twice
import expt

UNUSED = 1
SCALE = 3.0
try:
    import tomllib
except ImportError:
    tomllib = None


def scaled(value):
    return twice(value) * SCALE


@expt.mark.slow
def experiment_x(track):
    raise SystemExit


def analysis_x(run):
    """Tell of it."""
    print(json.dumps({"scaled": scaled(run.results["accuracy"]), "toml": tomllib is not None}))


def analysis_other(run):
    raise SystemExit(7)


if __name__ == "__main__":
    scaled = expt.main()
'''


def test_a_closure_is_what_the_function_needs_and_no_more() -> None:
    closure = find_closure(MODULE, "experiments/deep/first.py", "analysis_x")

    assert closure is not None
    assert closure.names == {"json", "twice", "SCALE", "tomllib", "scaled", "analysis_x"}
    assert closure.imports == {"json", "helpers", "tomllib"}
    assert closure.text.splitlines()[:3] == [
        "import json",
        "from helpers import double as twice",
        "SCALE = 3.0",
    ]
    assert "experiment_x" not in closure.text
    ast.parse(closure.text)


@pytest.mark.parametrize(
    ("line", "absolute"),
    [
        ("from . import a", "from experiments.deep import a"),
        ("from .a import b as c, d", "from experiments.deep.a import b as c, d"),
        ("from ..a import *", "from experiments.a import *"),
    ],
)
def test_relative_imports_become_absolute(line: str, absolute: str) -> None:
    name = line.rpartition(" ")[2]
    source = f"{line}\ndef f():\n    {name if name != '*' else 'g'}()"

    closure = find_closure(source, "experiments/deep/first.py", "f")

    assert closure is not None
    assert closure.text.startswith(absolute) is (name != "*")


@pytest.mark.parametrize("source", ["def f(:", "", "f = 3", "class g: pass", "x\x00"])
def test_where_there_is_no_such_function_there_is_no_closure(source: str) -> None:
    assert find_closure(source, "a.py", "f") is None


def test_analyses_run_in_the_script_with_what_they_need(tmp_path: Path, sandbox: Sandbox) -> None:
    run = make_run(tmp_path / "a", lambda track: track("loss", 1.0), results={"accuracy": 0.5})
    add_code(
        run,
        {
            "experiments/first.py": MODULE.replace("from . import helpers\n", ""),
            "experiments/helpers.py": "from library import two\ndef double(x): return x * two",
            "library/__init__.py": "two = 2",
        },
        {"name": "analysis_x", "path": "experiments/first.py"},
    )
    Script().expt_render_run(run)

    done = sandbox.python(run.path / "analysis.py", cwd="/")

    assert (done.exit_code, done.stderr) == (0, "")
    assert '{"scaled": 3.0, "toml": true}' in done.stdout.splitlines()
    assert not list(run.path.rglob("__pycache__"))


def test_a_name_of_the_user_s_that_hides_the_run_does_no_harm(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    run = make_run(tmp_path / "a", lambda track: track("loss", 1.0))
    module = "run = 5\ndef helper():\n    return run\ndef analysis_x(r):\n    print(r.id, helper())"
    add_code(run, {"first.py": module}, {"name": "analysis_x", "path": "first.py"})
    Script().expt_render_run(run)

    assert "abcdefgha 5" in sandbox.python(run.path / "analysis.py").lines


@pytest.mark.parametrize("content", ["{", "[]", "7", '{"a": 1}', "null"])
def test_a_damaged_list_of_analyses_spoils_nothing(tmp_path: Path, content: str) -> None:
    run = make_run(tmp_path / "a", lambda track: track("loss", 1.0))
    (run.path / "code").mkdir()
    (run.path / "code/analyses.json").write_text(content)

    ast.parse(write_script(run))
