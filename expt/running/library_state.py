"""What libraries keep for a whole process and a run may change: pairs that take and put it back.

A library that only the run imported is put into the state that it has when it is imported.
"""

from __future__ import annotations

import contextlib
import decimal
import itertools
import logging
import sys
import tempfile
import warnings
from operator import attrgetter, is_
from typing import Any, Final

from expt.ground.value_classes import frozen

# logging


_Logger = tuple[logging.Logger, int, bool, bool, list[Any], list[Any], list[Any], list[Any]]
"""One logger as it was: level, disabled, propagate; handlers and filters, by themselves and by
their content."""


def _take_logger(logger: logging.Logger) -> _Logger:
    handlers, filters = logger.handlers, logger.filters
    flags = logger.level, logger.disabled, logger.propagate
    return logger, *flags, handlers, [*handlers], filters, [*filters]


def _put_logger(before: _Logger) -> None:
    logger, level, disabled, propagate, handlers, handlers_then, filters, filters_then = before
    if logger.level != level:
        logger.setLevel(level)
    logger.disabled, logger.propagate = disabled, propagate
    handlers[:], filters[:] = handlers_then, filters_then
    logger.handlers, logger.filters = handlers, filters


@frozen
class _Logging:
    loggers: dict[str, _Logger]
    disabled: int
    logger_class: type[logging.Logger]
    factory: Any
    globals: list[Any]
    modules: int


_GLOBALS: Final = ("lastResort", "raiseExceptions", "_warnings_showwarning")


def take_logging() -> _Logging:
    manager = logging.root.manager
    named = manager.loggerDict.copy()
    loggers = {
        name: _take_logger(logger)
        for name, logger in named.items()
        if isinstance(logger, logging.Logger)
    }
    return _Logging(
        {"": _take_logger(logging.root), **loggers},
        manager.disable,
        logging.getLoggerClass(),
        logging.getLogRecordFactory(),
        [getattr(logging, name) for name in _GLOBALS],
        len(sys.modules),
    )


def put_logging(before: _Logging) -> None:
    """Loggers that the run made first are empty again, but those of libraries that it imported."""
    for logger in before.loggers.values():
        _put_logger(logger)
    manager = logging.root.manager
    if len(manager.loggerDict) != len(before.loggers) - 1:
        imported = set(itertools.islice(sys.modules.copy(), before.modules, None))
        for name, made in manager.loggerDict.copy().items():
            is_new = name not in before.loggers and isinstance(made, logging.Logger)
            if is_new and name.partition(".")[0] not in imported:
                _empty(made)
    if manager.disable != before.disabled:
        logging.disable(before.disabled)
    logging.setLoggerClass(before.logger_class)
    logging.setLogRecordFactory(before.factory)
    for name, value in zip(_GLOBALS, before.globals, strict=True):
        setattr(logging, name, value)


def _empty(logger: Any) -> None:
    logger.setLevel(logging.NOTSET)
    logger.handlers, logger.filters = [], []
    logger.disabled, logger.propagate = False, True


# The rest of the standard library


def take_warnings() -> tuple[Any, dict[Any, Any]]:
    caught = warnings.catch_warnings()
    caught.__enter__()
    return caught, dict(_told_once())


def put_warnings(before: tuple[Any, dict[Any, Any]]) -> None:
    caught, once = before
    caught.__exit__(None, None, None)
    _told_once().clear()
    _told_once().update(once)


def _told_once() -> dict[Any, Any]:
    """What the filter "once" has shown already, in the whole process."""
    told: dict[Any, Any] = vars(warnings)["onceregistry"]
    return told


def take_decimal() -> tuple[decimal.Context, ...]:
    return decimal.getcontext().copy(), decimal.DefaultContext.copy()


def put_decimal(before: tuple[decimal.Context, ...]) -> None:
    context, default = before
    decimal.setcontext(context)
    if _settings_of(decimal.DefaultContext) != _settings_of(default):
        for name in _SETTINGS:
            setattr(decimal.DefaultContext, name, getattr(default, name))


_SETTINGS: Final = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp", "traps")
_settings_of: Final = attrgetter(*_SETTINGS)


def take_temporary() -> tuple[str | None, str]:
    return tempfile.tempdir, tempfile.template


def put_temporary(before: tuple[str | None, str]) -> None:
    tempfile.tempdir, tempfile.template = before


def take_start_method() -> Any:
    loaded: Any = sys.modules.get("multiprocessing.context")
    return None if loaded is None else loaded._default_context._actual_context


def put_start_method(before: Any) -> None:
    loaded: Any = sys.modules.get("multiprocessing.context")
    if loaded is not None:
        loaded._default_context._actual_context = before


def take_event_loop() -> tuple[Any, dict[str, Any]]:
    """The policy, and what it keeps for this thread: the loop, and whether it was ever set."""
    loaded: Any = sys.modules.get("asyncio.events")
    policy = None if loaded is None else loaded._event_loop_policy
    return policy, dict(vars(getattr(policy, "_local", policy))) if policy is not None else {}


def put_event_loop(before: tuple[Any, dict[str, Any]]) -> None:
    loaded: Any = sys.modules.get("asyncio.events")
    if loaded is None:
        return
    policy, kept = before
    loaded._event_loop_policy = policy
    if policy is not None:
        own = vars(getattr(policy, "_local", policy))
        own.clear()
        own.update(kept)


# Libraries of others


_NUMPY_ERRORS: Final = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
_NUMPY_PRINTING: Final = {
    "edgeitems": 3,
    "threshold": 1000,
    "floatmode": "maxprec",
    "precision": 8,
    "suppress": False,
    "linewidth": 75,
    "nanstr": "nan",
    "infstr": "inf",
    "sign": "-",
    "formatter": None,
    "legacy": False,
}
"""How numpy is when it is imported, as its documentation has it."""


def take_numpy() -> tuple[Any, ...] | None:
    numpy: Any = sys.modules.get("numpy")
    if numpy is None:
        return None
    return numpy.geterr(), numpy.geterrcall(), numpy.get_printoptions()


def put_numpy(before: tuple[Any, ...] | None) -> None:
    numpy: Any = sys.modules.get("numpy")
    if numpy is None:
        return
    errors, call, printing = before or (_NUMPY_ERRORS, None, _NUMPY_PRINTING)
    numpy.seterr(**errors)
    numpy.seterrcall(call)
    if numpy.get_printoptions() != printing:
        numpy.set_printoptions(**printing)


def take_numpy_random() -> tuple[Any, Any] | None:
    loaded: Any = sys.modules.get("numpy.random")
    return None if loaded is None else (loaded.get_bit_generator(), loaded.get_state())


def put_numpy_random(before: tuple[Any, Any] | None) -> None:
    loaded: Any = sys.modules.get("numpy.random")
    if loaded is None:
        return
    if before is None:  # the next run seeds it
        loaded.set_bit_generator(loaded.MT19937())
    else:
        loaded.set_bit_generator(before[0])
        loaded.set_state(before[1])


def take_matplotlib() -> tuple[dict[str, Any], Any, frozenset[str]] | None:
    """The settings, the backend that pyplot has loaded, the names of the colormaps."""
    matplotlib: Any = sys.modules.get("matplotlib")
    if matplotlib is None:
        return None
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    backend = None if pyplot is None else pyplot._backend_mod
    return dict.copy(matplotlib.rcParams), backend, frozenset(matplotlib.colormaps)


def put_matplotlib(before: tuple[dict[str, Any], Any, frozenset[str]] | None) -> None:
    matplotlib: Any = sys.modules.get("matplotlib")
    if matplotlib is None:
        return
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")
    if before is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecated keys are among the defaults
            matplotlib.rcdefaults()
        settings, backend, colormaps = None, None, frozenset(matplotlib.colormaps._builtin_cmaps)
    else:
        settings, backend, colormaps = before
    if settings is not None and not _are_same(matplotlib.rcParams, settings):
        dict.update(matplotlib.rcParams, settings)
    if pyplot is not None:
        pyplot._backend_mod = backend
    for name in frozenset(matplotlib.colormaps) - colormaps:
        with contextlib.suppress(ValueError):
            matplotlib.colormaps.unregister(name)


def _are_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return len(one) == len(other) and all(map(is_, dict.values(one), other.values()))
