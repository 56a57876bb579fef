"""Experiments are found in sources, under the node ids and with the cases that the docs promise."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import attrs
import pytest

from expt.discovery import Found, find_experiments
from expt.discovery.labels import case_labels
from expt.discovery.selection import (
    Conditions,
    case_names,
    keyword_names,
    matches_case,
    place_node_id,
    select_experiments,
    split_node_id,
)
from expt.discovery.swept import Swept
from expt.ground.errors import ExptError, UsageError
from expt.ground.expression import compile_expression
from expt.ground.model import Axis, Experiment
from expt.parameters.sweeps import merge_axes


def write(root: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            target.write_bytes(content)
        else:
            target.write_text(textwrap.dedent(content).lstrip("\n"), encoding="utf-8")


def find(root: Path, files: dict[str, str | bytes], *paths: str, **options: Any) -> Found:
    """What is found below `paths` (the root itself where none is given) of a tree of files."""
    write(root, files)
    return find_experiments([root / path for path in paths or ["."]], root, **options)


def ids(found: Found) -> list[str]:
    return [experiment.id for experiment in found.experiments]


def told(found: Found) -> list[str]:
    return [str(mistake) for mistake in found.mistakes]


def only(found: Found) -> Experiment:
    assert told(found) == []
    (experiment,) = found.experiments
    return experiment


ONE = "def experiment_x(): pass\n"
TWO = "def experiment_x(a, b=0): pass\n"


# What an experiment is


def test_module_level_functions_are_experiments_in_the_order_of_lines(tmp_path: Path) -> None:
    found = find(
        tmp_path,
        {
            "a.py": """
            import sys

            def experiment_b(lr, *args, epochs=3, deep: bool = True, **more):
                '''  What it does.

                More of it.
                '''

            def helper(): pass
            if sys.platform == "linux":
                def experiment_in_if(): pass
            elif sys.platform == "darwin":
                def experiment_in_elif(): pass
            else:
                def experiment_in_else(): pass
            try:
                import numpy
                def experiment_in_try(): pass
            except ImportError:
                def experiment_in_except(): pass
            else:
                def experiment_in_try_else(): pass
            finally:
                def experiment_in_finally(): pass
            with open(__file__):
                if True:
                    def experiment_in_with(): pass
            def experiment_a(first, /, *, last): return None
            """
        },
    )
    assert told(found) == []
    assert [
        experiment.function.removeprefix("experiment_") for experiment in found.experiments
    ] == [
        "b",
        "in_if",
        "in_elif",
        "in_else",
        "in_try",
        "in_except",
        "in_try_else",
        "in_finally",
        "in_with",
        "a",
    ]
    first, last = found.experiments[0], found.experiments[-1]
    assert first == Experiment(
        id="a.py::experiment_b",
        path="a.py",
        function="experiment_b",
        line=3,
        description="What it does.",
        parameters=("lr", "epochs", "deep"),
    )
    assert last.parameters == ("first", "last")


@pytest.mark.parametrize(
    "source",
    [
        "from pathlib import Path\nexperiment_dir = Path()",
        "experiment_name = 'x'",
        "experiment_rate: float = 0.1",
        "class experiment_X: pass",
        "class Holder:\n    def experiment_x(self): pass",
        "def make():\n    def experiment_inner(): pass",
        "from other import experiment_x",
        "import experiment_x",
        "experiment_x = lambda: 1",
        "experiment_x, experiment_y = 1, 2",
        "if __name__ == '__main__':\n    def experiment_x(): pass",
        "def my_experiment_x(): pass",
        "# def experiment_x(): pass",
        "'''\ndef experiment_x(): pass\n'''",
        "experiment_x = extends(experiment_y)",
        "def extends(f): return f\nexperiment_x = extends(1)",
    ],
)
def test_other_things_of_that_name_are_no_experiments(tmp_path: Path, source: str) -> None:
    found = find(tmp_path, {"a.py": source})
    assert (ids(found), told(found)) == ([], [])


def test_what_is_not_main_is_found(tmp_path: Path) -> None:
    source = "if __name__ == '__main__':\n    pass\nelse:\n    def experiment_x(): pass"
    assert ids(find(tmp_path, {"a.py": source})) == ["a.py::experiment_x"]


def test_nothing_is_imported(tmp_path: Path) -> None:
    source = "raise SystemExit('imported')\ndef experiment_x(): pass"
    found = find(tmp_path, {"a.py": source, "conftest.py": "raise SystemExit('imported')"})
    assert ids(found) == ["a.py::experiment_x"]


@pytest.mark.parametrize(
    ("source", "mistake"),
    [
        (
            "#\nasync def experiment_x(): pass",
            (
                "'experiment_x' is an async function, which would never be awaited\n  at a.py:2\n"
                "  write a plain function that calls asyncio.run(...)"
            ),
        ),
        *(
            (
                f"def experiment_x(a=1):\n    {body}",
                (
                    "'experiment_x' is a generator function: calling it would run nothing\n"
                    "  at a.py:1\n"
                    "  replace `yield` by track(...) or results[...]; only providers yield"
                ),
            )
            for body in (
                "yield 1",
                "yield from a",
                "if a:\n        b = [(yield)]",
                "def inner(b=(yield)): pass",
                "f = lambda b=(yield): b",
                "@(yield)\n    def inner(): pass",
            )
        ),
    ],
)
def test_async_and_generator_functions_are_mistakes(
    tmp_path: Path, source: str, mistake: str
) -> None:
    found = find(tmp_path, {"a.py": source})
    assert (ids(found), told(found)) == ([], [mistake])


@pytest.mark.parametrize(
    "body",
    [
        "def inner():\n        yield 1",
        "async def inner():\n        yield 1",
        "f = lambda: (yield)",
        "class Inner:\n        def inner(self): yield 1",
        "return (b for b in 'yield')",
        "'''yield'''",
    ],
)
def test_a_yield_inside_an_inner_function_is_none_of_the_experiment(
    tmp_path: Path, body: str
) -> None:
    assert only(find(tmp_path, {"a.py": f"def experiment_x():\n    {body}"})).line == 1


def test_two_definitions_in_one_block_are_a_mistake(tmp_path: Path) -> None:
    found = find(tmp_path, {"a.py": ONE + "\n" + ONE})
    assert told(found) == [
        (
            "'experiment_x' is defined twice: the first would never run\n  at a.py:3\n"
            "  the first is at a.py:1; rename one"
        )
    ]


def test_definitions_in_branches_are_one_experiment(tmp_path: Path) -> None:
    source = """
    try:
        import numpy
        def experiment_x(a): pass
    except ImportError:
        def experiment_x(b): pass
    """
    assert only(find(tmp_path, {"a.py": source})).parameters == ("b",)


# Files


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"def experiment_x(:", "a.py:1"),
        (b"x = 1\ndef experiment_x():\nreturn", "a.py:3"),
        (b"def experiment_x(): 'caf\xe9'", "a.py:1"),
        (b"def experiment_x(): pass\n\0", "a.py"),
        (b"# coding: nonsense\ndef experiment_x(): pass", "a.py"),
        (b"experiment_x = (", None),
        (b"print 'experiment_'", None),
        (b"def helper(:", None),
        (b"x = '\xff'\n", None),
    ],
)
def test_a_file_that_does_not_parse_is_a_mistake_if_it_defines_an_experiment(
    tmp_path: Path, content: bytes, place: str | None
) -> None:
    found = find(tmp_path, {"a.py": content})
    assert ids(found) == []
    assert [mistake.at for mistake in found.mistakes] == ([place] if place else [])
    assert all(text.startswith("this file is not Python: ") for text in told(found))


def test_the_compiler_says_what_is_wrong(tmp_path: Path) -> None:
    found = find(tmp_path, {"a.py": ONE + "("})
    assert told(found) == ["this file is not Python: '(' was never closed\n  at a.py:2"]


@pytest.mark.parametrize(
    "content",
    [
        b"# coding: latin-1\ndef experiment_x(): 'caf\xe9'",
        b"\xef\xbb\xbfdef experiment_x(): 'caf\xc3\xa9'",
    ],
)
def test_the_encoding_of_a_file_is_honoured(tmp_path: Path, content: bytes) -> None:
    assert only(find(tmp_path, {"a.py": content})).description == "café"


@pytest.mark.parametrize("deep", ["-" * 100_000 + "1", "(" * 5000, "1+" * 50_000 + "1"])
def test_a_file_that_is_nested_too_deep_is_told(tmp_path: Path, deep: str) -> None:
    found = find(tmp_path, {"a.py": f"{ONE}x = {deep}"})
    assert len(found.mistakes) == 1


def test_no_warning_about_users_texts_is_shown(tmp_path: Path) -> None:
    assert only(find(tmp_path, {"a.py": ONE + "x = '\\d'\ny = 1 is 1"})).line == 1


SKIPPED = {
    "conftest.py": ONE,
    ".hidden.py": ONE,
    ".hidden/a.py": ONE,
    "__pycache__/a.py": ONE,
    "site-packages/a.py": ONE,
    "node_modules/a.py": ONE,
    "venv/pyvenv.cfg": "",
    "venv/lib/a.py": ONE,
    "runs/m/run.json": "{}",
    "runs/m/code/a.py": ONE,
    "runs/m/2026-11-23_10-15-30_7fk2abcdef/code/a.py": ONE,
    "notes.txt": ONE,
}


def test_what_is_nobodys_experiment_is_skipped(tmp_path: Path) -> None:
    assert ids(find(tmp_path, {**SKIPPED, "a.py": ONE})) == ["a.py::experiment_x"]


@pytest.mark.parametrize("path", [path for path in SKIPPED if path.endswith(".py")])
def test_a_file_that_is_named_is_taken_even_so(tmp_path: Path, path: str) -> None:
    assert ids(find(tmp_path, {**SKIPPED}, path)) == [f"{path}::experiment_x"]


@pytest.mark.parametrize("folder", [".hidden", "venv", "runs/m"])
def test_a_folder_that_is_named_is_walked_even_so(tmp_path: Path, folder: str) -> None:
    assert len(ids(find(tmp_path, {**SKIPPED}, folder))) == 1


def test_an_archive_that_is_named_is_walked_even_so(tmp_path: Path) -> None:
    folder = "runs/m/2026-11-23_10-15-30_7fk2abcdef"
    assert ids(find(tmp_path, {**SKIPPED}, folder)) == [f"{folder}/code/a.py::experiment_x"]


@pytest.mark.parametrize(
    ("ignore", "left"),
    [
        ([], ["a/b/x.py", "a/x.py", "old_x.py", "x.py"]),
        (["a"], ["old_x.py", "x.py"]),
        (["a/"], ["old_x.py", "x.py"]),
        (["./a/b"], ["a/x.py", "old_x.py", "x.py"]),
        (["b"], ["a/b/x.py", "a/x.py", "old_x.py", "x.py"]),
        (["*/b"], ["a/x.py", "old_x.py", "x.py"]),
        (["old_*.py"], ["a/b/x.py", "a/x.py", "x.py"]),
        (["*x.py"], []),
        (["a/x.py", "x.py"], ["a/b/x.py", "old_x.py"]),
        (["[ao]*"], ["x.py"]),
    ],
)
def test_ignored_paths_and_patterns_are_relative_to_the_root(
    tmp_path: Path, ignore: list[str], left: list[str]
) -> None:
    files = dict.fromkeys(["a/b/x.py", "a/x.py", "old_x.py", "x.py"], ONE)
    found = find(tmp_path, {**files}, ignore=ignore)
    assert ids(found) == [f"{path}::experiment_x" for path in left]


def test_an_absolute_path_is_ignored(tmp_path: Path) -> None:
    assert ids(find(tmp_path, {"a/x.py": ONE}, ignore=[str(tmp_path / "a")])) == []


def test_files_of_one_folder_stand_together_in_the_order_of_names(tmp_path: Path) -> None:
    paths = ["a-b/x.py", "a/c/x.py", "a/x.py", "a.py", "b.py"]
    found = find(tmp_path, {**dict.fromkeys(reversed(paths), ONE)})
    assert ids(found) == [
        f"{path}::experiment_x" for path in ["a/c/x.py", "a/x.py", "a-b/x.py", "a.py", "b.py"]
    ]


def test_paths_are_taken_in_the_order_given_and_nothing_twice(tmp_path: Path) -> None:
    files = {**dict.fromkeys(["a/x.py", "a/y.py", "b/x.py"], ONE)}
    found = find(tmp_path, files, "b", "a/y.py", "a", "b/x.py")
    assert ids(found) == [f"{path}::experiment_x" for path in ["b/x.py", "a/y.py", "a/x.py"]]


def test_without_a_path_the_configured_ones_are_walked(tmp_path: Path) -> None:
    write(tmp_path, {"a/x.py": ONE, "b/x.py": ONE, "c/x.py": ONE})
    found = find_experiments([], tmp_path, configured_paths=["b", "c"])
    assert ids(found) == ["b/x.py::experiment_x", "c/x.py::experiment_x"]


def test_unusual_names_are_node_ids_too(tmp_path: Path) -> None:
    paths = ["a b.c/ünï.py", "d[1]/x.py", "e::f/x.py"]
    assert ids(find(tmp_path, {**dict.fromkeys(paths, ONE)})) == [
        f"{path}::experiment_x" for path in paths
    ]


def test_links_are_walked_once_and_real_names_preferred(tmp_path: Path) -> None:
    write(tmp_path, {"z/x.py": ONE, "outside/y.py": ONE, "root/m.py": ONE})
    root = tmp_path / "root"
    (tmp_path / "z").rename(root / "z")
    (root / "a").symlink_to("z")
    (root / "z/loop").symlink_to("..")
    (root / "itself").symlink_to("itself")
    (root / "dangling.py").symlink_to("gone.py")
    (root / "linked.py").symlink_to("m.py")
    (root / "other").symlink_to(tmp_path / "outside")
    assert ids(find_experiments([root], root)) == [
        "linked.py::experiment_x",
        "m.py::experiment_x",
        "other/y.py::experiment_x",
        "z/x.py::experiment_x",
    ]


def test_what_is_no_file_does_not_hold_the_walk(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.py")
    os.mkfifo(tmp_path / "params.toml")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.py"))
        assert ids(find(tmp_path, {"folder.py/x.py": ONE})) == ["folder.py/x.py::experiment_x"]
        found = find(tmp_path, {}, "fifo.py", "s.py")
    assert told(found) == [
        "this is no regular file\n  at fifo.py",
        "this is no regular file\n  at s.py",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": ONE, "b/x.py": ONE, "c.py": ONE})
    (tmp_path / "a.py").chmod(0)
    (tmp_path / "b").chmod(0)
    found = find(tmp_path, {})
    (tmp_path / "b").chmod(0o700)
    assert ids(found) == ["c.py::experiment_x"]
    assert told(found) == [
        (
            "this folder cannot be read: Permission denied\n  at b\n"
            '  to leave it out: ignore = ["b"] in the configuration'
        ),
        "this file cannot be read: Permission denied\n  at a.py",
    ]


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("experimets", "there is no 'experimets'\n  did you mean 'experiments'?"),
        ("experiments/tran.py", "there is no 'experiments/tran.py'\n  did you mean 'train.py'?"),
        (
            "zzz",
            "there is no 'zzz'\n  there is: experiments\n"
            "  'expt new zzz' writes a first experiment",
        ),
        ("experiments/zzz.py", "there is no 'experiments/zzz.py'\n  there is: train.py"),
        ("experimets/train.py", "there is no 'experimets/train.py'\n  did you mean 'experiments'?"),
        ("notes.txt", "'notes.txt' is no Python file\n  give a folder, or a .py file"),
    ],
)
def test_a_path_that_is_not_there_is_refused_with_the_closest_names(
    tmp_path: Path, path: str, error: str
) -> None:
    with pytest.raises(UsageError) as caught:
        find(tmp_path, {"experiments/train.py": ONE, "notes.txt": ""}, path)
    assert str(caught.value) == error


def test_neither_numpy_nor_matplotlib_nor_rich_is_imported(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": ONE, "params.toml": "[expt.sweep]\na = [1]"})
    code = (
        "import sys; from pathlib import Path; from expt.discovery import find_experiments\n"
        "print(len(find_experiments([Path('.')], Path.cwd()).experiments))\n"
        "print({'numpy', 'matplotlib', 'rich', 'cattrs'} & sys.modules.keys())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "1\nset()\n"


# Decorators


@pytest.mark.parametrize(
    ("imports", "decorators", "marks"),
    [
        ("import expt", "@expt.mark.slow", ("slow",)),
        ("import expt as e", "@e.mark.slow(reason='x')", ("slow",)),
        ("from expt import mark", "@mark.skipif(1 > 2, reason='x')", ("skipif",)),
        ("from expt import mark as m", "@m.slow\n@m.gpu\n@m.slow", ("slow", "gpu")),
        ("from expt import *", "@mark.slow", ("slow",)),
        ("import expt\nslow = expt.mark.slow", "@slow", ("slow",)),
        ("import expt\nslow = expt.mark.slow(why=1)", "@slow", ("slow",)),
        ("try:\n    import expt\nexcept ImportError:\n    pass", "@expt.mark.slow", ("slow",)),
        ("import expt", "@expt.on('x')\n@expt.mark.slow", ("slow",)),
    ],
)
def test_marks_are_read(
    tmp_path: Path, imports: str, decorators: str, marks: tuple[str, ...]
) -> None:
    experiment = only(find(tmp_path, {"a.py": f"{imports}\n{decorators}\n{ONE}"}))
    assert (experiment.marks, experiment.marks_complete, experiment.axes) == (marks, True, ())


def test_the_line_is_that_of_the_def(tmp_path: Path) -> None:
    source = "import expt\n@expt.mark.slow\n@expt.sweep(\n    a=[1]\n)\ndef experiment_x(a): pass"
    assert only(find(tmp_path, {"a.py": source})).line == 6


@pytest.mark.parametrize(
    ("decorators", "axes"),
    [
        ("@expt.sweep(a=[1, 2], b=('x', None))", {"a": (1, 2), "b": ("x", None)}),
        ("@s(a=[True, -1.5, [1, {'k': 2}]])", {"a": (True, -1.5, [1, {"k": 2}])}),
        ("@expt.sweep(a=range(3), b=range(4, 0, -2))", {"a": (0, 1, 2), "b": (4, 2)}),
        ("@expt.sweep(**{'a.lr': [0.1]})", {"a.lr": (0.1,)}),
        ("@expt.sweep()", {}),
        ("@expt.sweep(a=[1, 2])\n@expt.sweep(b=[3])", {"a": (1, 2), "b": (3,)}),
        ("@expt.sweep(a=[1], b=[2])\n@expt.sweep(a=[3])", {"a": (3,), "b": (2,)}),
        ("@expt.mark.slow\n@expt.sweep(a=[])", {"a": ()}),
        ("@expt.sweep(a=values)", None),
        ("@expt.sweep(a=np.linspace(0, 1, 3))", None),
        ("@expt.sweep(a=[x for x in 'abc'])", None),
        ("@expt.sweep(a={1, 2})", None),
        ("@expt.sweep(a='abc')", None),
        ("@expt.sweep(a=range(10**9))", None),
        ("@expt.sweep(a=[1])\n@expt.sweep(b=values)", None),
        ("@expt.sweep(**values)", None),
        ("@expt.sweep", None),
        ("@functools.cache", None),
        ("@standard_sweep", None),
        ("@standard_sweep\n@expt.sweep(a=[1])", None),
    ],
)
def test_literal_sweeps_are_axes_and_others_are_unknown(
    tmp_path: Path, decorators: str, axes: dict[str, tuple[Any, ...]] | None
) -> None:
    source = f"import expt\nfrom expt import sweep as s\n{decorators}\n{TWO}"
    experiment = only(find(tmp_path, {"a.py": source}))
    if axes is None:
        assert experiment.axes is None
    else:
        assert experiment.axes is not None
        read = {axis.names: tuple(value for (value,) in axis.values) for axis in experiment.axes}
        assert read == {(name,): values for name, values in axes.items()}
        assert [name for (name,) in read] == [*axes]


def test_an_axis_knows_its_line(tmp_path: Path) -> None:
    source = f"import expt\n\n@expt.sweep(a=[1])\n{TWO}"
    experiment = only(find(tmp_path, {"b/a.py": source}))
    assert experiment.axes == (Axis(("a",), ((1,),), "b/a.py:3"),)


@pytest.mark.parametrize(
    "source",
    [
        f"from lab import slow\n@slow\n{ONE}",
        f"import lab\n@lab.slow(1)\n{ONE}",
        f"from lab import *\n@twice\n{ONE}",
        f"import lab\n@(lambda f: f)\n{ONE}",
        f"import lab\n@lab.TABLE['slow']\n{ONE}",
        f"{ONE}\nexperiment_x = decorate(experiment_x)",
        f"import expt\n{ONE}\nexperiment_x = expt.sweep(a=[1])(experiment_x)",
    ],
)
def test_what_is_not_expts_may_add_marks_and_axes(tmp_path: Path, source: str) -> None:
    lab = "import expt\ndef slow(f): return expt.mark.slow(f)\ndef twice(f): return slow(f)\n"
    experiment = only(find(tmp_path, {"a.py": source, "lab.py": lab}, "a.py"))
    assert (experiment.marks_complete, experiment.axes) == (False, None)


@pytest.mark.parametrize(
    ("source", "complete"),
    [
        (f"from functools import cache\n@cache\n{ONE}", True),
        (f"import lab\n@lab.timed\n{ONE}", True),
        (f"from lab import timed\n{ONE}\nexperiment_x = timed(experiment_x)", True),
        (f"def timed(f): return f\n@timed\n{ONE}", True),
        (f"from elsewhere import mark\n@mark.slow\n{ONE}", False),
        (f"import torch\n@torch.no_grad()\n{ONE}", False),
    ],
)
def test_what_knows_nothing_of_expt_adds_no_axes_and_a_librarys_perhaps_marks(
    tmp_path: Path, source: str, complete: bool
) -> None:
    lab = "import functools, time\ndef timed(f): return functools.wraps(f)(lambda: time.time())\n"
    experiment = only(find(tmp_path, {"a.py": source, "lab.py": lab}, "a.py"))
    assert (experiment.marks_complete, experiment.axes) == (complete, ())


# The [expt] tables of folders


def test_marks_of_folders_are_added_to_all_below(tmp_path: Path) -> None:
    found = find(
        tmp_path,
        {
            "params.toml": "[expt]\nmarks = ['all']",
            "a/params.toml": "[expt]\nmarks = ['slow', 'all']",
            "a/b/x.py": f"import expt\n@expt.mark.own\n{ONE}",
            "x.py": ONE,
        },
        "a",
        "x.py",
    )
    assert [experiment.marks for experiment in found.experiments] == [
        ("own", "all", "slow"),
        ("all",),
    ]


def sweep_labels(root: Path, files: dict[str, str | bytes], **options: Any) -> list[str]:
    return [
        case_id.partition("experiment_")[2]
        for experiment in find(root, files, **options).experiments
        for case_id in select_experiments([experiment]).case_ids
    ]


def test_axes_of_folders_are_taken_by_the_experiments_that_have_the_name(tmp_path: Path) -> None:
    assert sweep_labels(
        tmp_path,
        {
            "params.toml": "[expt.sweep]\nlr = [0.1, 0.2]\nseed = [0]",
            "a/params.toml": "[expt.sweep]\nlr = [1]\noptimizer.name = ['sgd', 'adam']",
            "a/x.py": """
            def experiment_x(lr, seed, optimizer): pass
            def experiment_y(lr, seed): pass
            """,
            "b.py": "def experiment_z(seed): pass",
        },
    ) == [
        "x[seed-0-lr-1-optimizer.name-sgd]",
        "x[seed-0-lr-1-optimizer.name-adam]",
        "y[seed-0-lr-1]",
        "z[seed-0]",
    ]


def test_a_folders_axis_replaces_the_decorators_of_that_name(tmp_path: Path) -> None:
    source = "import expt\n@expt.sweep(a=[1, 2], b=[3])\ndef experiment_x(a, b): pass"
    files = {"x.py": source, "params.toml": "[expt.sweep]\na = [5]"}
    assert sweep_labels(tmp_path, {**files}) == ["x[b-3-a-5]"]


def test_zipped_axes_of_a_folder_are_one_axis(tmp_path: Path) -> None:
    files = {
        "x.py": "def experiment_x(a, b): pass\ndef experiment_y(a): pass",
        "params.toml": "[expt.zip]\na = [1, 2]\nb = ['u', 'v']",
    }
    assert sweep_labels(tmp_path, {**files}) == ["x[a-1-b-u]", "x[a-2-b-v]", "y[a-1]", "y[a-2]"]


@pytest.mark.parametrize("groups", ["['a', 'b']", "[['a', 'b'], ['c', 'd']]"])
def test_axes_that_a_folder_puts_in_step_are_paired(tmp_path: Path, groups: str) -> None:
    files = {
        "x.py": "def experiment_x(a, b): pass\ndef experiment_y(e): pass",
        "params.toml": f"[expt]\nzip = {groups}\n"
        "sweep = {a = [1, 2], b = [1, 2], c = [1], d = [1], e = [3]}",
    }
    assert sweep_labels(tmp_path, {**files}) == ["x[a-1-b-1]", "x[a-2-b-2]", "y[e-3]"]
    swept = Swept(sweeps=(Axis(("a",), ((3,),)), Axis(("b",), ((4,),))))
    assert sweep_labels(tmp_path, {**files}, swept=swept) == ["x[a-3-b-4]", "y[e-3]"]


@pytest.mark.parametrize("table", ["[expt.sweep]\na = 3", "[expt]\nzip.a = 'b'", "[expt]\nx = 1"])
def test_what_stands_below_a_broken_file_is_unknown(tmp_path: Path, table: str) -> None:
    files = {"x.py": "def experiment_x(a): pass\ndef experiment_y(b): pass", "params.toml": table}
    assert sweep_labels(tmp_path, {**files}) == ["x[?]", "y[?]"]


def test_ranges_are_expanded(tmp_path: Path) -> None:
    files = {
        "x.py": "def experiment_x(a, b=0): pass",
        "params.toml": "[expt.sweep]\na = {range = [0, 3]}\nb = {linspace = 'nonsense'}",
    }
    assert sweep_labels(tmp_path, {**files}) == ["x[?]"]
    write(tmp_path, {"params.toml": "[expt.sweep]\na = {range = [0, 3]}"})
    assert sweep_labels(tmp_path, {}) == ["x[a-0]", "x[a-1]", "x[a-2]"]


@pytest.mark.parametrize(
    ("files", "label"),
    [
        # nobody asks for it
        ({"x.py": "def experiment_x(track, size=3): pass"}, "x"),
        ({"x.py": "def experiment_x(size): pass", "params.toml": "size = 3"}, "x"),
        ({"x.py": "def experiment_x(size=1): pass", "conftest.py": "def size(a): pass"}, "x"),
        (
            {
                "x.py": "from expt import provider\n@provider\ndef data(size=3): pass\n"
                "@provider\ndef other(a): pass\ndef experiment_x(data): pass"
            },
            "x",
        ),
        # a provider may ask for it
        ({"x.py": "def experiment_x(data): pass"}, "x[?]"),
        (
            {
                "x.py": "from expt import provider\n@provider\ndef data(inner): pass\n"
                "@provider(scope='session')\ndef inner(*, a): pass\ndef experiment_x(data): pass"
            },
            "x[?]",
        ),
        (
            {
                "x.py": "def experiment_x(data=1): pass",
                "conftest.py": "import expt\n@expt.provider\ndef data(a): pass",
            },
            "x[?]",
        ),
        (
            {
                "x.py": "def experiment_x(data): pass",
                "conftest.py": "import expt\n@expt.provider(name='data')\ndef make(a): pass",
            },
            "x[?]",
        ),
        (
            {
                "x.py": "from shared import data\ndef experiment_x(data): pass",
                "shared.py": "from expt import provider\n@provider\ndef data(a): pass",
            },
            "x[?]",
        ),
        (
            {
                "x.py": "def experiment_x(data=1): pass",
                "mixins/log.py": "from expt import provider\n@provider\ndef data(a): pass",
                "params.toml": "[expt]\nuse = ['mixins/log.py']",
            },
            "x[?]",
        ),
        # that is not to be seen
        ({"x.py": "from lab import data\ndef experiment_x(data=1): pass"}, "x[?]"),
        ({"x.py": "from lab import *\ndef experiment_x(data=1): pass"}, "x[?]"),
        (
            {
                "x.py": "def experiment_x(data=1): pass",
                "conftest.py": "import expt\ndata = expt.provider(scope='run')(make)",
            },
            "x[?]",
        ),
        ({"x.py": "def experiment_x(data=1): pass", "conftest.py": "data = ("}, "x[?]"),
        (
            {
                "x.py": "def experiment_x(data=1): pass",
                "conftest.py": "import expt\n@expt.hook\ndef expt_make_providers(): return MADE",
            },
            "x[?]",
        ),
    ],
)
def test_an_axis_that_no_provider_can_ask_for_is_left_out(
    tmp_path: Path, files: dict[str, str | bytes], label: str
) -> None:
    swept = Swept(sweeps=(Axis(("a",), ((1,), (2,))),))
    assert sweep_labels(tmp_path, files, swept=swept) == [label]


def test_a_conftest_that_is_no_file_does_not_hold_discovery(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "conftest.py")
    swept = Swept(sweeps=(Axis(("a",), ((1,),)),))
    assert sweep_labels(tmp_path, {"x.py": ONE}, swept=swept) == ["x"]


def test_a_swept_seed_is_any_runs(tmp_path: Path) -> None:
    swept = Swept(sweeps=(Axis(("seed",), ((1,), (2,))),))
    assert sweep_labels(tmp_path, {"x.py": ONE}, swept=swept) == ["x[seed-1]", "x[seed-2]"]


@pytest.mark.parametrize(
    ("swept", "labels"),
    [
        (Swept(), ["x[a-1-b-3]", "x[a-2-b-3]"]),
        (Swept(sweeps=(Axis(("a",), ((7,),)),)), ["x[b-3-a-7]"]),
        (Swept(sweeps=(Axis(("c", "a"), ((7, 8),)),)), ["x[b-3-c-7-a-8]"]),
        (Swept(fixed=("a",)), ["x[b-3]"]),
        (Swept(fixed=("a", "b")), ["x"]),
        (Swept(fixed=("experiment_x:a",)), ["x[b-3]"]),
        (Swept(fixed=("experiment_y:a",)), ["x[a-1-b-3]", "x[a-2-b-3]"]),
        (Swept(fixed=("a.lr",)), ["x[?]"]),
        (Swept(more=True), ["x[?]"]),
    ],
)
def test_the_command_line_adds_replaces_and_collapses_axes(
    tmp_path: Path, swept: Swept, labels: list[str]
) -> None:
    source = "import expt\n@expt.sweep(a=[1, 2], b=[3])\ndef experiment_x(a, b, c): pass"
    assert sweep_labels(tmp_path, {"x.py": source}, swept=swept) == labels


@pytest.mark.parametrize("content", ["a = ", "[expt]\nmarks = 3\nsweep = 4\nzip = 5\nuse = 6"])
def test_a_broken_folder_is_left_to_planning(tmp_path: Path, content: str) -> None:
    assert only(find(tmp_path, {"x.py": ONE, "params.toml": content})).marks == ()


# Hosted experiments

BASE = '''
"""A module."""
import expt

@expt.mark.slow
@expt.sweep(lr=[0.1])
def experiment_train(track, lr, epochs=3):
    """Train it."""
'''


def test_a_params_toml_hosts_an_experiment_for_its_folder_alone(tmp_path: Path) -> None:
    found = find(
        tmp_path,
        {
            "e/m.py": BASE,
            "e/params.toml": "[expt]\nmarks = ['e']",
            "e/big/params.toml": """
            width = 512
            [expt]
            extends = "../m.py::experiment_train"
            marks = ["big"]
            [expt.sweep]
            epochs = [1, 2]
            """,
            "e/big/below/x.py": ONE,
        },
        "e/big",
    )
    assert told(found) == []
    assert ids(found) == ["e/big/below/x.py::experiment_x", "e/big::experiment_train"]
    hosted = found.experiments[1]
    points = [(axis.names, list(axis.values), axis.where) for axis in hosted.axes or ()]
    assert points == [
        (("lr",), [(0.1,)], "e/m.py:5"),
        (("epochs",), [(1,), (2,)], "e/big/params.toml:6"),
    ]
    assert attrs.evolve(hosted, axes=()) == Experiment(
        id="e/big::experiment_train",
        path="e/m.py",
        function="experiment_train",
        line=6,
        description="Train it.",
        marks=("slow", "e", "big"),
        parameters=("track", "lr", "epochs"),
        host="e/big",
        extends=("e/m.py::experiment_train",),
    )
    assert (hosted.folder, hosted.place, hosted.name) == ("e/big", "e/big", "experiment_train")


def test_the_root_folder_can_host(tmp_path: Path) -> None:
    files = {"params.toml": "expt.extends = ['e/m.py::experiment_train']", "e/m.py": BASE}
    found = find(tmp_path, {**files})
    assert ids(found) == ["e/m.py::experiment_train", ".::experiment_train"]
    assert found.experiments[1].folder == ""


@pytest.mark.parametrize(
    ("files", "base"),
    [
        ({"e/h.py": "from m import experiment_train\n"}, "experiment_train"),
        ({"e/h.py": "from .m import experiment_train as base\n"}, "base"),
        ({"e/h.py": "from e.m import experiment_train\n"}, "experiment_train"),
        ({"e/h.py": "import e.m\n"}, "e.m.experiment_train"),
        ({"e/h.py": "import m\n"}, "m.experiment_train"),
        ({"e/h.py": "from . import m as other\n"}, "other.experiment_train"),
        ({"e/f/h.py": "from ..m import experiment_train\n"}, "experiment_train"),
        (
            {"h.py": "from lib import experiment_train\n", "src/lib.py": "from e.m import *\n"},
            "experiment_train",
        ),
        (
            {
                "h.py": "from e import experiment_train\n",
                "e/__init__.py": "from .m import experiment_train\n",
            },
            "experiment_train",
        ),
        (
            {
                "h.py": "from e import train\n",
                "e/__init__.py": "from e.m import experiment_train as train\n",
            },
            "train",
        ),
    ],
)
def test_a_module_hosts_an_experiment_of_another(
    tmp_path: Path, files: dict[str, str | bytes], base: str
) -> None:
    (host, source), *_ = files.items()
    hosting = f"import expt\n{source!s}experiment_big = expt.extends({base})\n"
    found = find(tmp_path, {"e/m.py": BASE, **files, host: hosting}, host)
    hosted = only(found)
    assert hosted == Experiment(
        id=f"{host}::experiment_big",
        path="e/m.py",
        function="experiment_train",
        line=6,
        description="Train it.",
        marks=("slow",),
        parameters=("track", "lr", "epochs"),
        axes=(Axis(("lr",), ((0.1,),), "e/m.py:5"),),
        host=host,
        extends=("e/m.py::experiment_train",),
    )
    assert hosted.name == "experiment_big"


@pytest.mark.parametrize("address", ["experiment_big", "experiment_train", "h.py::experiment_big"])
def test_a_hosted_experiment_answers_to_its_bases_names(tmp_path: Path, address: str) -> None:
    files = {
        "m.py": BASE,
        "h.py": "import expt, m\nexperiment_big = expt.extends(m.experiment_train)",
    }
    found = find(tmp_path, {**files}, "h.py", swept=Swept(fixed=(f"{address}:lr",)))
    assert only(found).axes == ()


def test_a_chain_of_hosts_is_followed_to_the_base(tmp_path: Path) -> None:
    found = find(
        tmp_path,
        {
            "a/m.py": BASE + "\nexperiment_here = expt.extends(experiment_train)",
            "a/params.toml": "[expt]\nmarks = ['a']",
            "b/h.py": "from a.m import experiment_here\nfrom expt import extends\n"
            "experiment_b = extends(experiment_here)",
            "b/params.toml": "[expt]\nmarks = ['b']",
            "c/params.toml": "[expt]\nmarks = ['c']\nextends = ['../b/h.py::experiment_b']",
            "c/d/params.toml": "[expt]\nextends = '..::experiment_b'",
        },
    )
    assert told(found) == []
    last = {experiment.id: experiment for experiment in found.experiments}["c/d::experiment_b"]
    assert (last.path, last.function) == ("a/m.py", "experiment_train")
    assert last.marks == ("slow", "a", "b", "c")
    assert last.extends == (
        "c::experiment_b",
        "b/h.py::experiment_b",
        "a/m.py::experiment_here",
        "a/m.py::experiment_train",
    )


@pytest.mark.parametrize(
    "source",
    [
        "import expt\nfrom lib import experiment_x\nexperiment_big = expt.extends(experiment_x)",
        "import expt\nexperiment_big = expt.extends(make())",
        "import expt\nexperiment_big = expt.extends(base=experiments['x'])",
        "import expt\nfrom .. import gone\nexperiment_big = expt.extends(gone.experiment_x)",
    ],
)
def test_what_extends_the_unknown_is_unknown(tmp_path: Path, source: str) -> None:
    experiment = only(find(tmp_path, {"e/m.py": source}))
    assert (experiment.id, experiment.path) == ("e/m.py::experiment_big", "e/m.py")
    assert (experiment.axes, experiment.marks_complete, experiment.host) == (None, False, "e/m.py")


def test_of_two_stars_the_last_one_counts(tmp_path: Path) -> None:
    files = {
        "a.py": f"import expt\n@expt.sweep(n=[1])\n{TWO}",
        "b.py": f"import expt\n@expt.sweep(n=[2])\n{TWO}",
        "c.py": "from a import *\nfrom b import *\n",
        "e/params.toml": "[expt]\nextends = '../c.py::experiment_x'",
    }
    assert only(find(tmp_path, files, "e")).extends == ("b.py::experiment_x",)


def test_a_circle_of_modules_is_told(tmp_path: Path) -> None:
    source = "import expt\nfrom a import experiment_x as b\nexperiment_x = expt.extends(b)"
    found = find(tmp_path, {"e/m.py": source, "e/a.py": "from m import *"})
    assert told(found) == [
        (
            "'experiment_x' extends itself\n  at e/m.py:3\n"
            "  e/m.py::experiment_x → e/m.py::experiment_x"
        )
    ]


def test_a_mistake_of_what_is_needed_is_told_where_its_own_file_is_asked_for(
    tmp_path: Path,
) -> None:
    files = {
        "a.py": f"import expt\n@expt.needs(data='b.py::experiment_y')\n{TWO}",
        "b.py": "import expt\nfrom b import experiment_y as z\nexperiment_y = expt.extends(z)\n",
    }
    assert told(find(tmp_path, files, "a.py")) == []
    assert len(told(find(tmp_path, files))) == 1


def test_an_imported_experiment_can_be_extended_by_a_folder(tmp_path: Path) -> None:
    files = {
        "m.py": BASE,
        "n.py": "from m import experiment_train",
        "big/params.toml": "[expt]\nextends = '../n.py::experiment_train'",
    }
    assert only(find(tmp_path, {**files}, "big")).extends == ("m.py::experiment_train",)


@pytest.mark.parametrize(
    ("extends", "mistake"),
    [
        (
            "'../n.py::experiment_train'",
            (
                "there is no '../n.py' to extend\n  at e/big/params.toml:2\n"
                "  did you mean 'o.py' or 'm.py'?"
            ),
        ),
        (
            "'zzz/n.txt::experiment_train'",
            (
                "there is no 'zzz/n.txt' to extend\n  at e/big/params.toml:2\n"
                "  paths are relative to the folder 'e/big'"
            ),
        ),
        (
            "['../m.py::experiment_train',\n'../m.py::experiment_tran']",
            (
                "'../m.py' defines no 'experiment_tran'\n  at e/big/params.toml:2\n"
                "  did you mean 'experiment_train'?"
            ),
        ),
        (
            '"zzz\\u0000/n.py::experiment_train"',
            (
                "there is no 'zzz\0/n.py' to extend\n  at e/big/params.toml:2\n"
                "  paths are relative to the folder 'e/big'"
            ),
        ),
        (
            "'../m.py::helper'",
            (
                "'extends' of [expt] must be 'PATH::experiment_name' or a list of them\n"
                "  at e/big/params.toml:2"
            ),
        ),
        (
            "'../../../m.py::experiment_train'",
            "'../../../m.py' lies outside the root directory\n  at e/big/params.toml:2",
        ),
        (
            "'..::experiment_train'",
            "'e' hosts no 'experiment_train'\n  at e/big/params.toml:2\n  there is no experiment",
        ),
        (
            "'../m.py'",
            (
                "'extends' of [expt] must be 'PATH::experiment_name' or a list of them\n"
                "  at e/big/params.toml:2"
            ),
        ),
        (
            "3",
            ("'extends' of [expt] must be a text or a list of texts\n  at e/big/params.toml:2"),
        ),
        (
            "['../m.py::experiment_train', '../o.py::experiment_train']",
            (
                "'experiment_train' is hosted twice in one folder\n  at e/big/params.toml:2\n"
                "  as '../m.py::experiment_train'"
            ),
        ),
    ],
)
def test_a_base_that_is_not_there_is_told(tmp_path: Path, extends: str, mistake: str) -> None:
    files = {"e/m.py": BASE, "e/o.py": BASE, "e/big/params.toml": f"[expt]\nextends = {extends}"}
    found = find(tmp_path, {**files}, "e/big")
    assert told(found) == [mistake]


def test_a_broken_folder_that_may_host_is_told_at_once(tmp_path: Path) -> None:
    found = find(tmp_path, {"params.toml": "[expt]\nextends = x"})
    assert told(found) == ["this is not TOML: invalid value\n  at params.toml:2"]


def test_a_circle_of_folders_is_told(tmp_path: Path) -> None:
    files = {
        "a/params.toml": "[expt]\nextends = '../b::experiment_x'",
        "b/params.toml": "[expt]\nextends = '../a::experiment_x'",
    }
    found = find(tmp_path, {**files})
    assert (ids(found), told(found)[0]) == (
        [],
        (
            "'experiment_x' extends itself\n  at a/params.toml:2\n"
            "  a::experiment_x → b::experiment_x → a::experiment_x"
        ),
    )


# Labels


def axes_of(table: str) -> list[Axis]:
    return [
        Axis((name,), tuple((value,) for value in values))
        for name, values in tomllib.loads(table).items()
    ]


@pytest.mark.parametrize(
    ("table", "labels"),
    [
        (
            "lr = [0.1, 1e-5, 10]\nseed = [0, -1]",
            [
                "lr-0.1-seed-0",
                "lr-0.1-seed--1",
                "lr-1e-05-seed-0",
                "lr-1e-05-seed--1",
                "lr-10-seed-0",
                "lr-10-seed--1",
            ],
        ),
        ("a = [true, 'x', '', nan, 1e300]", ["a-True", "a-x", "a-", "a-nan", "a-1e+300"]),
        ("a = ['ü b/c::[d]', 'e.f_g+h-i']", ["a-__b_c___d_", "a-e.f_g+h-i"]),
        ("a = ['x y', 'x_y', 'z']", ["a-a0", "a-a1", "a-z"]),
        ("a = [1, 1]", ["a-a0", "a-a1"]),
        ("a = [1, '1', 1.0]", ["a-a0", "a-a1", "a-1.0"]),
        (f"a = ['{'x' * 40}', '{'y' * 41}']", [f"a-{'x' * 40}", "a-a1"]),
        ("a = [[1, 2], [3]]", ["a-_1__2_", "a-_3_"]),
        ("a = [1979-05-27]", ["a-1979-05-27"]),
        (
            "a = ['x', 'x-b-y']\nb = ['y-b-z', 'z']",
            [
                "a-x-b-y-b-z",
                "a-x-b-z",
                "a-a1-b-y-b-z",
                "a-a1-b-z",
            ],
        ),
        ("a = ['x', 'x-b']\nb = ['b-z', 'z']", ["a-x-b-b-z", "a-x-b-z", "a-a1-b-b-z", "a-a1-b-z"]),
        ("a = []", []),
        ("", []),
    ],
)
def test_labels_of_cases(table: str, labels: list[str]) -> None:
    assert case_labels(axes_of(table)) == labels


def test_every_label_is_one_case_however_hostile_the_values() -> None:
    texts = [
        "",
        "-",
        "x",
        "x-b",
        "x-b-",
        "x-b-y",
        "-b-",
        "b",
        "x_b",
        "x b",
        "b-x-c",
        "c",
        "0",
        "-c",
    ]
    axes = [Axis((name,), tuple((text,) for text in texts)) for name in ("a", "b", "b-x", "c")]
    labels = case_labels(axes)
    assert len(set(labels)) == len(labels) == len(texts) ** 4
    assert {character for label in labels for character in label} <= set(
        "abcdefghijklmnopqrstuvwxyz0123456789_.+-"
    )


def test_zipped_names_share_an_axis() -> None:
    axes = [Axis(("lr", "wd"), ((1, 0.5), (1, 0.1), (2, "a b"), (2, "a_b"))), Axis(("n",), ((1,),))]
    assert case_labels(axes) == [
        "lr-1-wd-0.5-n-1",
        "lr-1-wd-0.1-n-1",
        "lr-lr2-wd-wd2-n-1",
        "lr-lr3-wd-wd3-n-1",
    ]


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_values_without_a_text_of_their_own_go_by_their_place() -> None:
    values = (Hostile(), object(), len, lambda: 1, 10**5000, 2)
    axes = [Axis(("a",), tuple((value,) for value in values))]
    assert case_labels(axes) == ["a-a0", "a-a1", "a-_built-in_function_len_", "a-a3", "a-a4", "a-2"]


def test_a_case_count_that_nobody_lists_is_unknown(tmp_path: Path) -> None:
    source = "import expt\n@expt.sweep(a=range(1000), b=range(1000))\n" + TWO
    experiment = only(find(tmp_path, {"a.py": source}))
    assert select_experiments([experiment]).case_ids == ("a.py::experiment_x[?]",)


@pytest.mark.parametrize("swept", ["a=range(10_000)", "a=range(100), b=range(100)"])
def test_ten_thousand_cases_are_listed_and_one_more_is_not(tmp_path: Path, swept: str) -> None:
    for source, count in ((swept, 10_000), (swept.replace("a=range(1", "a=range(2"), 1)):
        text = f"import expt\n@expt.sweep({source})\n{TWO}"
        experiment = only(find(tmp_path, {"a.py": text}))
        assert len(select_experiments([experiment]).case_ids) == count


@pytest.mark.parametrize(
    ("weaker", "stronger", "names"),
    [
        ([("a",), ("b",)], [("c",)], [("a",), ("b",), ("c",)]),
        ([("a",), ("b",)], [("a",)], [("b",), ("a",)]),
        ([("a", "b")], [("b",)], [("a",), ("b",)]),
        ([("a",), ("b",), ("c",)], [("a", "b")], [("c",), ("a", "b")]),
    ],
)
def test_stronger_axes_replace_weaker_ones(
    weaker: list[tuple[str, ...]], stronger: list[tuple[str, ...]], names: list[tuple[str, ...]]
) -> None:
    def axes(named: list[tuple[str, ...]]) -> list[Axis]:
        return [Axis(one, (tuple(range(len(one))),)) for one in named]

    assert [axis.names for axis in merge_axes(axes(weaker), axes(stronger))] == names


# Selection


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a.py", ("a.py", None, None)),
        ("a/b", ("a/b", None, None)),
        ("a.py::experiment_x", ("a.py", "experiment_x", None)),
        ("a.py::experiment_x[lr-0.1]", ("a.py", "experiment_x", "lr-0.1")),
        ("a.py::experiment_x[?]", ("a.py", "experiment_x", None)),
        ("a/b::experiment_x", ("a/b", "experiment_x", None)),
        ("d[1]/a.py::experiment_x[a]", ("d[1]/a.py", "experiment_x", "a")),
        ("e::f/a.py::experiment_x", ("e::f/a.py", "experiment_x", None)),
        ("a.py::", ("a.py::", None, None)),
    ],
)
def test_a_node_id_is_split(text: str, parts: tuple[str, str | None, str | None]) -> None:
    assert split_node_id(text) == parts


@pytest.mark.parametrize(
    ("text", "placed"),
    [
        ("a.py::experiment_x[b]", "e/a.py::experiment_x[b]"),
        ("../a.py::experiment_x", "a.py::experiment_x"),
        ("/root/e/a.py", "e/a.py"),
        ("..", "."),
    ],
)
def test_a_node_id_is_placed_below_the_root(text: str, placed: str) -> None:
    assert place_node_id(text, Path("/root/e"), Path("/root")) == placed


TREE: dict[str, str | bytes] = {
    "e/params.toml": "[expt]\nmarks = ['tree']",
    "e/vision/mnist.py": """
    import expt

    @expt.mark.slow
    @expt.sweep(lr=[0.1, 0.01], seed=[0, 1, 2])
    def experiment_train(lr, seed): pass

    def experiment_test(): pass
    """,
    "e/computed.py": """
    import expt

    @expt.sweep(lr=values)
    def experiment_computed(lr): pass
    """,
    "e/decorated.py": """
    @decorate
    def experiment_decorated(): pass
    """,
    "e/big/params.toml": "[expt]\nextends = '../vision/mnist.py::experiment_test'",
}


@pytest.fixture
def tree(tmp_path: Path) -> Found:
    found = find(tmp_path, TREE)
    assert ids(found) == [
        "e/big::experiment_test",
        "e/computed.py::experiment_computed",
        "e/decorated.py::experiment_decorated",
        "e/vision/mnist.py::experiment_train",
        "e/vision/mnist.py::experiment_test",
    ]
    return found


def select(found: Found, keyword: str = "", marks: str = "", **options: Any) -> list[str]:
    selected = select_experiments(
        found.experiments,
        Conditions(compile_expression(keyword, "-k"), compile_expression(marks, "-m"), **options),
    )
    kept = selected.experiments
    assert len(kept) + selected.left_out == len(found.experiments)
    return [experiment.id.partition("::")[2].removeprefix("experiment_") for experiment in kept]


def test_names_that_k_sees(tree: Found) -> None:
    train = tree.experiments[3]
    assert keyword_names(train) == (
        "e",
        "vision",
        "mnist.py",
        "experiment_train",
        "slow",
        "tree",
        "e/vision/mnist.py::experiment_train",
    )
    assert case_names(train, "lr-0.1-seed-0") == (
        "e/vision/mnist.py::experiment_train[lr-0.1-seed-0]",
        "slow",
        "tree",
    )
    assert keyword_names(tree.experiments[0])[:2] == ("e", "big")


@pytest.mark.parametrize(
    ("keyword", "kept"),
    [
        ("", ["test", "computed", "decorated", "train", "test"]),
        ("train", ["computed", "decorated", "train"]),
        ("TRAIN and mnist.py", ["computed", "decorated", "train"]),
        ("vision and not slow", ["computed", "decorated", "test"]),
        ("big", ["test", "computed", "decorated"]),
        ("tree and slow", ["computed", "decorated", "train"]),
        ("not tree", []),
        ("not (computed or decorated) and train", ["train"]),
        ("lr-0.1 and seed-2 and train", ["computed", "decorated", "train"]),
        ("lr-0.1 and lr-0.01", ["computed", "decorated"]),
        ("not computed and lr-0.5", ["decorated"]),
        ("not computed and not decorated and not seed-2", ["test", "train", "test"]),
        ("mnist.py::experiment_train[lr-0.1-seed-0]", ["computed", "decorated", "train"]),
    ],
)
def test_k_keeps_what_it_cannot_exclude(tree: Found, keyword: str, kept: list[str]) -> None:
    assert select(tree, keyword) == kept


@pytest.mark.parametrize(
    ("marks", "kept"),
    [
        ("slow", ["decorated", "train"]),
        ("not slow", ["test", "computed", "decorated", "test"]),
        ("tree", ["test", "computed", "decorated", "train", "test"]),
        ("tre", ["decorated"]),
    ],
)
def test_m_is_about_whole_names_of_marks(tree: Found, marks: str, kept: list[str]) -> None:
    assert select(tree, marks=marks) == kept


@pytest.mark.parametrize(
    ("node_ids", "kept"),
    [
        (["e/vision/mnist.py::experiment_train"], ["test", "computed", "decorated", "train"]),
        (
            ["e/vision/mnist.py::experiment_train", "e/vision/mnist.py::experiment_test"],
            ["test", "computed", "decorated", "train", "test"],
        ),
        (
            ["e/vision/mnist.py::experiment_train[lr-0.1-seed-0]"],
            ["test", "computed", "decorated", "train"],
        ),
        (
            ["e/computed.py::experiment_computed[lr-1]"],
            ["test", "computed", "decorated", "train", "test"],
        ),
        (["e/big::experiment_test"], ["test", "computed", "decorated", "train", "test"]),
        (
            ["e", "e/vision/mnist.py::experiment_train"],
            ["test", "computed", "decorated", "train", "test"],
        ),
        (
            [".", "e/vision/mnist.py::experiment_train"],
            ["test", "computed", "decorated", "train", "test"],
        ),
        (
            ["e/vision/mnist.py", "e/vision/mnist.py::experiment_train"],
            ["test", "computed", "decorated", "train", "test"],
        ),
    ],
)
def test_a_node_id_is_about_the_experiments_of_its_file(
    tree: Found, node_ids: list[str], kept: list[str]
) -> None:
    assert select(tree, node_ids=node_ids) == kept


def test_a_node_id_of_a_folder_is_not_about_what_is_below_it(tmp_path: Path) -> None:
    files = {
        "m.py": BASE,
        "big/params.toml": "[expt]\nextends = '../m.py::experiment_train'",
        "big/n.py": ONE,
        "big/below/n.py": ONE,
    }
    found = find(tmp_path, {**files}, "big")
    assert select(found, node_ids=["big::experiment_train"]) == ["train"]
    assert select(found, node_ids=["big::experiment_train", "big/below"]) == ["x", "train"]


@pytest.mark.parametrize(
    ("node_id", "error"),
    [
        (
            "e/vision/mnist.py::experiment_trian",
            (
                "there is no experiment 'experiment_trian' in 'e/vision/mnist.py'\n"
                "  at e/vision/mnist.py::experiment_trian\n"
                "  did you mean 'experiment_train' or 'experiment_test'?"
            ),
        ),
        (
            "e/vision/mnist.py::zzz",
            (
                "there is no experiment 'zzz' in 'e/vision/mnist.py'\n"
                "  at e/vision/mnist.py::zzz\n  there is: experiment_test, experiment_train"
            ),
        ),
        (
            "e/none.py::zzz",
            "there is no experiment 'zzz' in 'e/none.py'\n  at e/none.py::zzz\n  there is none",
        ),
        (
            "e/vision/mnist.py::experiment_train[lr-0.1-seed-9]",
            (
                "'e/vision/mnist.py::experiment_train' has no case [lr-0.1-seed-9]\n"
                "  at e/vision/mnist.py::experiment_train[lr-0.1-seed-9]\n"
                "  did you mean 'lr-0.1-seed-2' or 'lr-0.1-seed-1' or 'lr-0.1-seed-0'?"
            ),
        ),
        (
            "e/vision/mnist.py::experiment_test[x]",
            (
                "'e/vision/mnist.py::experiment_test' has no case [x]\n"
                "  at e/vision/mnist.py::experiment_test[x]\n  there is none"
            ),
        ),
    ],
)
def test_a_node_id_that_names_nothing_is_refused(tree: Found, node_id: str, error: str) -> None:
    with pytest.raises(UsageError) as caught:
        select(tree, node_ids=[node_id])
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("deselect", "kept"),
    [
        (["e/vision"], ["test", "computed", "decorated"]),
        (["e/vision/mnist.py::experiment_t"], ["test", "computed", "decorated"]),
        (
            ["e/vision/mnist.py::experiment_train[lr-0.1-"],
            ["test", "computed", "decorated", "train", "test"],
        ),
        (
            [
                "e/vision/mnist.py::experiment_train[lr-0.1-",
                "e/vision/mnist.py::experiment_train[lr-0.0",
            ],
            ["test", "computed", "decorated", "test"],
        ),
        (
            ["e/computed.py::experiment_computed[lr-1]"],
            ["test", "computed", "decorated", "train", "test"],
        ),
        (["vision"], ["test", "computed", "decorated", "train", "test"]),
    ],
)
def test_deselect_takes_beginnings_of_node_ids(
    tree: Found, deselect: list[str], kept: list[str]
) -> None:
    assert select(tree, deselect=deselect) == kept


@pytest.mark.parametrize(
    ("label", "options", "meant"),
    [
        ("lr-0.1-seed-0", {}, True),
        ("lr-0.1-seed-0", {"keyword": "lr-0.1 and slow"}, True),
        ("lr-0.1-seed-0", {"keyword": "lr-0.01"}, False),
        ("lr-0.1-seed-0", {"keyword": "not seed-2"}, True),
        ("lr-0.1-seed-0", {"marks": "slow and tree"}, True),
        ("lr-0.1-seed-0", {"marks": "fast"}, False),
        (
            "lr-0.1-seed-0",
            {"node_ids": ["e/vision/mnist.py::experiment_train[lr-0.1-seed-0]"]},
            True,
        ),
        (
            "lr-0.1-seed-1",
            {"node_ids": ["e/vision/mnist.py::experiment_train[lr-0.1-seed-0]"]},
            False,
        ),
        ("lr-0.1-seed-1", {"node_ids": ["e/vision/mnist.py::experiment_train"]}, True),
        ("lr-0.1-seed-1", {"node_ids": ["e/vision/mnist.py::experiment_test"]}, False),
        ("lr-0.1-seed-1", {"deselect": ["e/vision/mnist.py::experiment_train[lr-0.1-"]}, False),
        ("lr-0.01-seed-1", {"deselect": ["e/vision/mnist.py::experiment_train[lr-0.1-"]}, True),
    ],
)
def test_a_case_is_asked_the_same_when_everything_is_known(
    tree: Found, label: str, options: dict[str, Any], meant: bool
) -> None:
    compiled = {
        name: compile_expression(value, "-k" if name == "keyword" else "-m")
        if name in ("keyword", "marks")
        else value
        for name, value in options.items()
    }
    assert matches_case(tree.experiments[3], label, Conditions(**compiled)) is meant


def test_marks_that_were_unknown_are_final_for_a_case(tree: Found) -> None:
    decorated = tree.experiments[2]
    meant = Conditions(marks=compile_expression("slow", "-m"))
    assert matches_case(decorated, None, meant) is False


@pytest.mark.parametrize(("ending", "is_unsure"), [("[lr-", True), ("_other", False)])
def test_an_experiment_whose_cases_are_unknown_may_be_left_out_whole(
    tree: Found, ending: str, is_unsure: bool
) -> None:
    decorated = tree.experiments[2]
    selected = select_experiments([decorated], Conditions(deselect=(f"{decorated.id}{ending}",)))
    assert selected.experiments == (decorated,)
    assert (decorated.id in selected.unsure) is is_unsure


def test_an_axis_without_points_is_left_to_planning(tmp_path: Path) -> None:
    found = find(tmp_path, {"a.py": f"import expt\n@expt.sweep(a=[])\n{ONE}"})
    assert select(found, "x") == ["x"]


def test_mistakes_are_all_told(tmp_path: Path) -> None:
    found = find(tmp_path, {"a.py": "def experiment_x(:", "b.py": "async def experiment_y(): pass"})
    assert all(isinstance(mistake, ExptError) for mistake in found.mistakes)
    assert [mistake.at for mistake in found.mistakes] == ["a.py:1", "b.py:1"]
