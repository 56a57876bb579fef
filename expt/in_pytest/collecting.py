"""What pytest asks while it collects, answered from sources: no file of experiments is imported.

    paths ─ expt's own discovery ─► experiments of each file ─► ExperimentFile ─► ExperimentItem

A `conftest.py` that is expt's alone is kept from pytest, which would import it: one that names
expt and does not name pytest.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from expt.cli.command_line import read_options
from expt.discovery import find_experiments
from expt.ground.errors import ExptError
from expt.ground.layout import CONFTEST_FILE, PARAMS_FILE
from expt.ground.value_classes import frozen
from expt.in_pytest.items import ExperimentFile
from expt.in_pytest.lasting_session import LastingSession

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from expt.ground.model import Experiment
    from expt.ground.options import Options
    from expt.plugins.manager import Plugins

NAME: Final = "expt-experiments"


def take_part(config: pytest.Config) -> None:
    """Register what collects and runs experiments. Raises `pytest.UsageError`."""
    known = config.known_args_namespace
    places = [Path(word.partition("::")[0]) for word in known.file_or_dir]
    words = ["--smoke"] if known.expt == "smoke" else []
    try:
        options, plugins, _ = read_options([*words, *(str(p) for p in places if p.exists())])
    except ExptError as error:
        raise pytest.UsageError(str(error)) from None
    plugin = Experiments(config, options, plugins)
    config.pluginmanager.register(plugin, NAME)
    plugin.keep_conftests(places or map(Path, config.getini("testpaths")) or [Path.cwd()])


@frozen
class FoundByFile:
    """What discovery found, by file: a folder's experiments are those of its `params.toml`."""

    experiments: dict[Path, list[Experiment]]
    mistakes: dict[Path, list[ExptError]]

    def __contains__(self, path: Path) -> bool:
        return path in self.experiments or path in self.mistakes


class Experiments:
    """The plugin that is registered for `--expt`."""

    def __init__(self, config: pytest.Config, options: Options, plugins: Plugins) -> None:
        self._config = config
        self._options = options
        self._marks: set[str] = set()
        self.session = LastingSession(options, plugins)

    # pytest's hooks

    def pytest_configure(self, config: pytest.Config) -> None:
        """`testpaths` are where tests are: what expt's own `paths` say is added to them."""
        if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
            places = self._options.selection.paths
            config.args += [str(place) for place in places if str(place) not in config.args]
            self.keep_conftests(places)

    def pytest_report_header(self) -> str:
        """Where the archives go."""
        how = "with --smoke" if self._options.values.smoke else "as they are"
        return f"experiments: {how}, archives in {self.session.shown_root}"

    def pytest_collection(self) -> None:
        """Find the experiments, where this process collects."""
        try:
            _ = self.sources
        except ExptError as error:
            raise pytest.UsageError(str(error)) from None

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Archives are no tests, though they hold copies of them."""
        if collection_path == self._options.keeping.runs:
            return True
        self._keep_conftest(collection_path)
        return None

    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        """A file with experiments, beside what pytest makes of it."""
        if file_path not in self.sources:
            return None
        named = parent.session.isinitpath(file_path) and file_path.suffix == ".py"
        return None if named and not self._holds_tests(file_path) else self._make(file_path, parent)

    def pytest_pycollect_makemodule(self, module_path: Path, parent: pytest.Collector) -> Any:
        """A file that is named as an argument: pytest would import it, whatever it holds."""
        if module_path not in self.sources or self._holds_tests(module_path):
            return None
        return self._make(module_path, parent)

    def pytest_sessionfinish(self) -> None:
        """Wait for the pictures, and let the workers go."""
        self.session.close()

    # What they need

    @functools.cached_property
    def sources(self) -> FoundByFile:
        """Every experiment below the paths. Raises `ExptError` where that cannot be known."""
        options, root = self._options, self._options.root
        found = find_experiments(
            options.selection.paths,
            root,
            ignore=options.selection.ignore,
            configured_paths=options.selection.configured_paths,
        )
        experiments: dict[Path, list[Experiment]] = {}
        mistakes: dict[Path, list[ExptError]] = {}
        file, place = root, ""
        for experiment in found.experiments:
            if experiment.place != place:
                place = experiment.place
                file = root / place if place.endswith(".py") else root / place / PARAMS_FILE
            experiments.setdefault(file, []).append(experiment)
        for mistake in found.mistakes:
            path = root / (mistake.at or "").rpartition(":")[0]
            if not path.is_file():
                raise mistake
            mistakes.setdefault(path, []).append(mistake)
        return FoundByFile(experiments, mistakes)

    def marks_of(self, experiment: Experiment) -> Sequence[str]:
        """The marks that `pytest -m` may ask for: those that mean nothing else to pytest."""
        new = [mark for mark in experiment.marks if mark not in self._marks]
        for mark in new:
            self._marks.add(mark)
            if mark not in self._registered:
                line = f"{mark}: of experiments, by expt.mark.{mark} or [expt] marks"
                self._config.addinivalue_line("markers", line)
        return [mark for mark in experiment.marks if not self._registered.get(mark, False)]

    @functools.cached_property
    def _registered(self) -> dict[str, bool]:
        """The marks that others have registered, with whether they take arguments."""
        heads = [line.partition(":")[0].strip() for line in self._config.getini("markers")]
        return {head.partition("(")[0]: "(" in head for head in heads}

    def keep_conftests(self, places: Iterable[Path]) -> None:
        """Keep what pytest imports for its arguments, before it has looked at any folder."""
        for place in places:
            folder = Path(self._config.invocation_params.dir, place)
            for each in (folder, *folder.parents, *folder.glob("test*")):
                self._keep_conftest(each)

    def _keep_conftest(self, folder: Path) -> None:
        """Have pytest believe that it knows the conftest of a folder, where it is expt's alone."""
        conftest = folder / CONFTEST_FILE
        manager = self._config.pluginmanager
        try:
            source = conftest.read_bytes()
        except OSError:
            return
        if b"expt" in source and b"pytest" not in source and not manager.has_plugin(str(conftest)):
            manager.register(_Kept(), str(conftest))

    def _holds_tests(self, path: Path) -> bool:
        return any(path.match(pattern) for pattern in self._config.getini("python_files"))

    def _make(self, path: Path, parent: pytest.Collector) -> ExperimentFile:
        made: ExperimentFile = ExperimentFile.from_parent(parent, path=path)
        made.experiments = self.sources.experiments.get(path, [])
        made.mistakes = self.sources.mistakes.get(path, [])
        made.plugin = self
        return made


class _Kept:
    """Stands where pytest looks for a conftest that it has imported."""
