"""Bytes of a TOML file to plain values, whatever the file holds.

`params.toml`, `pyproject.toml` and `expt.toml` are read here. Each thing that a file can be
instead of good TOML is one error of the caller's class, with path and line where there is one.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

    from expt.ground.errors import ExptError

MAX_BYTES: Final = 1024 * 1024  # tomllib takes 1.5 s for the worst megabyte
MAX_DEPTH: Final = 100  # everything that reads values recurses with it
MAX_DIGITS: Final = 4300  # Python refuses to turn a longer integer into text
_MAX_BITS: Final = (10**MAX_DIGITS).bit_length() - 1

_POSITION: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_BARE_KEY_OUTSIDE_ASCII: Final = re.compile(
    r"[^=#\"']*?(?<![^\s\[.])([\w-]*[^\W\x00-\x7f][\w-]*)\s*[=.\]]"
)
_LONG_NUMBER: Final = re.compile(r"[0-9A-Fa-f_]{3000,}")


def read_toml(path: Path, shown_as: str, error: type[ExptError]) -> tuple[dict[str, Any], str]:
    """The values and the text of the TOML file at `path`.

    Raises `error` at `shown_as:line` for anything that is not TOML of a sensible size, and for
    what is no file: it never waits on a FIFO.
    """
    try:
        content = read_bytes(path)
    except OSError as mistake:
        raise error(f"this file cannot be read: {mistake.strerror}", shown_as) from None
    if content is None:
        kind = "is a folder" if path.is_dir() else "is no regular file"
        raise error(f"this {kind}, where a TOML file is expected", shown_as)
    return parse_toml(content, shown_as, error)


def read_bytes(path: Path) -> bytes | None:
    """The content of a file, cut one byte past `MAX_BYTES`; None for what is no regular file.

    Never waits on a FIFO. Raises `OSError` for what cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)


def parse_toml(content: bytes, shown_as: str, error: type[ExptError]) -> tuple[dict[str, Any], str]:
    """The values of TOML and its text (without a byte order mark); see `read_toml`."""
    if len(content) > MAX_BYTES:
        told = "keep data in a file of its own, and give its path as a parameter"
        raise error("this file is larger than 1 MiB", shown_as, told)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as mistake:
        line = content.count(b"\n", 0, mistake.start) + 1
        what = f"this file is not UTF-8: byte 0x{content[mistake.start]:02x}"
        raise error(what, f"{shown_as}:{line}", "save it as UTF-8") from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as mistake:
        raise _syntax_error(str(mistake), text, shown_as, error) from None
    except RecursionError:
        raise _too_deep(shown_as, error) from None
    except ValueError:  # the only other one that tomllib lets through: int() of too many digits
        raise _long_number(text, shown_as, error) from None
    _reject_extremes(values, text, shown_as, error)
    return values, text


def _syntax_error(message: str, text: str, shown_as: str, error: type[ExptError]) -> ExptError:
    position = _POSITION.search(message)
    line = text.rstrip("\n").count("\n") + 1
    if position:
        message = message[: position.start()]
        line = int(position[1] or line)
    lines = text.splitlines()
    bare = _BARE_KEY_OUTSIDE_ASCII.match(lines[line - 1]) if line <= len(lines) else None
    hint = f'a key outside ASCII needs quotes: "{bare[1]}"' if bare else None
    told = f"this is not TOML: {message[:1].lower()}{message[1:]}"
    return error(told, f"{shown_as}:{line}", hint)


def _long_number(text: str, shown_as: str, error: type[ExptError]) -> ExptError:
    found = _LONG_NUMBER.search(text)
    line = text.count("\n", 0, found.start()) + 1 if found else 1
    told = f"a number has more than {MAX_DIGITS} digits"
    return error(told, f"{shown_as}:{line}", "write it as text, in quotes")


def _reject_extremes(
    values: dict[str, Any], text: str, shown_as: str, error: type[ExptError]
) -> None:
    """Refuse what tomllib took and what nobody could walk through or print."""
    rest: list[tuple[Any, int]] = [(values, 0)]
    while rest:
        value, depth = rest.pop()
        if depth > MAX_DEPTH:
            raise _too_deep(shown_as, error)
        if isinstance(value, dict):
            rest.extend((item, depth + 1) for item in value.values())
        elif isinstance(value, list):
            rest.extend((item, depth + 1) for item in value)
        elif isinstance(value, int) and value.bit_length() > _MAX_BITS:  # hexadecimal
            raise _long_number(text, shown_as, error)


def _too_deep(shown_as: str, error: type[ExptError]) -> ExptError:
    return error(f"values are nested more than {MAX_DEPTH} deep", shown_as)
