"""The surroundings of a run are told truly, quickly, and without touching or executing anything."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from expt.archive.git import PATCH_CAP, take_patch, without_credentials
from expt.archive.snapshot import find_driver, static_closure, take_environment, take_surroundings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def own_git(tmp_path, monkeypatch):
    """No configuration but the tests' own; a repository above the test's folder is not seen."""
    for name in list(os.environ):
        if name.startswith("GIT_"):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    git(root, "config", "user.email", "a@example.org")
    git(root, "config", "user.name", "A")
    (root / "a.py").write_text("x = 1\n")
    (root / "data.csv").write_text("1,2\n")
    (root / ".env").write_text("KEY=1\n")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    return root


def git(root: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *words],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


# The environment


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("NVIDIA UNIX x86_64 Kernel Module  535.54.03  Tue Jun  6 22:20:39 UTC", "535.54.03"),
        ("NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build", "580.159.04"),
        ("NVIDIA UNIX Open Kernel Module for aarch64  570.86  Release Build", "570.86"),
        ("", None),
    ],
)
def test_the_driver_of_a_gpu_is_told_by_either_kernel_module(line, version):
    assert find_driver(f"NVRM version: {line}\nGCC version:  gcc version 15.3.0\n") == version


def test_the_environment_is_strict_json_of_plain_values(tmp_path):
    environment = take_environment(tmp_path)
    assert json.loads(json.dumps(environment, allow_nan=False)) == environment
    assert list(environment) == [
        *("python", "implementation", "executable", "platform", "machine", "cpu", "memory"),
        *("accelerators", "packages", "git", "variables"),
    ]
    assert environment["python"] == platform.python_version()
    assert environment["cpu"]["count"] == os.cpu_count()
    assert environment["memory"] > 1 << 20


def test_installed_packages_have_the_versions_that_the_metadata_tells(tmp_path):
    from importlib.metadata import version

    packages = take_environment(tmp_path)["packages"]
    for name in ("numpy", "attrs", "pytest", "tomli-w"):
        assert packages[name] == version(name)


def test_packages_are_read_where_the_folders_name_does_not_tell(tmp_path, monkeypatch):
    folder = tmp_path / "lib"
    (folder / "My.Package.egg-info").mkdir(parents=True)
    (folder / "My.Package.egg-info" / "PKG-INFO").write_text("Name: x\nVersion: 2.5\n")
    (folder / "other-1.0-py3.11.egg-info").write_text("Version: 1.0\n")
    (folder / "broken.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(folder), str(tmp_path / "gone")])
    assert take_environment(tmp_path)["packages"] == {
        "broken": "",
        "my-package": "2.5",
        "other": "1.0",
    }


def test_of_two_installed_versions_the_one_that_is_imported_counts(tmp_path, monkeypatch):
    for folder, version in (("near", "1.0"), ("far", "2.0")):
        (tmp_path / folder / f"thing-{version}.dist-info").mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "near"), str(tmp_path / "far")])
    assert take_environment(tmp_path)["packages"] == {"thing": "1.0"}


def test_variables_are_kept_by_an_allow_list(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES_TOKEN", "sesame")
    monkeypatch.setenv("MY_CUDA_VISIBLE_DEVICES", "sesame")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sesame")
    variables = take_environment(tmp_path)["variables"]
    assert (variables["CUDA_VISIBLE_DEVICES"], variables["OMP_NUM_THREADS"]) == ("1", "4")
    assert "sesame" not in variables.values()


# Git


def test_commit_branch_and_remote(repository):
    git(repository, "remote", "add", "other", "https://example.org/b.git")
    git(repository, "remote", "add", "origin", "https://me:token@example.org/a.git")
    assert take_environment(repository)["git"] == {
        "commit": git(repository, "rev-parse", "HEAD"),
        "branch": "main",
        "dirty": False,
        "remote": "https://example.org/a.git",
    }
    assert take_patch(repository) == b""


def test_a_change_of_a_tracked_file_is_dirty_and_an_untracked_file_is_not(repository):
    (repository / "new.py").write_text("")
    assert take_environment(repository)["git"]["dirty"] is False
    (repository / "a.py").write_text("x = 2\n")
    assert take_environment(repository)["git"]["dirty"] is True


def test_a_folder_below_the_repository_and_a_detached_head(repository):
    (repository / "sub").mkdir()
    git(repository, "checkout", "-q", "--detach")
    told = take_environment(repository / "sub")["git"]
    assert (told["branch"], told["commit"]) == (None, git(repository, "rev-parse", "HEAD"))


def test_no_repository(tmp_path):
    assert take_environment(tmp_path)["git"] is None
    assert take_patch(tmp_path) == b""


def test_no_git(repository, monkeypatch):
    monkeypatch.setenv("PATH", str(repository))
    assert take_environment(repository)["git"]["problem"] == "git is not installed"
    assert take_patch(repository) == b""


def test_nothing_committed_yet(tmp_path):
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a.py").write_text("x = 1\n")
    told = take_environment(tmp_path)["git"]
    assert (told["commit"], told["branch"], told["dirty"]) == (None, "main", False)
    git(tmp_path, "add", "a.py")
    (tmp_path / "a.py").write_text("x = 2\n")
    assert take_environment(tmp_path)["git"]["dirty"] is True
    assert b"+x = 2" in take_patch(tmp_path)


def test_a_bare_repository(tmp_path):
    git(tmp_path, "init", "-q", "--bare")
    told = take_environment(tmp_path)["git"]
    assert told["problem"] == "fatal: this operation must be run in a work tree"
    assert take_patch(tmp_path) == b""


@pytest.mark.parametrize(
    ("is_there", "is_changed", "asked"),
    [(False, False, []), (True, False, ["config", "status"]), (True, True, ["diff"])],
    ids=["no repository", "clean", "changed"],
)
def test_git_is_asked_no_more_than_it_takes(
    tmp_path, repository, monkeypatch, is_there, is_changed, asked
):
    place = repository if is_there else tmp_path
    if is_changed:
        (repository / "a.py").write_text("x = 3\n")
        asked = ["config", "status", "diff"]
    elsewhere = tmp_path / "bin"
    elsewhere.mkdir()
    log = tmp_path / "asked"
    log.touch()
    wrapper = elsewhere / "git"
    git_itself = shutil.which("git")
    wrapper.write_text(
        "#!/bin/sh\n"
        'for word in "$@"; do\n'
        f"case $word in config|status|diff|hash-object) echo $word >> {log}; break;; esac\n"
        "done\n"
        f'exec {git_itself} "$@"\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{elsewhere}:{os.environ['PATH']}")
    environment, patch = take_surroundings(place)
    assert log.read_text().split() == asked
    assert (environment["git"] is not None) == is_there
    assert bool(patch) == is_changed


def test_the_platform_is_told_as_python_tells_it(tmp_path):
    assert take_environment(tmp_path)["platform"] == platform.platform()


def test_a_damaged_repository(repository):
    (repository / ".git" / "index").write_bytes(b"nonsense")
    assert "problem" in take_environment(repository)["git"]
    assert take_patch(repository) == b""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_repository_that_git_distrusts(repository):
    for place in (repository, repository / ".git"):
        os.chown(place, 12345, 12345)
    assert "dubious ownership" in take_environment(repository)["git"]["problem"]
    assert take_patch(repository) == b""


def test_variables_of_git_do_not_lead_to_another_repository(repository, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q", "-b", "wrong")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert take_environment(repository)["git"]["branch"] == "main"


def test_nothing_that_the_configuration_names_is_executed(repository):
    trap = repository.parent / "trap"
    program = repository.parent / "program"
    program.write_text(f"#!/bin/sh\necho $0 $* >> {trap}\ncat\n")
    program.chmod(0o755)
    hooks = repository.parent / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "fsmonitor-watchman", "pre-commit"):
        shutil.copy(program, hooks / name)
    (repository / ".gitattributes").write_text("*.py diff=evil filter=evil\n")
    git(repository, "add", ".gitattributes")
    git(repository, "commit", "-q", "-m", "attributes")
    for key in (
        *("core.fsmonitor", "core.pager", "pager.diff", "pager.status", "diff.external"),
        *("diff.evil.command", "diff.evil.textconv", "filter.evil.clean", "filter.evil.smudge"),
        *("filter.evil.process", "core.sshCommand", "core.editor", "credential.helper"),
    ):
        git(repository, "config", key, str(program))
    git(repository, "config", "core.hooksPath", str(hooks))
    git(repository, "config", "filter.evil.required", "true")
    trap.unlink(missing_ok=True)
    (repository / "a.py").write_text("x = 2\n")
    assert take_environment(repository)["git"]["dirty"] is True
    assert b"-x = 1\n+x = 2\n" in take_patch(repository)
    assert not trap.exists()


def test_the_index_and_the_work_tree_are_not_touched(repository):
    (repository / "a.py").write_text("x = 1\n")  # another time stamp: the index is out of date
    before = {path: path.stat().st_mtime_ns for path in repository.rglob("*")}
    take_environment(repository)
    take_patch(repository)
    assert {path: path.stat().st_mtime_ns for path in repository.rglob("*")} == before


def test_a_submodule_is_told_by_its_commit_alone(repository, tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "b.py").write_text("")
    git(inner, "add", "-A")
    git(inner, "-c", "user.email=a@b", "-c", "user.name=A", "commit", "-q", "-m", "inner")
    git(repository, "submodule", "--quiet", "add", str(inner), "inner")
    git(repository, "commit", "-q", "-m", "inner")
    (repository / "inner" / "b.py").write_text("changed")
    assert take_environment(repository)["git"]["dirty"] is False
    assert take_patch(repository) == b""
    git(repository, "config", "diff.submodule", "log")
    git(repository / "inner", "-c", "user.email=a@b", "-c", "user.name=A", "commit", "-qam", "next")
    assert take_environment(repository)["git"]["dirty"] is True
    commit = git(repository / "inner", "rev-parse", "HEAD")
    assert take_patch(repository).endswith(f"+Subproject commit {commit}\n".encode())


# The patch


@pytest.mark.parametrize(
    "setting",
    [
        *("diff.noprefix=true", "diff.mnemonicPrefix=true", "color.ui=always", "diff.context=0"),
        *("diff.orderFile=nowhere", "diff.submodule=log", "diff.relative=true", "core.quotePath=1"),
        *("diff.colorMoved=zebra", "diff.algorithm=histogram", "diff.wsErrorHighlight=all"),
    ],
)
def test_a_patch_applies_whatever_is_configured(repository, tmp_path, setting):
    (repository / "dönner kebab.py").write_text("a\nb\nc\nd\n")
    (repository / "picture").write_bytes(bytes(range(256)))
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "more")
    (repository / "dönner kebab.py").write_text("a\nb\nX\nd\n")
    (repository / "picture").write_bytes(bytes(reversed(range(256))))
    (repository / "a.py").unlink()
    name, value = setting.split("=")
    git(repository, "config", name, value)
    (tmp_path / "patch").write_bytes(take_patch(repository / "."))
    (repository / "sub").mkdir()
    assert take_patch(repository / "sub") == (tmp_path / "patch").read_bytes()
    git(repository, "config", "--unset", name)
    changed = (repository / "picture").read_bytes()
    git(repository, "checkout", "-q", "--", ".")
    git(repository, "apply", str(tmp_path / "patch"))
    assert (repository / "picture").read_bytes() == changed
    assert (repository / "dönner kebab.py").read_text() == "a\nb\nX\nd\n"
    assert not (repository / "a.py").exists()


def test_a_patch_holds_no_secrets_data_or_archives(repository):
    places = ["deep/.env.local", "deep/Server.KEY", "id_rsa", "x.zip", "deep/w.npy", "ok.py"]
    for place in places:
        (repository / place).parent.mkdir(exist_ok=True)
        (repository / place).write_text("before\n")
    git(repository, "add", "-f", *places)
    git(repository, "commit", "-q", "-m", "more")
    for place in [*places, ".env", "data.csv"]:
        (repository / place).write_text(f"changed {place}\n")
    patch = take_patch(repository)
    assert patch.count(b"diff --git") == 1
    assert b"+changed ok.py" in patch


def test_a_large_patch_is_cut_after_a_file_and_says_so(repository):
    (repository / "b.py").write_text("")
    git(repository, "add", "b.py")
    (repository / "a.py").write_text("x = 2\n")
    (repository / "b.py").write_text("x = 1234567\n" * (PATCH_CAP // 10))
    first, second, *rest = take_patch(repository).splitlines()
    assert (
        first == b"# Uncommitted changes of tracked files, without secrets, keys, data and archives"
    )
    assert second == f"# Cut: they take more than {PATCH_CAP} bytes".encode()
    assert rest[-1] == b"+x = 2"


# Remotes and command lines


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/a.git", "https://example.org/a.git"),
        ("https://user:pass@example.org/a.git", "https://example.org/a.git"),
        ("https://ghp_token@example.org:8080/a", "https://example.org:8080/a"),
        ("https://us@er:pa@ss@example.org/a@b", "https://example.org/a@b"),
        ("https://example.org/a?access_token=x", "https://example.org/a"),
        ("ssh://git@example.org/a", "ssh://git@example.org/a"),
        ("ssh://git:pass@example.org/a", "ssh://example.org/a"),
        ("git@example.org:team/a.git", "git@example.org:team/a.git"),
        ("/srv/a.git", "/srv/a.git"),
    ],
)
def test_remotes_carry_no_credentials(url, shown):
    assert without_credentials(url) == shown


# The closure of imports


def test_the_closure_follows_every_kind_of_import(tmp_path):
    files = {
        "experiments/vision/a.py": (
            "import numpy, os\nimport helpers\nfrom . import near\nfrom ..common import far\n"
            "from tools.deep import *\nimport mypackage.core\n"
            "def f():\n    if 1:\n        import late\n    with x:\n        from sub import inner\n"
            "def g(x):\n    match x:\n        case 1:\n            import matched\n"
            "try:\n    import tried\nexcept ImportError:\n    import excepted\n"
        ),
        "experiments/vision/helpers.py": "import second",
        "experiments/vision/second.py": "import helpers",
        "experiments/vision/near.py": "",
        "experiments/vision/late.py": "syntax error here",
        "experiments/vision/sub/inner.py": "",
        "experiments/vision/matched.py": "",
        "experiments/vision/tried.py": "",
        "experiments/vision/excepted.py": "",
        "experiments/common/__init__.py": "",
        "experiments/common/far.py": "",
        "tools/deep.py": "",
        "src/mypackage/__init__.py": "from .base import x",
        "src/mypackage/base.py": "",
        "src/mypackage/core.py": "import logging",
    }
    unused = {
        "helpers.py": "",
        "experiments/vision/unused.py": "",
        "src/mypackage/logging.py": "",
        "src/mypackage/unused.py": "",
        "numpy/data.txt": "",
    }
    for path, text in {**files, **unused}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    closure = static_closure([tmp_path / "experiments/vision/a.py"], tmp_path)
    assert closure == {
        path: hashlib.sha256(text.encode()).hexdigest() for path, text in sorted(files.items())
    }


def test_the_closure_changes_with_a_file_and_not_with_its_neighbours(tmp_path):
    (tmp_path / "a.py").write_text("import b")
    (tmp_path / "b.py").write_text("")
    before = static_closure([tmp_path / "a.py"], tmp_path)
    (tmp_path / "c.py").write_text("")
    assert static_closure([tmp_path / "a.py"], tmp_path) == before
    (tmp_path / "b.py").write_text("x = 1")
    assert static_closure([tmp_path / "a.py"], tmp_path) != before


def test_a_file_that_is_gone_is_left_out_of_the_closure(tmp_path):
    assert static_closure([tmp_path / "gone.py"], tmp_path) == {}


def test_the_closure_is_what_loading_imports(tmp_path):
    from expt.loading.loader import ModuleLoader

    files = {
        "conftest.py": "",
        "lib/a.py": "import b\nfrom . import c",
        "lib/b.py": "",
        "lib/c.py": "",
        "b.py": "x = 'root'",
        "experiments/__init__.py": "",
        "experiments/e.py": "import b\nimport lib.a\nfrom deep import d",
        "experiments/deep/d.py": "import n",
        "experiments/deep/n.py": "",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    loader = ModuleLoader(tmp_path)
    known = set(sys.modules)
    try:
        for path in ("conftest.py", "experiments/e.py"):
            loader.load(tmp_path / path)
        imported = set(loader.sources)
    finally:
        loader.uninstall()
        for name in set(sys.modules) - known:
            del sys.modules[name]
    loaded = [tmp_path / "conftest.py", tmp_path / "experiments/e.py"]
    assert set(static_closure(loaded, tmp_path)) == imported
    assert "lib/b.py" not in imported  # the root's comes first for a library
