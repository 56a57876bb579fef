"""The plugin manager: which plugins take part, and how their hooks are called.

Plugins come from three places: the built-in ones, installed distributions with an entry point in
the group `expt`, and `--plugin NAME|FILE` or `plugins` in the configuration. `no:NAME` leaves one
out. Entry points are found by reading the `entry_points.txt` of what is on `sys.path`, a few
milliseconds where `importlib.metadata` parses every distribution.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import attrs
import pluggy

from expt.ground import hookspecs
from expt.ground.errors import ExptError, UsageError, did_you_mean
from expt.ground.text import error_message, error_name

ENTRY_POINT_GROUP: Final = "expt"
BUILTIN_PLUGINS: Final = ("notify", "plots", "script", "terminal", "videos")
"""Names that `no:NAME` knows in every process, though each has only some of these plugins."""

_NO_WRAPPERS: Final = "a hook of expt cannot be a wrapper: implement the hook itself"
Complain = Callable[[str], None]


@attrs.frozen
class EntryPoint:
    """One line of a distribution's `entry_points.txt`: `name = module:attribute`."""

    name: str
    module: str
    attribute: str = ""

    def load(self) -> Any:
        target: Any = importlib.import_module(self.module)
        for part in filter(None, self.attribute.split(".")):
            target = getattr(target, part)
        return target


def find_entry_points(path: Iterable[str] | None = None) -> list[EntryPoint]:
    """The entry points of the group `expt` of every distribution on `path` (`sys.path`)."""
    found: dict[str, EntryPoint] = {}
    for folder in sys.path if path is None else path:
        for text in _entry_point_files(folder or os.curdir):
            for entry in _parse_entry_points(text):
                found.setdefault(entry.name, entry)
    return [found[name] for name in sorted(found)]


def _entry_point_files(folder: str) -> Iterator[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        if name.endswith((".dist-info", ".egg-info")):
            try:
                with open(f"{folder}/{name}/entry_points.txt", encoding="utf-8") as file:
                    text = file.read()
            except (OSError, UnicodeDecodeError):
                continue
            if f"[{ENTRY_POINT_GROUP}]" in text:
                yield text


def _parse_entry_points(text: str) -> Iterator[EntryPoint]:
    section = None
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[]").strip()
        elif section == ENTRY_POINT_GROUP and "=" in line and not line.startswith("#"):
            name, _, target = line.partition("=")
            module, _, attribute = target.partition("[")[0].strip().partition(":")
            yield EntryPoint(name.strip(), module.strip(), attribute.strip())


class _Manager(pluggy.PluginManager):
    """Takes a function for a hook by its name, marked with `@expt.hook` or not."""

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        options = super().parse_hookimpl_opts(plugin, name)
        if options is None and name.startswith(hookspecs.PREFIX):
            function = getattr(plugin, name, None)
            if inspect.isroutine(function):
                return pluggy.HookimplOpts(
                    wrapper=False,
                    hookwrapper=False,
                    optionalhook=False,
                    tryfirst=False,
                    trylast=False,
                    specname=None,
                )
        return options


class Plugins:
    """The plugins of one process, and the two ways of calling a hook."""

    def __init__(self, builtin: Mapping[str, Any], names: Sequence[str] = ()) -> None:
        self._manager = _Manager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self.failures: list[str] = []
        left_out = {name.removeprefix("no:") for name in names if name.startswith("no:")}
        installed = {entry.name: entry for entry in find_entry_points()}
        _reject_unknown(left_out, {*BUILTIN_PLUGINS, *installed, *names})
        self._left_out = left_out
        for name, plugin in builtin.items():
            self.register(plugin, name)
        for name, entry in installed.items():
            if name not in left_out:
                self.register(_load(entry.load, f"the plugin '{name}'"), name)
        for name in names:
            if not name.startswith("no:") and name not in {*installed, *BUILTIN_PLUGINS, *left_out}:
                self.register(_load_named(name, installed), name)

    def register(self, plugin: Any, name: str) -> None:
        """Take part from now on, unless it is left out; a class is called without arguments.

        Raises `UsageError` for a hook that does not exist or has other arguments.
        """
        if name in self._left_out or self._manager.has_plugin(name):
            return
        instance = _load(plugin, f"the plugin '{name}'") if isinstance(plugin, type) else plugin
        for hook in sorted(name for name in dir(instance) if name.startswith(hookspecs.PREFIX)):
            function = getattr(instance, hook)
            misfit = inspect.isroutine(function) and hookspecs.find_misfit(function, hook)
            if misfit:
                what = f"the plugin '{name}' does not fit: {misfit[0]}"
                raise UsageError(what, ":".join(map(str, _place_of(function))), misfit[1])
        try:
            self._manager.register(instance, name)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            raise UsageError(f"the plugin '{name}' does not fit", None, str(error)) from error
        for caller in self._manager.get_hookcallers(instance) or ():
            if any(i.wrapper or i.hookwrapper for i in caller.get_hookimpls()):
                raise UsageError(f"the plugin '{name}' does not fit", None, _NO_WRAPPERS)

    @property
    def names(self) -> list[str]:
        """The names of what takes part, in the order of registration."""
        return [name for name, plugin in self._manager.list_name_plugin() if plugin is not None]

    @property
    def files(self) -> list[ModuleType]:
        """The plugins that are files: nobody imports from them."""
        return [
            plugin
            for name, plugin in self._manager.list_name_plugin()
            if isinstance(plugin, ModuleType) and name.endswith(".py")
        ]

    def listens(self, hook: str) -> bool:
        """Whether anybody implements the hook."""
        return bool(getattr(self._manager.hook, hook).get_hookimpls())

    def decide(
        self, hook: str, let_through: tuple[type[Exception], ...] = (), /, **arguments: Any
    ) -> Any:
        """Call a deciding hook. Its failure is the session's, but for what is `let_through`."""
        through: tuple[type[Exception], ...] = (ExptError, *let_through)
        implementations = getattr(self._manager.hook, hook).get_hookimpls()
        try:
            return getattr(self._manager.hook, hook)(**arguments)
        except through:
            raise
        except Exception as error:
            raise UsageError(
                f"a plugin failed in {hook}: {error_name(error)}: {error_message(error)}",
                _where(error, [_place_of(i.function)[0] for i in implementations]),
            ) from error

    def observe(
        self, hook: str, complain: Complain | None = None, /, **arguments: Any
    ) -> list[Any]:
        """Call an observing hook: every implementation, whatever the others do.

        A failure goes to `complain`, else to `failures`, once, as one text with its place.
        """
        return [
            result
            for implementation in reversed(getattr(self._manager.hook, hook).get_hookimpls())
            for result in call_observer(
                hook,
                implementation.plugin_name,
                implementation.function,
                implementation.argnames,
                arguments,
                complain or self._keep_failure,
            )
        ]

    def _keep_failure(self, text: str) -> None:
        if text not in self.failures:  # a hook that hears every event fails at every event
            self.failures.append(text)


def call_observer(
    hook: str,
    plugin: str,
    function: Callable[..., Any],
    names: Sequence[str],
    arguments: Mapping[str, Any],
    complain: Complain,
) -> list[Any]:
    """The result of one implementation in a list; empty where it gave None or failed."""
    try:
        result = function(*[arguments[name] for name in names])
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # `sys.exit` in a hook ends neither the run nor the session
        where = _where(error, [_place_of(function)[0]])
        if plugin.endswith(".py") and f"/{plugin}:" in where:
            where = where[where.rindex(plugin) :]
        told = f"{error_name(error)}: {error_message(error)}"
        complain(f"{hook} of '{plugin}' failed: {told} ({where})")
        return []
    return [] if result is None else [result]


def _place_of(function: Callable[..., Any]) -> tuple[str, int]:
    code = inspect.unwrap(function).__code__
    return code.co_filename, code.co_firstlineno


def _where(error: BaseException, files: Sequence[str]) -> str:
    """The deepest line in one of `files` that an error went through, else the deepest of all."""
    frames = traceback.extract_tb(error.__traceback__)
    last = [frame for frame in frames if frame.filename in files] or frames
    return f"{last[-1].filename}:{last[-1].lineno}"


def _load_named(name: str, installed: Mapping[str, EntryPoint]) -> Any:
    if name.endswith(".py") or os.sep in name:
        path = Path(name)
        if not path.is_file():
            raise UsageError(f"there is no plugin file '{name}'", f"--plugin {name}")
        spec = importlib.util.spec_from_file_location(f"expt_plugin_{path.stem}", path)
        if spec is None or spec.loader is None:
            raise UsageError(
                f"'{name}' is no Python file", f"--plugin {name}", "a plugin file ends in .py"
            )
        loader = spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        _load(lambda: loader.exec_module(module), f"the plugin file '{name}'")
        return module
    module_name, _, attribute = name.partition(":")
    entry = EntryPoint(name, module_name, attribute)
    try:
        return entry.load()
    except ModuleNotFoundError as error:
        if error.name and f"{module_name}.".startswith(f"{error.name}."):
            hint = did_you_mean(name, installed) or "a file is named with its suffix: plugin.py"
            raise UsageError(f"there is no plugin '{name}'", f"--plugin {name}", hint) from error
        raise _unloadable(f"the plugin '{name}'", error) from error
    except Exception as error:
        raise _unloadable(f"the plugin '{name}'", error) from error


def _load(load: Callable[[], Any], what: str) -> Any:
    try:
        return load()
    except Exception as error:
        raise _unloadable(what, error) from error


def _unloadable(what: str, error: Exception) -> UsageError:
    last = traceback.extract_tb(error.__traceback__)[-1]
    nowhere = last.filename.startswith("<") or last.filename == __file__
    where = None if nowhere else f"{last.filename}:{last.lineno}"
    told = f"{error_name(error)}: {error_message(error)}"
    return UsageError(f"{what} cannot be imported: {told}", where)


def _reject_unknown(left_out: Iterable[str], known: Iterable[str]) -> None:
    known = {name for name in known if not name.startswith("no:")}
    for name in sorted(set(left_out) - known):
        raise UsageError(
            f"there is no plugin '{name}' to leave out",
            f"--plugin no:{name}",
            did_you_mean(name, known) or f"plugins: {', '.join(sorted(known))}",
        )
