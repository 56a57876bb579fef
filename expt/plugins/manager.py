"""The plugin manager: which plugins take part, who hears a hook, and how hooks are called.

    Plugins ── all ─────────► Listeners     every plugin of this process
            └─ below(hooks) ► Listeners     and the conftests above one experiment

Plugins come from three places: the built-in ones, installed distributions with an entry point in
the group `expt`, and `--plugin NAME|FILE` or `plugins` in the configuration. `no:NAME` leaves one
out. Entry points are found by reading the `entry_points.txt` of what is on `sys.path`, a few
milliseconds where `importlib.metadata` parses every distribution.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import pluggy

from expt.ground import hookspecs
from expt.ground.errors import ExptError, UsageError, did_you_mean, suggestion
from expt.ground.text import error_message, error_name
from expt.ground.value_classes import define, field, frozen

if TYPE_CHECKING:
    from pluggy import HookImpl

    from expt.planning.contents import Hook

ENTRY_POINT_GROUP: Final = "expt"
BUILTIN_PLUGINS: Final = ("mirror", "notify", "plots", "script", "terminal", "videos")
"""Names that `no:NAME` knows in every process, though each has only some of these plugins."""

Complain = Callable[[str], None]


@frozen
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
        with contextlib.suppress(OSError):
            place = os.path.abspath(folder)
            for entry in _entry_points_in(place, os.stat(place).st_mtime_ns):
                found.setdefault(entry.name, entry)
    return [found[name] for name in sorted(found)]


@functools.cache
def _entry_points_in(folder: str, _changed: int) -> tuple[EntryPoint, ...]:
    """Those of a folder that changed then: a forked worker knows what the session has read."""
    found: list[EntryPoint] = []
    for name in os.listdir(folder):
        if name.endswith((".dist-info", ".egg-info")):
            with (
                contextlib.suppress(OSError, UnicodeDecodeError),
                open(f"{folder}/{name}/entry_points.txt", encoding="utf-8") as file,
            ):
                text = file.read()
                if f"[{ENTRY_POINT_GROUP}]" in text:
                    found += _parse_entry_points(text)
    return tuple(found)


def _parse_entry_points(text: str) -> Iterator[EntryPoint]:
    section = None
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[]").strip()
        elif section == ENTRY_POINT_GROUP and "=" in line and not line.startswith("#"):
            name, _, target = line.partition("=")
            module, _, attribute = target.partition("[")[0].strip().partition(":")
            yield EntryPoint(name.strip(), module.strip(), attribute.strip())


_MARK: Final = f"{hookspecs.PROJECT}_impl"  # the attribute that `@expt.hook` gives


class _Manager(pluggy.PluginManager):
    """Takes a function for a hook by its name, marked with `@expt.hook` or not.

    What is no hook by its name nor marked as one is passed over at once, which pluggy takes long
    for, and a hook is looked up when somebody implements it.
    """

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        is_named = name.startswith(hookspecs.PREFIX)
        found = getattr(plugin, "__dict__", {}).get(name, getattr(type(plugin), name, None))
        if not is_named and not (inspect.isroutine(found) and hasattr(found, _MARK)):
            return None
        options = super().parse_hookimpl_opts(plugin, name)
        if options is None and is_named and inspect.isroutine(getattr(plugin, name, None)):
            options = pluggy.HookimplOpts(
                wrapper=False,
                hookwrapper=False,
                optionalhook=False,
                tryfirst=False,
                trylast=False,
                specname=None,
            )
        hook = name if options is None else options.get("specname") or name
        spec = getattr(hookspecs, hook, None) if hook.startswith(hookspecs.PREFIX) else None
        if options is not None and spec is not None and not hasattr(self.hook, hook):
            alone = ModuleType(hook)
            setattr(alone, hook, spec)
            self.add_hookspecs(alone)
        return options

    def parse_hookspec_opts(self, module_or_class: Any, name: str) -> Any:
        is_named = name.startswith(hookspecs.PREFIX)
        return super().parse_hookspec_opts(module_or_class, name) if is_named else None


class _Conftest:
    """One hook of a conftest, as something that pluggy registers, once for each chain it is in.

    Once for each, because experiments that extend one another may disagree on which is nearer.
    """

    def __init__(self, hook: Hook) -> None:
        self.told = hook.place.path
        setattr(self, hook.name, hook.function)


@define(eq=False)
class Listeners:
    """Plugins of one process and some of its conftests, and the two ways of calling a hook."""

    _manager: pluggy.PluginManager
    _conftests: list[_Conftest]  # of all chains, also of those that are still to come
    _heard: frozenset[_Conftest]
    _complain: Complain
    _known: dict[str, tuple[HookImpl, ...]] = field(factory=dict)

    def listens(self, hook: str) -> bool:
        """Whether anybody implements the hook."""
        return bool(self._implementations(hook))

    def takes(self, hook: str, argument: str) -> bool:
        """Whether anybody who implements the hook asks for that argument."""
        return any(argument in found.argnames for found in self._implementations(hook))

    def decide(
        self, hook: str, let_through: tuple[type[Exception], ...] = (), /, **arguments: Any
    ) -> Any:
        """Call a deciding hook: the first answer of a hook that has one, else all of them.

        The nearest conftest is asked first, the plugins last. A failure is the session's, but for
        what is `let_through`.
        """
        answers = []
        through: tuple[type[Exception], ...] = (ExptError, *let_through)
        for implementation in self._implementations(hook):
            try:
                answer = _call(implementation, arguments)
            except through:
                raise
            except Exception as error:
                who = "a conftest.py" if _is_conftest(implementation) else "a plugin"
                raise UsageError(
                    f"{who} failed in {hook}: {error_name(error)}: {error_message(error)}",
                    _where(error, [_place_of(implementation.function)[0]]),
                ) from error
            if answer is not None:
                answers.append(answer)
                if self._is_first_result(hook):
                    break
        if self._is_first_result(hook):
            return answers[0] if answers else None
        return answers

    def observe(
        self, hook: str, complain: Complain | None = None, /, **arguments: Any
    ) -> list[Any]:
        """Call an observing hook: every implementation, whatever the others do.

        Plugins come first, then conftests, outermost first. A failure goes to `complain`, else to
        the failures of the plugins, once, as one text with its place.
        """
        told = complain or self._complain
        results = []
        for implementation in _outermost_first(self._implementations(hook)):
            try:
                result = _call(implementation, arguments)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # `sys.exit` in a hook ends neither run nor session
                told(_failure_of(implementation, hook, error))
            else:
                results += [] if result is None else [result]
        return results

    def _implementations(self, hook: str) -> tuple[HookImpl, ...]:
        """In pluggy's order: the last that was registered is the first that is called."""
        if hook not in self._known:
            if not hasattr(self._manager.hook, hook):
                return ()  # nobody implements it
            others = [found for found in self._conftests if found not in self._heard]
            caller = self._manager.subset_hook_caller(hook, others)
            self._known[hook] = tuple(reversed(caller.get_hookimpls()))
        return self._known[hook]

    def _is_first_result(self, hook: str) -> bool:
        options = self._manager.parse_hookspec_opts(hookspecs, hook)
        return options is not None and options["firstresult"]


class Plugins(Listeners):
    """The plugins of one process, who hear hooks without any conftest."""

    def __init__(self, builtin: Mapping[str, Any], names: Sequence[str] = ()) -> None:
        super().__init__(_Manager(hookspecs.PROJECT), [], frozenset(), self._keep_failure)
        self._chains: dict[tuple[Hook, ...], Listeners] = {}
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
        self._known.clear()  # who hears what is asked anew
        self._chains.clear()
        try:
            self._manager.register(instance, name)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            raise UsageError(f"the plugin '{name}' does not fit", None, str(error)) from error

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

    def below(self, hooks: Sequence[Hook]) -> Listeners:
        """Those who hear of an experiment: every plugin, and its conftests, outermost first."""
        chain = tuple(hooks)
        if chain not in self._chains:
            conftests = [_Conftest(hook) for hook in chain]
            for number, conftest in enumerate(conftests):
                name = f"{conftest.told}#{len(self._conftests) + number}"
                self._manager.register(conftest, name)
            self._conftests += conftests
            self._chains[chain] = Listeners(
                self._manager, self._conftests, frozenset(conftests), self._keep_failure
            )
        return self._chains[chain]

    def _keep_failure(self, text: str) -> None:
        if text not in self.failures:  # a hook that hears every event fails at every event
            self.failures.append(text)


def _call(implementation: HookImpl, arguments: Mapping[str, Any]) -> Any:
    return implementation.function(*[arguments[name] for name in implementation.argnames])


def _is_conftest(implementation: HookImpl) -> bool:
    return isinstance(implementation.plugin, _Conftest)


def _outermost_first(nearest_first: Sequence[HookImpl]) -> list[HookImpl]:
    conftests = [found for found in nearest_first if _is_conftest(found)]
    return [*(found for found in nearest_first if not _is_conftest(found)), *reversed(conftests)]


def _failure_of(implementation: HookImpl, hook: str, error: BaseException) -> str:
    plugin = getattr(implementation.plugin, "told", implementation.plugin_name)
    where = _where(error, [_place_of(implementation.function)[0]])
    if plugin.endswith(".py") and f"/{plugin}:" in where:
        where = where[where.rindex(plugin) :]
    return f"{hook} of '{plugin}' failed: {error_name(error)}: {error_message(error)} ({where})"


def _place_of(function: Callable[..., Any]) -> tuple[str, int]:
    code = inspect.unwrap(function).__code__
    return code.co_filename, code.co_firstlineno


def _where(error: BaseException, files: Sequence[str]) -> str:
    """The deepest line in one of `files` that an error went through, else the deepest of all."""
    import traceback  # slow, and few plugins fail

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
    import traceback  # slow, and most can be imported

    last = traceback.extract_tb(error.__traceback__)[-1]
    nowhere = last.filename.startswith("<") or last.filename == __file__
    where = None if nowhere else f"{last.filename}:{last.lineno}"
    told = f"{error_name(error)}: {error_message(error)}"
    return UsageError(f"{what} cannot be imported: {told}", where)


def _reject_unknown(left_out: Iterable[str], known: Iterable[str]) -> None:
    known = {name for name in known if not name.startswith("no:")}
    for name in sorted(set(left_out) - known):
        what = f"there is no plugin '{name}' to leave out"
        raise UsageError(what, f"--plugin no:{name}", suggestion(name, known, "plugins"))
