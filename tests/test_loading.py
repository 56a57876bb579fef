"""The user's files are imported by place, each once, and every import means the right one."""

from __future__ import annotations

import importlib
import inspect
import linecache
import os
import pickle
import subprocess
import sys
import textwrap
import traceback
from pathlib import Path

import pytest

from expt.ground.errors import PlanningError
from expt.loading.loader import ModuleLoader


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Writes files below a root directory and gives a loader of it, uninstalled at the end."""
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    built = Tree(tmp_path / "project")
    path, modules = list(sys.path), set(sys.modules)
    yield built
    built.loader.uninstall()
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        place = getattr(sys.modules[name], "__file__", None) or ""
        if place.startswith(str(tmp_path)):
            del sys.modules[name]


class Tree:
    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True)
        self._loader: ModuleLoader | None = None

    @property
    def loader(self) -> ModuleLoader:
        if self._loader is None:
            self._loader = ModuleLoader(self.root)
        return self._loader

    def write(self, path: str, text: str = "") -> Path:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(textwrap.dedent(text))
        return place

    def load(self, path: str, text: str | None = None):
        if text is not None:
            self.write(path, text)
        return self.loader.load(self.root / path)


# Names


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("first_file.py", "first_file"),
        ("experiments/vision/mnist.py", "experiments.vision.mnist"),
        ("experiments/vision/__init__.py", "experiments.vision"),
        ("my experiments/v1.5/a-b.py", "my_experiments.v1_5.a_b"),
        ("experiments/2d.py", "experiments.2d"),
        ("top.py/x.py/a.py", "top_py.x_py.a"),
        ("experiments/x.py/__init__.py", "experiments.x_py"),
        ("src/x.py/a.py", "x_py.a"),
        ("expériences/essai.py", "expériences.essai"),
        ("src/mypackage/core.py", "mypackage.core"),
        ("random.py", "random_2"),
        ("code/train.py", "code_2.train"),
        ("conftest.py", "conftest"),
        ("experiments/conftest.py", "experiments.conftest"),
    ],
)
def test_a_module_is_named_by_its_path_from_the_root(tree, path, name):
    had_conftest = sys.modules.pop("conftest", None)
    module = tree.load(path, "class Model: pass")
    assert module.__name__ == name
    assert sys.modules[name] is module
    assert pickle.loads(pickle.dumps(module.Model)) is module.Model
    assert tree.loader.sources[path].module == name
    if had_conftest:
        sys.modules["conftest"] = had_conftest


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("experiments/a b.py", "experiments/a_b.py"),
        ("experiments/a b/x.py", "experiments/a_b/x.py"),
        ("experiments/x_py/m.py", "experiments/x.py/m.py"),
        ("experiments/vision.py", "experiments/vision/mnist.py"),
        ("experiments/vision.py", "experiments/vision/__init__.py"),
        ("core.py", "src/core.py"),
        ("one/helpers.py", "two/helpers.py"),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_two_files_are_two_modules(tree, first, second, order):
    for path in (first, second):
        tree.write(path, f"PLACE = {path!r}")
    modules = [tree.load(path) for path in (first, second)[::order]]
    assert [module.PLACE for module in modules] == [first, second][::order]
    assert len({module.__name__ for module in modules}) == 2
    for module in modules:
        assert sys.modules[module.__name__] is module


def test_loading_a_file_again_gives_the_same_module(tree):
    first = tree.load("experiments/a.py", "x = []")
    assert tree.load("experiments/a.py") is first


def test_parents_are_real_modules(tree):
    module = tree.load("experiments/vision/mnist.py", "")
    parent = importlib.import_module("experiments.vision")
    assert parent.mnist is module
    assert list(parent.__path__) == [str(tree.root / "experiments" / "vision")]


def test_main_guarded_code_does_not_run(tree):
    module = tree.load("a.py", "ran = False\nif __name__ == '__main__':\n    ran = True")
    assert module.ran is False


def test_a_file_outside_the_root_is_refused(tree, tmp_path):
    (tmp_path / "other.py").write_text("")
    with pytest.raises(PlanningError) as caught:
        tree.loader.load(tmp_path / "other.py")
    assert str(caught.value) == (
        f"'{tmp_path}/other.py' is not below the root directory\n  at {tree.root}"
    )


# Neighbours


def test_each_file_gets_its_own_neighbour(tree):
    for folder in ("one", "two"):
        tree.write(f"experiments/{folder}/helpers.py", f"NAME = {folder!r}")
    text = """
        import helpers
        from helpers import NAME
        import helpers as again
        def late():
            import helpers
            from helpers import NAME
            return helpers.NAME, NAME
    """
    for folder in ("one", "two"):
        module = tree.load(f"experiments/{folder}/a.py", text)
        assert (folder,) * 3 == (module.helpers.NAME, module.NAME, module.again.NAME)
    for folder in ("one", "two"):
        assert sys.modules[f"experiments.{folder}.a"].late() == (folder, folder)
    assert "helpers" not in sys.modules


def test_a_neighbour_is_the_same_module_by_every_spelling(tree):
    tree.write("experiments/vision/helpers.py", "class Net: pass")
    module = tree.load(
        "experiments/vision/a.py",
        """
        import helpers
        from . import helpers as relative
        from .helpers import Net
        import experiments.vision.helpers
        from experiments.vision import helpers as absolute
        """,
    )
    assert module.helpers is module.relative is module.absolute
    assert module.experiments.vision.helpers is module.helpers
    assert module.Net is module.helpers.Net


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        ("import tools.net", "tools.net.NAME"),
        ("import tools.net as n", "n.NAME"),
        ("import tools.net, os", "tools.net.NAME"),
        ("import os, tools.net as a, tools.deep.x", "(a.NAME, tools.deep.x.NAME)[0]"),
        ("from tools import net", "net.NAME"),
        ("from tools.net import NAME as N", "N"),
        ("from tools.net import *", "NAME"),
    ],
)
@pytest.mark.parametrize("package", [True, False])
def test_packages_and_folders_beside_a_file_are_found(tree, statement, value, package):
    tree.write("experiments/tools/net.py", "NAME = 'net'")
    tree.write("experiments/tools/deep/x.py", "NAME = 'x'")
    if package:
        tree.write("experiments/tools/__init__.py", "")
    module = tree.load("experiments/a.py", f"{statement}\nresult = {value}")
    assert module.result == "net"


def test_the_nearest_neighbour_wins_over_the_root_and_installed_packages(tree, tmp_path):
    tree.write("helpers.py", "NAME = 'root'")
    tree.write("experiments/helpers.py", "NAME = 'beside'")
    (tmp_path / "installed").mkdir()
    (tmp_path / "installed" / "helpers.py").write_text("NAME = 'installed'")
    sys.path.insert(0, str(tmp_path / "installed"))
    text = "import helpers\nNAME = helpers.NAME"
    assert tree.load("experiments/a.py", text).NAME == "beside"
    assert tree.load("other/a.py", text).NAME == "root"
    assert tree.load("a.py", text).NAME == "root"


def test_a_file_that_bears_the_name_of_a_library_imports_the_library(tree):
    tree.write("experiments/numpy.py", "import numpy\narray = numpy.zeros(3)")
    assert tree.load("experiments/numpy.py").array.shape == (3,)


def test_an_import_that_could_mean_pythons_own_module_is_refused(tree):
    tree.write("experiments/random.py", "")
    with pytest.raises(PlanningError) as caught:
        tree.load("experiments/walk.py", "import os\n\ndef f():\n    import random\n")
    assert str(caught.value) == (
        "'import random' could mean experiments/random.py or Python's own 'random'\n"
        "  at experiments/walk.py:4\n"
        "  rename experiments/random.py, or write 'from . import random' to mean it"
    )
    assert "experiments.walk" not in sys.modules


def test_an_import_that_could_mean_an_experiment_or_an_installed_library_is_refused(tree):
    tree.write("experiments/numpy.py", "def experiment_speed(): pass")
    with pytest.raises(PlanningError) as caught:
        tree.load("experiments/walk.py", "from numpy import zeros\n")
    assert str(caught.value) == (
        "'import numpy' could mean experiments/numpy.py or the installed 'numpy'\n"
        "  at experiments/walk.py:1\n"
        "  rename experiments/numpy.py, or write 'from . import numpy' to mean it"
    )
    tree.write("experiments/numpy.py", "zeros = 'a helper'")
    assert tree.load("experiments/walk.py").zeros == "a helper"


def test_a_library_of_the_users_may_name_modules_like_pythons_own(tree):
    for folder in ("mylib", "src/other"):
        tree.write(f"{folder}/logging.py", "")
        tree.write(f"{folder}/core.py", "import logging\nlogger = logging.getLogger('x')")
    module = tree.load("experiments/a.py", "from mylib import core\nfrom other import core as c")
    assert module.core.logger is module.c.logger
    assert module.core.__name__ == "mylib.core"


def test_a_folder_of_data_hides_no_library(tree):
    tree.write("experiments/numpy/readme.txt", "")
    tree.write("numpy/data.csv", "")
    tree.write("experiments/logging/run.log", "")
    module = tree.load("experiments/a.py", "import numpy, logging\nx = numpy.ones(2), logging.INFO")
    assert module.x[1] == 20


def test_the_root_and_its_src_are_importable(tree):
    tree.write("tools.py", "def f(): return 1")
    tree.write("src/mypackage/__init__.py", "")
    tree.write("src/mypackage/core.py", "from .base import x")
    tree.write("src/mypackage/base.py", "x = 2")
    module = tree.load(
        "experiments/a.py", "import tools, mypackage.core\nx = tools.f(), mypackage.core.x"
    )
    assert module.x == (1, 2)
    assert importlib.import_module("mypackage.base") is sys.modules["mypackage.base"]
    assert set(tree.loader.sources) == {
        "experiments/a.py",
        "tools.py",
        "src/mypackage/__init__.py",
        "src/mypackage/core.py",
        "src/mypackage/base.py",
    }


def test_one_file_is_one_module_under_two_names(tree):
    tree.write("src/core.py", "class Net: pass\ncount = []")
    module = tree.load("a.py", "import core\nimport src.core\nfrom src import core as third")
    assert module.core is module.src.core is module.third
    assert module.core.__spec__.name == "core"


def test_a_module_can_be_loaded_again_by_hand(tree):
    module = tree.load("experiments/a.py", "x = 1")
    tree.write("experiments/a.py", "x = 2")
    assert importlib.reload(module) is module
    assert module.x == 2
    assert tree.loader.sources["experiments/a.py"].content == b"x = 2"


def test_circular_imports_of_neighbours(tree):
    tree.write("experiments/b.py", "import a\ndef f(): return a.x")
    module = tree.load("experiments/a.py", "import b\nx = 1")
    assert module.b.f() == 1


def test_a_module_made_while_the_run_goes_on_is_found(tree):
    module = tree.load("experiments/a.py", "def late():\n    from . import made\n    return made.x")
    tree.write("experiments/made.py", "x = 5")
    assert module.late() == 5


def test_a_dynamic_import_of_a_neighbour_is_an_error_and_never_another_module(tree):
    tree.write("experiments/helpers.py", "")
    module = tree.load(
        "experiments/a.py", "import importlib\ndef f(): importlib.import_module('helpers')"
    )
    with pytest.raises(ModuleNotFoundError):
        module.f()


# What is installed


@pytest.fixture
def installed(tree, tmp_path):
    """A folder `site-packages` on `sys.path`, before everything else."""
    place = tmp_path / "lib" / "site-packages"
    place.mkdir(parents=True)
    sys.path.insert(0, str(place))
    return place


def test_an_installed_package_of_the_same_name_is_not_confused_with_the_users(tree, installed):
    for name in ("experiments", "tests"):
        (installed / name).mkdir()
        (installed / name / "__init__.py").write_text("raise RuntimeError('the wrong one')")
    tree.write("experiments/helpers.py", "NAME = 'ours'")
    module = tree.load(
        "experiments/a.py",
        "from experiments.helpers import NAME\nimport experiments.helpers\n"
        "from experiments import helpers\nclass Net: pass\nx = experiments.helpers.NAME",
    )
    assert (module.NAME, module.helpers.NAME, module.x) == ("ours",) * 3
    assert pickle.loads(pickle.dumps(module.Net)) is module.Net
    assert tree.load("tests/a.py", "x = 1").x == 1


def test_an_installed_package_of_the_same_name_goes_on_working(tree, installed):
    (installed / "experiments").mkdir()
    (installed / "experiments" / "__init__.py").write_text("from . import core")
    (installed / "experiments" / "core.py").write_text("NAME = 'theirs'")
    (installed / "library.py").write_text(
        "def f():\n    import experiments.core\n    return experiments.core.NAME"
    )
    tree.write("experiments/core.py", "NAME = 'ours'")
    module = tree.load("experiments/a.py", "import core, library\nx = core.NAME, library.f()")
    assert module.x == ("ours", "theirs")


def test_an_installed_copy_that_was_imported_before_is_not_taken_for_the_users(tree, installed):
    (installed / "mypackage.py").write_text("NAME = 'installed'")
    mypackage = importlib.import_module("mypackage")
    tree.write("mypackage.py", "NAME = 'root'")
    module = tree.load("experiments/a.py", "import mypackage\nNAME = mypackage.NAME")
    assert (module.NAME, mypackage.NAME) == ("root", "installed")


def test_an_installed_package_that_was_imported_before_keeps_its_parts(tree, installed):
    (installed / "mypackage").mkdir()
    (installed / "mypackage" / "__init__.py").write_text(
        "def f():\n    import mypackage.core\n    return mypackage.core.NAME"
    )
    (installed / "mypackage" / "core.py").write_text("NAME = 'installed'")
    mypackage = importlib.import_module("mypackage")
    tree.write("mypackage/__init__.py", "")
    tree.write("mypackage/core.py", "NAME = 'root'")
    module = tree.load("experiments/a.py", "import mypackage.core as c\nNAME = c.NAME")
    assert (module.NAME, mypackage.f()) == ("root", "installed")


def test_pythons_own_modules_are_not_hidden_from_others(tree):
    tree.write("colorsys.py", "")
    tree.load("experiments/a.py", "")
    sys.modules.pop("colorsys", None)
    assert "lib/python" in importlib.import_module("colorsys").__file__


def test_sources_of_editable_installs_are_kept_and_installed_ones_are_not(tree, installed):
    outside = tree.root.parent / "elsewhere"
    (outside / "editable" / "sub").mkdir(parents=True)
    (outside / "editable" / "__init__.py").write_text("")
    (outside / "editable" / "sub" / "__init__.py").write_text("")
    (outside / "editable" / "sub" / "part.py").write_text("x = 3")
    (outside / "single.py").write_text("")
    (installed / "ordinary.py").write_text("")
    sys.path.append(str(outside))
    tree.load("a.py", "import editable.sub.part, single, ordinary, json")
    assert {path: source.module for path, source in tree.loader.sources.items()} == {
        "a.py": "a",
        "_outside/editable/__init__.py": "editable",
        "_outside/editable/sub/__init__.py": "editable.sub",
        "_outside/editable/sub/part.py": "editable.sub.part",
        "_outside/single.py": "single",
    }


def test_a_virtual_environment_below_the_root_is_not_the_users(tree):
    place = tree.root / ".venv" / "lib" / "python3" / "site-packages"
    tree.write(".venv/lib/python3/site-packages/installed_there.py", "x = 1")
    sys.path.insert(0, str(place))
    assert tree.load("a.py", "import installed_there\nx = installed_there.x").x == 1
    assert set(tree.loader.sources) == {"a.py"}


def test_an_archives_code_finds_what_was_outside(tree):
    tree.write("_outside/editable/__init__.py", "x = 4")
    assert tree.load("experiments/a.py", "import editable\nx = editable.x").x == 4


# Bytes


def test_the_bytes_that_were_imported_are_kept(tree):
    content = "# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1")
    place = tree.write("experiments/a.py")
    place.write_bytes(content)
    assert tree.load("experiments/a.py").x == "é"
    place.write_text("x = 2")
    source = tree.loader.sources["experiments/a.py"]
    assert (source.path, source.module, source.content) == (
        "experiments/a.py",
        "experiments.a",
        content,
    )


def test_a_function_level_import_is_kept_with_the_bytes_of_its_moment(tree):
    tree.write("experiments/helpers.py", "x = 1")
    module = tree.load("experiments/a.py", "def late():\n    import helpers\n    return helpers.x")
    assert "experiments/helpers.py" not in tree.loader.sources
    tree.write("experiments/helpers.py", "x = 2")
    assert module.late() == 2
    assert tree.loader.sources["experiments/helpers.py"].content == b"x = 2"


def test_stale_compiled_files_are_not_trusted(tree):
    place = tree.write("experiments/a.py", "x = 1")
    stat = place.stat()
    assert tree.load("experiments/a.py").x == 1
    tree.loader.uninstall()
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(tree.root)], check=True)
    place.write_text("x = 2")
    os.utime(place, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert ModuleLoader.load(tree.loader, place).x == 2


def test_compiled_code_is_kept_until_its_imports_mean_something_else(tree):
    tree.write("helpers.py", "NAME = 'root'")
    text = "import helpers\nNAME = helpers.NAME"
    assert tree.load("experiments/a.py", text).NAME == "root"
    assert len(list((tree.root / "experiments/__pycache__").iterdir())) == 1
    tree.loader.uninstall()
    assert tree.load("experiments/a.py").NAME == "root"
    tree.loader.uninstall()
    tree.write("experiments/helpers.py", "NAME = 'beside'")
    assert tree.load("experiments/a.py").NAME == "beside"


def test_nothing_is_written_where_python_would_not(tree, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    tree.load("experiments/a.py", "x = 1")
    assert list(tree.root.rglob("__pycache__")) == []


@pytest.mark.parametrize("damage", [b"", b"\0" * 100, None])
def test_damaged_compiled_files_do_no_harm(tree, damage):
    tree.load("a.py", "x = 1")
    (cache,) = (tree.root / "__pycache__").iterdir()
    data = cache.read_bytes()
    cache.write_bytes(data[:-10] if damage is None else data[:36] + damage)
    tree.loader.uninstall()
    assert tree.load("a.py").x == 1


# What belongs to a file


def test_a_files_own_sources_are_told_from_those_of_others(tree, tmp_path):
    outside = tmp_path / "elsewhere"
    for name in ("one", "two"):
        (outside / f"{name}_tools").mkdir(parents=True)
        (outside / f"{name}_tools" / "__init__.py").write_text("from . import part")
        (outside / f"{name}_tools" / "part.py").write_text("")
        tree.write(f"experiments/{name}/__init__.py")
        tree.write(f"experiments/{name}/base.py")
        tree.write(f"experiments/{name}/dynamic.py")
        tree.write(f"experiments/{name}/late.py")
        text = f"""
            import importlib, shared, {name}_tools
            from . import base
            importlib.import_module('experiments.{name}.dynamic')
            def f():
                from . import late
                importlib.import_module('{name}_later')
        """
        tree.write(f"experiments/{name}/a.py", text)
        tree.write(f"{name}_later.py")
    tree.write("shared.py", "import below")
    tree.write("below.py")
    sys.path.append(str(outside))
    one, two = (tree.load(f"experiments/{name}/a.py") for name in ("one", "two"))

    def paths(name):
        place = tree.root / f"experiments/{name}/a.py"
        return set(tree.loader.sources_of([place, tree.root / "not_imported.py"]))

    def expected(name, *more):
        parts = ("__init__", "a", "base", "dynamic", *more)
        return {
            *(f"experiments/{name}/{part}.py" for part in parts),
            *("shared.py", "below.py"),
            *(f"_outside/{name}_tools/{part}.py" for part in ("__init__", "part")),
        }

    assert (paths("one"), paths("two")) == (expected("one"), expected("two"))
    two.f()
    assert paths("one") == expected("one")
    assert paths("two") == expected("two", "late") | {"two_later.py"}
    one.f()
    assert set(tree.loader.sources) == paths("one") | paths("two")


# What a person sees


def test_tracebacks_and_inspect_show_the_lines_that_run(tree):
    module = tree.load("a.py", "def f():\n    raise ValueError('here')  # this line\n")
    tree.write("a.py", "\n\n\n# another file altogether\n")
    linecache.checkcache()
    with pytest.raises(ValueError, match="here") as caught:
        module.f()
    shown = "".join(traceback.format_exception(caught.value))
    assert "raise ValueError('here')  # this line" in shown
    assert f'File "{tree.root}/a.py", line 2, in f' in shown
    assert inspect.getsource(module.f) == "def f():\n    raise ValueError('here')  # this line\n"


def test_a_module_that_raises_leaves_nothing_behind(tree):
    with pytest.raises(ZeroDivisionError) as caught:
        tree.load("experiments/a.py", "x = 1\n1 / 0")
    assert "experiments.a" not in sys.modules
    assert [frame.name for frame in caught.traceback][-1] == "<module>"
    assert tree.load("experiments/a.py", "x = 2").x == 2


def test_a_syntax_error_names_the_file_and_line(tree):
    with pytest.raises(SyntaxError) as caught:
        tree.load("experiments/a.py", "x = 1\ndef (:\n")
    assert (caught.value.filename, caught.value.lineno) == (str(tree.root / "experiments/a.py"), 2)


def test_uninstalling_leaves_the_process_as_it_was(tree):
    path, finders, modules = list(sys.path), list(sys.meta_path), set(sys.modules)
    tree.write("experiments/helpers.py", "")
    module = tree.load("experiments/a.py", "import helpers")
    tree.loader.uninstall()
    assert (sys.path, sys.meta_path, set(sys.modules)) == (path, finders, modules)
    assert module.__file__ not in linecache.cache


# Other processes

_POOL = """
    import sys
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context
    import helpers

    class Net:
        def __init__(self, x): self.x = x

    def work(net):
        import helpers as late
        return Net(net.x + helpers.STEP + late.STEP), late.__name__

    def run(kind):
        with ProcessPoolExecutor(1, mp_context=get_context(kind)) as pool:
            net, name = pool.submit(work, Net(1)).result()
        return type(net) is Net and net.x == 21 and name == helpers.__name__
"""


@pytest.mark.parametrize("kind", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("folder", ["experiments/vision", "my experiments/v1.5", "taken"])
def test_functions_and_classes_travel_through_a_process_pool(tree, tmp_path, kind, folder):
    if kind != "spawn" and folder != "taken":
        pytest.skip("one of each is enough")
    tree.write(f"{folder}/helpers.py", "STEP = 10")
    tree.write("helpers.py", "STEP = -1000")
    place = tree.write(f"{folder}/a.py", _POOL)
    site = tmp_path / "lib" / "taken"
    site.mkdir(parents=True)
    (site / "__init__.py").write_text("raise RuntimeError('the wrong one')")
    script = (
        "import sys\nfrom pathlib import Path\nfrom expt.loading.loader import ModuleLoader\n"
        "if __name__ == '__main__':\n"
        f"    loader = ModuleLoader(Path({str(tree.root)!r}))\n"
        f"    print(loader.load(Path({str(place)!r})).run({kind!r}))\n"
    )
    main = tmp_path / "main.py"
    main.write_text(script)
    source = str(Path(__file__).parent.parent)
    ended = subprocess.run(
        [sys.executable, str(main)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{source}{os.pathsep}{tmp_path / 'lib'}"},
        check=False,
    )
    assert ended.stdout == "True\n", ended.stderr
