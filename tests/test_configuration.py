"""The root directory is the one that the docs name; a configuration is right, or told by line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from expt.ground.configuration import find_root, read_configuration
from expt.ground.errors import ConfigurationError


def write_tree(root: Path, *names: str) -> Path:
    """Make files (with content after `=`) and, for a name that ends in a slash, folders."""
    for name in names:
        path, _, content = name.partition("=")
        target = root / path
        if path.endswith("/"):
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
    return root


@pytest.mark.parametrize(
    ("names", "paths", "cwd", "root"),
    [
        # the nearest expt.toml or [tool.expt], also above a nearer pyproject.toml or .git
        (["a/expt.toml=", "a/b/pyproject.toml=", "a/b/c/"], ["a/b/c"], ".", "a"),
        (["a/pyproject.toml=[tool.expt]", "a/b/.git/", "a/b/c/"], ["a/b/c"], ".", "a"),
        (["a/expt.toml=", "a/b/expt.toml=", "a/b/c/"], ["a/b/c"], ".", "a/b"),
        (["a/expt.toml=", "a/b/pyproject.toml=tool.expt.render=true"], ["a/b"], ".", "a/b"),
        # else the nearest pyproject.toml or .git
        (["a/pyproject.toml=", "a/b/.git/", "a/b/c/"], ["a/b/c"], ".", "a/b"),
        (["a/pyproject.toml=[tool.black]", "a/b/c/"], ["a/b/c"], ".", "a"),
        (["a/.git=gitdir: elsewhere", "a/b/"], ["a/b"], ".", "a"),
        # a pyproject.toml that is broken: ours only where it mentions us
        (["a/expt.toml=", "a/b/pyproject.toml=[tool.expt]\nx = "], ["a/b"], ".", "a/b"),
        (["a/expt.toml=", "a/b/pyproject.toml=[tool.black]\nx = expt"], ["a/b"], ".", "a"),
        # from the common parent of the paths
        (["a/expt.toml=", "a/b/expt.toml=", "a/b/x.py=", "a/c/"], ["a/b/x.py", "a/c"], ".", "a"),
        (["a/expt.toml=", "a/b/expt.toml=", "a/b/x.py="], ["a/b/x.py"], ".", "a/b"),
        (["a/expt.toml=", "a/b/"], ["a/b/gone/x.py"], ".", "a"),
        (["a/expt.toml=", "a/b/"], ["../b"], "a/b", "a"),
        (["a/b/expt.toml="], [], "a/b", "a/b"),
        # else the working directory where it contains them, else their common parent
        (["a/b/c/x.py="], ["b/c/x.py"], "a", "a"),
        (["a/b/c/x.py="], ["."], "a/b/c", "a/b/c"),
        (["a/b/x.py=", "c/"], ["../a/b"], "c", "a/b"),
        (["a/b/x.py=", "a/d/", "c/"], ["../a/b", "../a/d"], "c", "a"),
    ],
)
def test_the_root_directory(
    tmp_path: Path, names: list[str], paths: list[str], cwd: str, root: str
) -> None:
    write_tree(tmp_path, *names)
    assert find_root([Path(path) for path in paths], tmp_path / cwd) == tmp_path / root


def test_a_root_above_a_folder_that_cannot_be_read_is_found(tmp_path: Path) -> None:
    write_tree(tmp_path, "a/expt.toml=", "a/b/c/")
    os.mkfifo(tmp_path / "a/b/pyproject.toml")
    assert find_root([tmp_path / "a/b/c"], tmp_path) == tmp_path / "a"


WHOLE: dict[str, Any] = {
    "paths": ["experiments", "more"],
    "runs": "out",
    "ignore": ["*_old.py"],
    "addopts": ["-n", "2"],
    "plugins": ["no:terminal"],
    "render": False,
    "timeout": 1.5,
    "plots": {"style": "ggplot"},
    "notify": {"bell": True, "webhook": "https://example.org"},
}
WHOLE_TEXT = """
paths = ["experiments", "more"]
runs = "out"
ignore = ["*_old.py"]
addopts = ["-n", "2"]
plugins = ["no:terminal"]
render = false
timeout = 1.5
plots.style = "ggplot"
notify = { bell = true, webhook = "https://example.org" }
"""


def test_every_key_is_read_from_pyproject_toml(tmp_path: Path) -> None:
    write_tree(tmp_path, f"pyproject.toml=[project]\nname = 'x'\n[tool.expt]{WHOLE_TEXT}")
    read = read_configuration(tmp_path)
    assert (read.root, read.file, read.values) == (tmp_path, tmp_path / "pyproject.toml", WHOLE)


def test_every_key_is_read_from_the_top_level_of_expt_toml(tmp_path: Path) -> None:
    write_tree(tmp_path, "pyproject.toml=[tool.black]", f"expt.toml={WHOLE_TEXT}")
    read = read_configuration(tmp_path)
    assert (read.root, read.file, read.values) == (tmp_path, tmp_path / "expt.toml", WHOLE)


@pytest.mark.parametrize("names", [[], ["pyproject.toml="], ["pyproject.toml=tool = 1"]])
def test_no_configuration_is_an_empty_one(tmp_path: Path, names: list[str]) -> None:
    read = read_configuration(write_tree(tmp_path, *names))
    assert (read.file, read.values) == (None, {})


KEYS = (
    "addopts, executors, ignore, log_level, mirror, notify, paths, plots, plugins, render, runs, "
    "timeout"
)


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        (
            "pyproject.toml",
            "[project]\npathss = 1\n\n[tool.expt]\nrender = true\npathss = []\n",
            (
                "unknown key 'pathss' in [tool.expt]\n  at pyproject.toml:6\n"
                f"  did you mean 'paths'?\n  [tool.expt] may have: {KEYS}"
            ),
        ),
        (
            "expt.toml",
            "# zzz = 1\nzzz = 1\n",
            f"unknown key 'zzz' in expt.toml\n  at expt.toml:2\n  expt.toml may have: {KEYS}",
        ),
        (
            "expt.toml",
            "[tool.expt]\nrender = true",
            (
                "unknown key 'tool' in expt.toml\n  at expt.toml:1\n"
                "  in expt.toml the keys stand at the top level"
            ),
        ),
        (
            "expt.toml",
            "\n[plots]\nstile = 'x'",
            (
                "unknown key 'stile' in [plots]\n  at expt.toml:3\n"
                "  did you mean 'style'?\n  [plots] may have: style"
            ),
        ),
        (
            "pyproject.toml",
            "[tool.expt]\nplots.style = 3",
            "'style' in [tool.expt.plots] must be a text, not 3\n  at pyproject.toml:2",
        ),
        (
            "pyproject.toml",
            "[tool.expt]\nplots = 'dark'",
            "'plots' must be a table, not 'dark'\n  at pyproject.toml:2\n  write [tool.expt.plots]",
        ),
        (
            "pyproject.toml",
            "[tool]\nexpt = 3",
            "'expt' must be a table, not 3\n  at pyproject.toml:2\n  write [tool.expt]",
        ),
        (
            "expt.toml",
            "paths = 'experiments'",
            (
                "'paths' in expt.toml must be a list of texts, not 'experiments'\n"
                '  at expt.toml:1\n  write paths = ["experiments"]'
            ),
        ),
        (
            "expt.toml",
            "addopts = ['-n', 2]",
            "'addopts' in expt.toml must be a list of texts, not ['-n', 2]\n  at expt.toml:1",
        ),
        ("expt.toml", "runs = ''", "'runs' in expt.toml must be a text, not ''\n  at expt.toml:1"),
        (
            "expt.toml",
            'runs = "a\\u0000"',
            "'runs' in expt.toml must be a text, not 'a\\x00'\n  at expt.toml:1",
        ),
        (
            "expt.toml",
            "render = 1",
            "'render' in expt.toml must be true or false, not 1\n  at expt.toml:1",
        ),
        *(
            (
                "expt.toml",
                f"timeout = {typed}",
                (
                    f"'timeout' in expt.toml must be a number of seconds above 0, not {shown}\n"
                    "  at expt.toml:1"
                ),
            )
            for typed, shown in [("0", "0"), ("true", "True"), ("nan", "nan"), ("inf", "inf")]
        ),
        (
            "expt.toml",
            "a = 1\na = 2",
            "this is not TOML: cannot overwrite a value\n  at expt.toml:2",
        ),
        (
            "pyproject.toml",
            "a = 1\nb = " + "[" * 5000,
            "values are nested more than 100 deep\n  at pyproject.toml",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(
    tmp_path: Path, file: str, content: str, told: str
) -> None:
    (tmp_path / file).write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(tmp_path)
    assert str(caught.value) == told


def test_two_configurations_are_one_too_many(tmp_path: Path) -> None:
    write_tree(tmp_path, "pyproject.toml=\n[tool.expt]\nrender = true", "expt.toml=")
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(tmp_path)
    assert str(caught.value) == (
        "both expt.toml and pyproject.toml configure expt\n  at pyproject.toml:2\n"
        "  keep one: expt.toml, or [tool.expt] in pyproject.toml"
    )


@pytest.mark.parametrize("name", ["pyproject.toml", "expt.toml"])
def test_what_is_no_file_is_told(tmp_path: Path, name: str) -> None:
    write_tree(tmp_path, f"{name}/")
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(tmp_path)
    assert str(caught.value) == (f"this is a folder, where a TOML file is expected\n  at {name}")


def test_a_dangling_link_is_told(tmp_path: Path) -> None:
    (tmp_path / "expt.toml").symlink_to("gone")
    assert find_root([tmp_path], tmp_path) == tmp_path
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(tmp_path)
    assert str(caught.value) == (
        "this file cannot be read: No such file or directory\n  at expt.toml"
    )
