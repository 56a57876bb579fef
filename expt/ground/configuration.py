"""Where the root directory is, and what its configuration says.

    [tool.expt] of pyproject.toml, or expt.toml, whose keys stand at the top level

Configuration is about the tool. Parameters of experiments stand in `params.toml`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.ground.errors import ConfigurationError, did_you_mean
from expt.ground.layout import CONFIGURATION_FILE, PROJECT_FILE
from expt.ground.toml_lines import KeyPath, find_keys
from expt.ground.toml_reading import parse_toml, read_bytes, read_toml
from expt.ground.value_classes import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TEXT: Final = "a text"
TEXTS: Final = "a list of texts"
SWITCH: Final = "true or false"
NUMBER: Final = "a whole number from 1"
AMOUNT: Final = "a number from 0"
TABLE: Final = "a table"
TABLE_OF_TEXTS: Final = "a table of texts"
TABLE_OF_AMOUNTS: Final = "a table of numbers from 0"
_SECONDS: Final = "a number of seconds above 0"
_TABLES: Final = "a table of tables"
_KEYS: Final[Mapping[str, str | Mapping[str, str]]] = {
    "addopts": TEXTS,
    "executors": _TABLES,
    "ignore": TEXTS,
    "log_level": TEXT,
    "mirror": {"mlflow": TEXT, "timeout": _SECONDS, "wandb": TEXT},
    "notify": {"bell": SWITCH, "webhook": TEXT},
    "paths": TEXTS,
    "plots": {"style": TEXT},
    "plugins": TEXTS,
    "render": SWITCH,
    "runs": TEXT,
    "timeout": _SECONDS,
}
_MENTIONS_EXPT: Final = re.compile(rb"^[ \t]*\[[ \t]*tool[ \t]*\.[ \t]*expt\b", re.MULTILINE)


@frozen
class Configuration:
    """The root directory and what is configured there; every key of `values` is checked."""

    root: Path
    file: Path | None = None
    values: Mapping[str, Any] = field(factory=dict)


def find_root(paths: Sequence[Path], cwd: Path) -> Path:
    """The root directory for `paths`, which need not exist.

    The nearest folder upward from their common parent with `expt.toml` or `[tool.expt]`; else
    with `pyproject.toml` or `.git`; else `cwd` where it contains them; else the common parent.
    Links are not followed: what was typed is what node ids show.
    A file that cannot be read is no obstacle here: `read_configuration` tells of it.
    """
    here = Path(os.path.abspath(cwd))
    start = _common_parent([Path(os.path.abspath(here / path)) for path in paths] or [here])
    upward = (start, *start.parents)
    for folder in upward:
        if _exists(folder, CONFIGURATION_FILE) or _has_expt_table(folder / PROJECT_FILE):
            return folder
    for folder in upward:
        if _exists(folder, PROJECT_FILE) or _exists(folder, ".git"):
            return folder
    return here if here in upward else start


def _common_parent(paths: Sequence[Path]) -> Path:
    """The deepest folder that contains all of `paths`; of one folder, itself."""
    try:
        common = Path(os.path.commonpath(paths))
    except ValueError:  # on several drives
        common = paths[0]
    return next(folder for folder in (common, *common.parents) if os.path.isdir(folder))


def _exists(folder: Path, name: str) -> bool:
    return os.path.lexists(folder / name)  # Path.exists raises where a folder may not be entered


def _has_expt_table(file: Path) -> bool:
    """Whether a `pyproject.toml` has, or where it is broken was meant to have, `[tool.expt]`."""
    try:
        content = read_bytes(file)
    except OSError:
        return False
    if content is None or b"expt" not in content:
        return False
    try:
        values, _ = parse_toml(content, file.name, ConfigurationError)
    except ConfigurationError:
        return _MENTIONS_EXPT.search(content) is not None
    return isinstance(values.get("tool"), dict) and "expt" in values["tool"]


def read_configuration(root: Path) -> Configuration:
    """What `expt.toml` or `pyproject.toml` of `root` says.

    Raises `ConfigurationError` with path and line for a file that is not TOML, an unknown key or
    a value of a wrong type, and where both files configure expt.
    """
    project, own = root / PROJECT_FILE, root / CONFIGURATION_FILE
    table: Any = None
    text = ""
    if os.path.lexists(project):
        values, text = read_toml(project, PROJECT_FILE, ConfigurationError)
        tool = values.get("tool")
        table = tool.get("expt") if isinstance(tool, dict) else None
    if os.path.lexists(own):
        if table is not None:
            what = f"both {CONFIGURATION_FILE} and {PROJECT_FILE} configure expt"
            hint = f"keep one: {CONFIGURATION_FILE}, or [tool.expt] in {PROJECT_FILE}"
            raise ConfigurationError(what, _place(PROJECT_FILE, text, ("tool", "expt")), hint)
        table, text = read_toml(own, CONFIGURATION_FILE, ConfigurationError)
        return Configuration(root, own, _checked(table, text, CONFIGURATION_FILE, (), root))
    if table is None:
        return Configuration(root)
    return Configuration(root, project, _checked(table, text, PROJECT_FILE, ("tool", "expt"), root))


def place_of_key(root: Path, keys: KeyPath) -> str:
    """`pyproject.toml:12`: where the configuration of `root` has a key, for those who check it."""
    found = read_configuration(root).file
    if found is None:
        return PROJECT_FILE
    header = ("tool", "expt") if found.name == PROJECT_FILE else ()
    return _place(found.name, read_toml(found, found.name, ConfigurationError)[1], (*header, *keys))


def _checked(table: Any, text: str, file: str, header: KeyPath, root: Path) -> Mapping[str, Any]:
    """What `table` says, once every key and value of it is known to be right."""
    for keys, what, hint in _mistakes_of(table, _KEYS, header):
        raise ConfigurationError(what, _place(file, text, keys), hint)
    return {**table, "plugins": _placed(table["plugins"], root)} if "plugins" in table else table


def _placed(plugins: Sequence[str], root: Path) -> list[str]:
    """The files among them relative to the root, from whichever folder expt is started."""
    return [str(root / name) if name.endswith(".py") else name for name in plugins]


def _mistakes_of(
    table: Any, keys: Mapping[str, str | Mapping[str, str]], header: KeyPath
) -> Iterator[tuple[KeyPath, str, str | None]]:
    """Of each mistake: the path of its key, what is wrong, and a hint."""
    holder = f"[{'.'.join(header)}]" if header else CONFIGURATION_FILE
    if not isinstance(table, dict):
        yield header, f"'{header[-1]}' must be a table, not {_spoken(table)}", f"write {holder}"
        return
    for key, value in table.items():
        expected = keys.get(key)
        if expected is None:
            hints = [did_you_mean(key, keys), f"{holder} may have: {', '.join(sorted(keys))}"]
            if key == "tool" and not header:
                hints = [f"in {CONFIGURATION_FILE} the keys stand at the top level"]
            what = f"unknown key '{key}' in {holder}"
            yield (*header, key), what, "\n".join(filter(None, hints))
        elif not isinstance(expected, str):
            yield from _mistakes_of(value, expected, (*header, key))
        elif not is_of_kind(value, expected):
            what = f"'{key}' in {holder} must be {expected}, not {_spoken(value)}"
            as_list = expected == TEXTS and is_of_kind(value, TEXT)
            yield (*header, key), what, f'write {key} = ["{value}"]' if as_list else None


def is_of_kind(value: Any, kind: str) -> bool:
    """Whether a value is what is expected: `TEXT`, `NUMBER` …"""
    if kind in _ITEMS:
        items = value.values() if isinstance(value, dict) else value
        holder = list if kind == TEXTS else dict
        return isinstance(value, holder) and all(is_of_kind(one, _ITEMS[kind]) for one in items)
    if kind == TEXT:
        return isinstance(value, str) and value != "" and "\0" not in value
    if kind in (SWITCH, TABLE):
        return isinstance(value, bool if kind == SWITCH else dict)
    if isinstance(value, bool) or not isinstance(value, int if kind == NUMBER else (int, float)):
        return False
    return value >= (kind == NUMBER) and not (kind == _SECONDS and not 0 < value < float("inf"))


_ITEMS: Final = {TEXTS: TEXT, TABLE_OF_TEXTS: TEXT, TABLE_OF_AMOUNTS: AMOUNT, _TABLES: TABLE}


def _spoken(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


def _place(file: str, text: str, keys: KeyPath) -> str:
    return f"{file}:{find_keys(text)[0][keys]}"
